"""What a check of results decides: facts about a result and the runs that made it -> findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum

from repro.model.checks.mending import Mending, Result, path_word, text_word
from repro.model.dataclass import dataclass, field
from repro.model.environments.outside_world import Outside
from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.run_id import RunId
from repro.model.runs.manifest import Manifest
from repro.model.runs.rebuild_record import RebuildRecord
from repro.model.runs.recipe import recipe_id
from repro.model.runs.run_state import State
from repro.model.settings.policy import Rebuilt, Requirements
from repro.model.watching.watch_record import Means

COULD_NOT_TELL = "could-not-tell"
_NETWORK = ("network-read", "network-forbidden")
_SHOWN = 3


class Known(StrEnum):
    """An answer that may be missing."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether the code of a run is in the history; `reason` says why that is not known, `hint` what would tell."""

    answer: Known
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class OnRemote:
    """What a remote has of a run.

    `manifest` is whether it has one; `is_same` whether that is the same as in git. `missing` and
    `environment_missing` are objects of the run that it lacks, in words. `reason` says why nothing is known. `outside`
    is on what a rebuild depends for want of an archive on it.
    """

    name: str
    manifest: Known
    is_same: bool = True
    missing: tuple[str, ...] = ()
    environment_missing: tuple[str, ...] = ()
    reason: str = ""
    hint: str = ""
    outside: Outside | None = None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What was found out about a run that made a result; what no rule asks for is not asked.

    `file` is its manifest in git. `rebuilds_unknown` says why there may be records elsewhere, `rebuilds_hint` what
    would tell. `archives` are the remotes that must have the archive of its environment.
    """

    manifest: Manifest
    file: bytes
    reach: Reach = Reach(Known.YES)
    remotes: Mapping[str, OnRemote] = field(default_factory=dict)
    rebuilds: tuple[RebuildRecord, ...] = ()
    rebuilds_unknown: str = ""
    rebuilds_hint: str = ""
    archives: Mapping[str, OnRemote] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Earlier:
    """A run that made something else at the result's path; `made` is the output's path."""

    manifest: Manifest
    made: bytes


@dataclass(frozen=True, slots=True)
class Uncommitted:
    """A manifest of the work tree that accounts for the result, and that git does not have."""

    run: RunId
    file: bytes


def judge(result: Result, require: Requirements, runs: Sequence[RunFacts], mending: Mending) -> list[Finding]:
    """Return what is wrong with a result that runs have made: nothing, if one of them meets all that is required.

    Else the run counts of which there is least to say; of those, the one that made it at its path, then the newest.
    """
    found = [(list(_of_run(result, require, run, mending)), run) for run in _newest_first(runs)]
    return min(found, key=lambda one: (len(one[0]), not _made_here(result, one[1])))[0]


def unaccounted(result: Result, uncommitted: Uncommitted | None, earlier: Earlier | None, mending: Mending) -> Finding:
    """Return what to say of a result that no run in git has made."""
    if uncommitted is not None:
        file = name_to_text(uncommitted.file)
        detail = f"was made by the run {uncommitted.run}, and its manifest {file} is not in git"
        hint = f"`{mending.add_manifest(uncommitted.file, uncommitted.run)}`"
        return Finding("manifest-not-committed", detail, result.shown, uncommitted.run, hint)
    if earlier is not None:
        run = earlier.manifest.run
        detail = f"was changed after the run {run} had made it, or by hand: no run is recorded that made these bytes"
        hint = (
            f"`{mending.take_back(result, earlier.manifest, earlier.made)}` takes back what the run made; "
            f"`{mending.again(result, earlier.manifest)}` makes it anew"
        )
        return Finding("result-changed", detail, result.shown, run, hint)
    detail = f"no run is recorded that made {_what(result)}"
    return Finding(
        "no-manifest", detail, result.shown, hint=f"`{mending.record(result)}`, with what makes it as COMMAND"
    )


def filtered(result: Result, attributes: Sequence[str], mending: Mending) -> Finding:
    """Return what to say of a result that git keeps converted in a way which only a clone's programs know."""
    reason = f"could not tell what it is: git keeps it converted ({_some(attributes)}), and no run made these bytes"
    names = sorted({text.partition("=")[0] for text in attributes})
    return could_not_tell(result, reason, f"`{mending.keep_as_it_is(result, names)}`, if it is here as the run made it")


def line_ends_changed(result: Result, manifest: Manifest, mending: Mending) -> Finding:
    """Return what to say of a result that has other line endings in git than the run gave it."""
    run = manifest.run
    detail = f"has other line endings in git, and in each clone, than the run {run} gave it: git converts text files"
    if any(result.path == output.path for output in manifest.outputs):
        hint = f"`{mending.keep_as_it_is(result, ['text', 'eol'], mending.bring(result.path, run))}`"
    else:
        hint = f"`{mending.keep_as_it_is(result, ['text', 'eol'])}`, if it is here as the run made it"
    return Finding("line-ends-changed", detail, result.shown, run, hint)


def could_not_tell(result: Result, reason: str, hint: str, run: str | None = None) -> Finding:
    """Return what to say where nobody knows."""
    return Finding(COULD_NOT_TELL, reason, result.shown, run, hint)


def _what(result: Result) -> str:
    return f"the data {name_to_text(result.path)}" if result.tracked else "these bytes"


def _newest_first(runs: Sequence[RunFacts]) -> list[RunFacts]:
    return sorted(runs, key=lambda run: run.manifest.run, reverse=True)


def _made_here(result: Result, run: RunFacts) -> bool:
    return any(result.path == output.path for output in run.manifest.outputs)


def _of_run(result: Result, require: Requirements, facts: RunFacts, mending: Mending) -> Iterator[Finding]:
    manifest = facts.manifest

    def wrong(kind: str, detail: str, hint: str) -> Finding:
        return Finding(kind, detail, result.shown, manifest.run, hint)

    again = f"`{mending.again(result, manifest)}`"
    if manifest.state is not State.COMPLETE:
        yield wrong("run-failed", f"was made by the run {manifest.run}, which failed", again)
    if require.reachable:
        yield from _reach(result, facts, mending)
    if require.locked:
        yield from _lock(result, manifest, mending)
    if require.untainted and manifest.tainted:
        paths = _some([name_to_text(path) for path in manifest.tainted])
        yield wrong("tainted", f"of the run {manifest.run}, this changed while it ran: {paths}", again)
    if require.no_network:
        yield from _network(result, manifest, mending)
    for name in sorted(require.pushed | require.environment_pushed):
        is_whole = name in require.pushed
        yield from _pushed(result, facts, facts.remotes[name], is_whole=is_whole, mending=mending)
    for name in sorted(require.archived):
        yield from _archived(result, facts, facts.archives[name])
    for rebuilt in require.rebuilt:
        yield from _rebuilt(result, facts, rebuilt, mending)


def _reach(result: Result, facts: RunFacts, mending: Mending) -> Iterator[Finding]:
    run, code = facts.manifest.run, facts.manifest.code
    if facts.reach.answer is Known.UNKNOWN:
        reason = f"could not tell whether the code of the run {run} is in the history: {facts.reach.reason}"
        yield could_not_tell(result, reason, facts.reach.hint, run)
    elif facts.reach.answer is Known.NO:
        commit = f"{code.head} and what was changed on it" if code.dirty and code.head else code.commit
        detail = f"the code of the run {run} ({commit}) is not in the history"
        again = f"`{mending.again(result, facts.manifest)}` records a run of the code that is"
        join = f"git merge --quiet -s ours -m 'Keep the code of the run {run}' refs/repro/{run}"
        hint = f"`{join}` takes it into the history, where the run was made; {again}" if mending.commits else again
        yield Finding("unreachable", detail, result.shown, run, hint)


def _lock(result: Result, manifest: Manifest, mending: Mending) -> Iterator[Finding]:
    environment = manifest.recipe.environment
    if environment is not None and not environment.unlocked:
        return
    detail = f"the run {manifest.run} has no recorded environment"
    if environment is not None:
        names = _some(environment.unlocked)
        detail = f"of the environment of the run {manifest.run}, this is not pinned by content: {names}"
    hint = f"`{mending.again(result, manifest)}` in an environment that `repro env lock` can pin"
    yield Finding("not-locked", detail, result.shown, manifest.run, hint)


def _network(result: Result, manifest: Manifest, mending: Mending) -> Iterator[Finding]:
    run, seen = manifest.run, manifest.observations
    used = [finding.detail for finding in seen.findings if finding.kind in _NETWORK]
    hosts = seen.watch.hosts if seen.watch else ()
    if used or hosts:
        where = _some(hosts) or "another host"
        detail = f"the run {run} connected to {where}: what it got there is not recorded"
        hint = f"`{mending.again(result, manifest)}`, after what it downloads was downloaded and added with `repro add`"
        yield Finding("network-used", detail, result.shown, run, hint)
    elif seen.watched != Means.STRACE:
        how = "by Python's audit hook only" if seen.watched == Means.AUDIT else "not at all"
        detail = f"the run {run} was watched {how}, so whether it used the network is not known"
        hint = f"`{mending.again(result, manifest, '--watch strace')}`"
        yield Finding("network-not-known", detail, result.shown, run, hint)


def _pushed(result: Result, facts: RunFacts, there: OnRemote, *, is_whole: bool, mending: Mending) -> Iterator[Finding]:
    run, name = facts.manifest.run, there.name
    push = f"`repro push -r {text_word(name)} {run}`"
    missing = there.missing if is_whole else there.environment_missing
    if there.manifest is Known.UNKNOWN:
        reason = f"could not tell whether the remote {name!r} has the run {run}: {there.reason}"
        yield could_not_tell(result, reason, there.hint, run)
    elif there.manifest is Known.NO and not is_whole and not missing:
        return
    elif there.manifest is Known.NO:
        kind = "not-pushed" if is_whole else "environment-not-pushed"
        yield Finding(kind, f"the remote {name!r} does not have the run {run}", result.shown, run, push)
    elif not there.is_same:
        detail = f"the remote {name!r} has another manifest of the run {run} than {name_to_text(facts.file)}"
        hint = f"`{mending.take_remote(facts.file, name, run)}`"
        yield Finding("manifest-mismatch", detail, result.shown, run, hint)
    elif missing:
        detail = f"the remote {name!r} has the manifest of the run {run}, and lacks {_some(missing)}"
        hint = f"`repro fsck -r {text_word(name)} --repair`"
        yield Finding("missing-on-remote", detail, result.shown, run, hint)


def _archived(result: Result, facts: RunFacts, there: OnRemote) -> Iterator[Finding]:
    run, name = facts.manifest.run, there.name
    if there.manifest is Known.UNKNOWN:
        reason = (
            f"could not tell whether the remote {name!r} has an archive of the environment of {run}: {there.reason}"
        )
        yield could_not_tell(result, reason, there.hint, run)
    elif there.manifest is Known.NO:
        outside = there.outside or Outside("the outside world")
        detail = (
            f"a rebuild of the run {run} depends on {outside.source}: {name!r} has no archive of {outside.unarchived}"
        )
        hint = f"`repro env archive {run} && repro push -r {text_word(name)} {run}`"
        yield Finding("not-archived", detail, result.shown, run, hint)
    elif there.missing:
        detail = f"the remote {name!r} has an archive of the environment of {run}, and lacks {_some(there.missing)}"
        hint = f"`repro fsck -r {text_word(name)} --repair`"
        yield Finding("missing-on-remote", detail, result.shown, run, hint)


def _rebuilt(result: Result, facts: RunFacts, rebuilt: Rebuilt, mending: Mending) -> Iterator[Finding]:
    run = facts.manifest.run
    recipe = recipe_id(facts.manifest.recipe)
    good = [one for one in facts.rebuilds if one.recipe == recipe and rebuilt.counts(one.verdict)]
    hosts = sorted({one.machine.host for one in good})
    if len(hosts) >= rebuilt.hosts:
        return
    wanted = f"{rebuilt.hosts} host{'s' * (rebuilt.hosts != 1)}"
    found = f"{len(hosts)} did ({_some(hosts)})" if hosts else "none did"
    detail = f"{wanted} must have rebuilt the run {run} with the verdict {rebuilt.verdict} or a better one; {found}"
    if facts.rebuilds_unknown:
        yield could_not_tell(result, f"{detail} that is known here: {facts.rebuilds_unknown}", facts.rebuilds_hint, run)
        return
    others = " on another host" if hosts else ""
    yield Finding("not-rebuilt", detail, result.shown, run, f"`{mending.rebuild(run)}`{others}")


def _some(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def bad_pointer(result: Result, error: str, mending: Mending) -> Finding:
    """Return what to say of a pointer file that cannot be read."""
    hint = f"`{mending.track_again(result)}`, if {path_word(result.path)} is here"
    return Finding("bad-pointer", error, result.shown, hint=hint)
