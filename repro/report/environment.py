"""How environments are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from repro.report.terminal import amount, put, put_json, say, say_findings

if TYPE_CHECKING:  # an environment that stands is shown by its path alone
    from repro.model.environments.archive import ArchivedFile
    from repro.model.environments.edited_file import EditedTotal
    from repro.model.environments.environment import Environment, Interpreter
    from repro.model.environments.environment_diff import Changed, EnvironmentDifference
    from repro.model.finding import Finding


def show_environment(environment: Environment | None, findings: Sequence[Finding], *, as_json: bool) -> None:
    """Show an environment: its interpreter, then a package a line."""
    if as_json:
        put_json(_to_plain(environment, findings))
        return
    say_findings(findings)
    if environment is None:
        say("no environment was recorded")
        return
    for line in _lines(environment):
        put(line)


def _lines(environment: Environment) -> Iterator[str]:
    from repro.model.environments.environment import CondaEnvironment, ImageEnvironment, PipEnvironment

    packages = list(environment.packages)
    match environment:
        case PipEnvironment():
            yield f"{environment.kind}: {_python(environment.python)}"
        case CondaEnvironment():
            python = f", {_python(environment.python)}" if environment.python else ""
            yield f"{environment.kind}: {environment.platform}{python}"
            packages += environment.pip
        case ImageEnvironment():
            yield f"{environment.kind}: sha256:{environment.image}, {environment.platform}"
            yield from (f"  at {reference}" for reference in environment.references)
    special = _origins(environment)
    for name, version in packages:
        yield f"  {name} {version}" + (f"  {special[name]}" if name in special else "")


def _python(python: Interpreter) -> str:
    return f"{python.implementation} {python.version}, {python.platform}"


def _origins(environment: Environment) -> dict[str, str]:
    from repro.model.environments.environment import ImageEnvironment

    special = dict.fromkeys(environment.unlocked, "not pinned")
    if isinstance(environment, ImageEnvironment):
        return special
    special |= {p.name: f"project ({p.path})" for p in environment.project}
    special |= {v.name: f"{v.url}@{v.commit}" for v in environment.vcs}
    return special | {w.name: w.file for w in environment.wheels}


def show_locked(
    environment: Environment, findings: Sequence[Finding], text: str, output: str, *, as_json: bool
) -> None:
    """Say where the lock was written; print it where it was not."""
    if as_json:
        put_json(_to_plain(environment, findings))
        return
    say_findings(findings)
    if output == "-":
        put(text.rstrip("\n"))
    else:
        what = "the image" if environment.kind == "image" else _counted(len(environment.packages))
        say(f"locked {what} in {output}")


def show_solved(
    source: str,
    platforms: Sequence[str],
    packages: int,
    findings: Sequence[Finding],
    text: str | None,
    *,
    as_json: bool,
) -> None:
    """Say what was solved; print the lock where it was not written."""
    if as_json:
        plain = _findings(findings)
        put_json({"source": source, "platforms": list(platforms), "packages": packages, "findings": plain})
        return
    say_findings(findings)
    if text is not None:
        put(text.rstrip("\n"))
    else:
        say(f"locked {_counted(packages)} of {source} for {', '.join(platforms)}")


def _counted(packages: int) -> str:
    return f"{packages} package{'s' * (packages != 1)}"


def show_created(
    directory: str, environment: Environment | None, findings: Sequence[Finding], *, as_json: bool
) -> None:
    """Print where an environment stands."""
    if as_json:
        put_json({"directory": directory, "environment": _environment(environment)})
        return
    say_findings(findings)
    put(directory)


def show_checked(findings: Sequence[Finding], run: str | None, *, as_json: bool) -> int:
    """Show in what the environment here differs from what it is held against, and return the exit code."""
    code = int(bool(findings))
    if as_json:
        put_json({"findings": _findings(findings)})
        return code
    say_findings(findings)
    if not findings:
        say(f"the environment is that of {run}" if run else "the environment is as it was installed and locked")
    return code


def show_archived(
    runs: Sequence[tuple[str, Sequence[ArchivedFile], bool, bool, Sequence[Finding]]], *, as_json: bool
) -> None:
    """Show what was archived: of each run its files, whether archived now, whether that was needed, findings."""
    if as_json:
        put_json({"runs": [_archived_to_plain(*run) for run in runs]})
        return
    for run, files, fresh, needed, findings in runs:
        say_findings(findings)
        size = amount(sum(file.object.size for file in files))
        if not needed:
            say(f"{run}: nothing of its environment comes from elsewhere")
        else:
            say(f"{run}: {'archived' if fresh else 'was archived'}, {len(files)} files, {size}")


def show_difference(difference: EnvironmentDifference, *, as_json: bool) -> int:
    """Show how two environments differ, and return the exit code: 1 if they do."""
    if as_json:
        put_json(_difference_to_plain(difference))
        return int(bool(difference))
    for change in difference.base:
        put(f"  {change.name}: {change.before} -> {change.after}")
    for name, version in difference.removed:
        put(f"- {name} {version}")
    for name, version in difference.added:
        put(f"+ {name} {version}")
    for change in (*difference.changed, *difference.sources):
        put(f"~ {change.name}: {change.before} -> {change.after}")
    for file in difference.edited:
        put(f"~ {file.package}: {file.path}: {file.before} -> {file.after}")
    if difference.edited_total:
        from repro.model.environments.edited_file import total_in_words

        before, after = map(total_in_words, difference.edited_total)
        put(f"~ edited files: {before} -> {after}")
    if difference.lock:
        put("  lock: an index has other files of the same versions")
    if not difference:
        say("no difference")
    return int(bool(difference))


def _archived_to_plain(
    run: str, files: Sequence[ArchivedFile], fresh: bool, needed: bool, findings: Sequence[Finding]
) -> dict[str, object]:
    plain = [{"name": file.name, "sha256": file.sha256, "size": file.object.size} for file in files]
    return {"run": run, "archived_now": fresh, "files": plain, "findings": _findings(findings)}


def _difference_to_plain(difference: EnvironmentDifference) -> dict[str, object]:
    def changes(changed: Sequence[Changed]) -> list[dict[str, str]]:
        return [{"name": change.name, "before": change.before, "after": change.after} for change in changed]

    return {
        "base": changes(difference.base),
        "added": [{"name": name, "version": version} for name, version in difference.added],
        "removed": [{"name": name, "version": version} for name, version in difference.removed],
        "changed": changes(difference.changed),
        "sources": changes(difference.sources),
        "edited": [
            {"name": file.package, "file": file.path, "before": file.before, "after": file.after}
            for file in difference.edited
        ],
        "edited_total": _totals(difference.edited_total),
        "lock": difference.lock,
    }


def _totals(totals: tuple[EditedTotal, EditedTotal] | None) -> object:
    if totals is None:
        return None
    plain = [{"files": total.files, "digest": total.digest} for total in totals]
    return {"before": plain[0], "after": plain[1]}


def _to_plain(environment: Environment | None, findings: Sequence[Finding]) -> dict[str, object]:
    return {"environment": _environment(environment), "findings": _findings(findings)}


def _environment(environment: Environment | None) -> object:
    from repro.model.environments.environment_record import environment_to_plain

    return environment_to_plain(environment) if environment else None


def _findings(findings: Sequence[Finding]) -> list[object]:
    from repro.model.watching.observations import finding_to_plain

    return [finding_to_plain(finding) for finding in findings]
