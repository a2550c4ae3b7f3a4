"""The plan of a rebuild: what is missing is named before anything starts."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence

from repro.actions.archives import archived_files
from repro.actions.environments.build_needs import requirements_of_source
from repro.actions.partial_data import PartialData, bring_partial
from repro.actions.rebuild.outside import missing_outside
from repro.actions.run_source import RunSource, bring
from repro.env.kind_modules import kind_named
from repro.execution.machine import describe_machine
from repro.model.data.content import Content, ObjectRef
from repro.model.dataclass import dataclass, field
from repro.model.environments.environment import distributions
from repro.model.environments.outside_world import outside_of
from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.progress import SILENT, Progress
from repro.model.runs.manifest import Manifest
from repro.model.runs.pieces import Part, pieces_of
from repro.model.runs.processor import ask_for, lacking
from repro.model.runs.run_state import State
from repro.store.cache.missing import missing_here
from repro.store.storages.errors import MissingOnRemote


@dataclass(frozen=True, slots=True)
class RebuildPlan:
    """What stands in the way (`blocking`), what to know (`warnings`), and with what its environment is made.

    `asked` are variables that ask numerical libraries for no more than the run's processor could; `partial` is what is
    brought of directories that were read in part.
    """

    blocking: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    means: str
    asked: Mapping[str, str] = field(default_factory=dict)
    partial: PartialData = field(default_factory=PartialData)


def plan_rebuild(
    source: RunSource,
    environ: Mapping[str, str],
    python: str | None,
    progress: Progress = SILENT,
    *,
    whole: bool = True,
) -> RebuildPlan:
    """Bring what a rebuild needs into the store, and say what is missing. Nothing is executed.

    `whole`: bring tracked directories whole, and not only what was read of them.

    Raises:
        RemoteError: the remote cannot be reached: whether it has a piece is then not known.
        CorruptRemoteObject, CorruptObject: a piece is not what it must be.
    """
    manifest = source.manifest
    blocking = list(_unfit(manifest))
    warnings = [_tainted(manifest)] if manifest.tainted else []
    warnings += [_edited(manifest)] if manifest.edited else []
    partial = PartialData()
    if not blocking:
        partial = PartialData() if whole else bring_partial(source, progress)
        blocking += _missing_pieces(source, partial, progress)
        blocking += missing_outside(manifest, environ.get("HOME") or "/")
    here = describe_machine().cpu_features
    asked = _asked(manifest, here)
    warnings += _processor(manifest, here, asked)
    environment = manifest.recipe.environment
    means = ""
    if environment is None:
        warnings.append(Finding("environment-not-recorded", "the command runs in whatever is installed here"))
    else:
        archived = bool(archived_files(source.records, environment))
        plan = kind_named(environment.kind).plan(environment, environ=environ, python=python, archived=archived)
        means = plan.means
        blocking += plan.blocking
        warnings += plan.warnings
        if archived and not blocking:
            warnings += _not_archived_to_build(source)
    return RebuildPlan(tuple(blocking), tuple(warnings), means, asked, partial)


def _not_archived_to_build(source: RunSource) -> list[Finding]:
    """Say for what an index is asked although the environment is archived."""
    environment = source.manifest.recipe.environment
    assert environment is not None
    files = [file.name for file in archived_files(source.records, environment)]
    outside = outside_of(environment, files, requirements_of_source(source))
    if outside is None:
        return []
    run = source.manifest.run
    detail = f"the rebuild depends on {outside.source}: {outside.unarchived} is not archived"
    return [Finding("build-not-archived", detail, run=run, hint=f"`repro env archive {run}`, where it can be had")]


def _asked(manifest: Manifest, here: Sequence[str]) -> dict[str, str]:
    environment = manifest.recipe.environment
    numpy = distributions(environment).get("numpy") if environment else None
    return ask_for(manifest.observations.machine.cpu_features, here, numpy)


def _processor(manifest: Manifest, here: Sequence[str], asked: Mapping[str, str]) -> list[Finding]:
    """Say what the processor here has less than the run's, and what libraries are asked for where it has more."""
    machine = manifest.observations.machine
    findings = []
    if less := lacking(machine.cpu_features, here):
        detail = f"the processor here has no {', '.join(less)}, the run's ({machine.processor or 'unknown'}) had"
        findings.append(Finding("processor-lacks", f"{detail}: libraries take other code, which rounds otherwise"))
    if asked:
        detail = (
            f"the processor here can more than the run's: libraries are asked for as much ({', '.join(sorted(asked))})"
        )
        findings.append(Finding("processor-exceeds", detail))
    return findings


def _unfit(manifest: Manifest) -> list[Finding]:
    if manifest.state is State.OPEN:
        return [Finding("not-sealed", "has no outputs to compare with yet", run=manifest.run, hint="`repro seal` it")]
    if not manifest.recipe.command:
        return [Finding("no-command", "was recorded without its command", run=manifest.run)]
    return []


def _missing_pieces(source: RunSource, partial: PartialData, progress: Progress) -> list[Finding]:
    """Bring everything else; of what could not be had, say which piece it belongs to."""
    in_part = {name_to_text(path): path for path in (*partial.wanted, *partial.missing)}
    needed = [
        piece
        for piece in pieces_of(source.manifest)
        if piece.part is not Part.OUTPUT and not (piece.part is Part.DATA and piece.path in in_part)
    ]
    with contextlib.suppress(MissingOnRemote):  # which pieces that concerns is found below
        bring(source, [piece.root for piece in needed], progress)
    found = [
        _missing(source, piece.part, piece.path, count)
        for piece in needed
        if (count := len(_lacking(source, piece.root)))
    ]
    return [*found, *(_missing(source, Part.DATA, name_to_text(path), n) for path, n in partial.missing.items())]


def _lacking(source: RunSource, root: Content | ObjectRef) -> tuple[object, ...]:
    return missing_here(source.cache, [root])


def _missing(source: RunSource, part: Part, path: str, count: int) -> Finding:
    where = f"neither here nor on {source.remote.shown}" if source.remote else "not here, and no remote is configured"
    return Finding(
        f"{part}-missing",
        f"{count} object{'s' * (count != 1)} {'are' if count != 1 else 'is'} {where}",
        path,
        run=source.manifest.run,
        hint="`repro push` where it was made, then again with --from",
    )


def _tainted(manifest: Manifest) -> Finding:
    paths = ", ".join(name_to_text(path) for path in manifest.tainted[:5])
    detail = f"changed while the run ran, so the run may have read other bytes: {paths}"
    return Finding("tainted", detail, run=manifest.run)


def _edited(manifest: Manifest) -> Finding:
    edited = manifest.edited.named
    files = ", ".join(f"{file.path} of {file.package}" for file in edited[:3])
    more = f" and {manifest.edited.count - 3} more" if manifest.edited.count > 3 else ""
    detail = f"the run had installed files that were edited or removed, and the rebuild has them as installed: {files}"
    return Finding("environment-edited", detail + more, run=manifest.run)
