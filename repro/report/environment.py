"""How environments are shown."""

from __future__ import annotations

from collections.abc import Sequence

from repro.model.environment import Environment
from repro.model.environment_record import environment_to_plain
from repro.model.finding import Finding
from repro.model.observations import finding_to_plain
from repro.report.terminal import put, put_json, say, say_findings


def show_environment(environment: Environment | None, findings: Sequence[Finding], *, as_json: bool) -> None:
    """Show an environment: its interpreter, then a package a line."""
    if as_json:
        put_json(_to_plain(environment, findings))
        return
    say_findings(findings)
    if environment is None:
        say("no environment was recorded")
        return
    python = environment.python
    put(f"{environment.kind}: {python.implementation} {python.version}, {python.platform}")
    special = {p.name: f"project ({p.path})" for p in environment.project}
    special |= {v.name: f"{v.url}@{v.commit}" for v in environment.vcs}
    special |= {w.name: w.file for w in environment.wheels}
    special |= dict.fromkeys(environment.unlocked, "not pinned")
    for name, version in environment.packages:
        put(f"  {name} {version}" + (f"  {special[name]}" if name in special else ""))


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
        say(f"locked {len(environment.packages)} packages in {output}")


def show_created(directory: str, environment: Environment, findings: Sequence[Finding], *, as_json: bool) -> None:
    """Print where an environment stands."""
    if as_json:
        put_json({"directory": directory, "environment": environment_to_plain(environment)})
        return
    say_findings(findings)
    put(directory)


def _to_plain(environment: Environment | None, findings: Sequence[Finding]) -> dict[str, object]:
    plain = environment_to_plain(environment) if environment else None
    return {"environment": plain, "findings": [finding_to_plain(finding) for finding in findings]}
