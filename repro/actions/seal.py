"""Sealing a run: its outputs and metrics are recorded, and what changed under it is told."""

from __future__ import annotations

import os
from collections.abc import Sequence

from repro.actions.aftermath import Aftermath, unwatched_aftermath, written_since
from repro.actions.freeze import declared_outputs
from repro.actions.start_marks import forget_start, started_ns, watch_folder
from repro.actions.tracked import capture_remembered
from repro.actions.watched_aftermath import watched_aftermath, with_found_inputs
from repro.code.filtered_tree import tree_without
from repro.data.capture import capture
from repro.data.scan import DataNotFound, NotKept
from repro.errors import CannotProceed, ReproError
from repro.execution.watching import forget_watching, read_watching
from repro.model.dataclass import dataclass, replace
from repro.model.finding import Finding
from repro.model.names import RelPath, is_within, name_to_text
from repro.model.runs.manifest import Manifest, Output
from repro.model.runs.recipe import Recipe
from repro.model.runs.run_state import State
from repro.model.secret_names import looks_secret
from repro.model.values import BadValues, read_values
from repro.model.watching.observations import Observations
from repro.model.watching.watch_findings import not_watched
from repro.model.watching.watch_record import BLIND, Means, Watch
from repro.project import Project

_MISSING_HINT = "does the command write it under another name? A path after -o counts from the current directory"

_NOT_KEPT_HINT = "`exclude` in repro.yaml names what is never an output"


class AlreadySealed(CannotProceed):
    """The run has its outputs already."""

    id = "already-sealed"


@dataclass(frozen=True, slots=True)
class Ending:
    """How the command ended, and what was seen of it then. Times are ISO 8601, UTC; what is not known is None."""

    exit_code: int | None = None
    signal: str | None = None
    started: str | None = None
    finished: str | None = None
    duration_s: float | None = None
    findings: tuple[Finding, ...] = ()


def seal(
    project: Project, manifest: Manifest, ending: Ending, outputs: Sequence[str] = (), metrics: Sequence[str] = ()
) -> Manifest:
    """Complete an open manifest, on disk too, and return it.

    Args:
        ending: how the command ended.
        outputs, metrics: further paths, as the user gave them.

    Raises:
        AlreadySealed: it is not open.
    """
    if manifest.state is not State.OPEN:
        raise AlreadySealed(f"the run {manifest.run} is sealed: {manifest.state}", "`repro run` makes a new one")
    project.cache().settle()
    declared = tuple(dict.fromkeys((*manifest.missing_outputs, *declared_outputs(project, outputs))))
    since = started_ns(project, manifest)
    after = _aftermath(project, manifest, declared, since)
    findings = [*_taint_findings(after.tainted)]
    made, missing = _capture_declared(project, declared)
    found, unkept = _capture_found(project, after.found)
    made += found
    findings += _output_findings(project, declared, missing, since)
    values, unread = _metrics(project, metrics)
    failed = bool(missing) or ending.exit_code not in (None, 0) or after.is_forbidden
    sealed = replace(
        manifest,
        state=State.FAILED if failed else State.COMPLETE,
        tainted=after.tainted,
        outputs=made,
        missing_outputs=missing,
        metrics=values,
        unstored=after.unstored,
        folders=after.folders.written,
        reads=after.reads,
        recipe=_final_recipe(project, manifest, declared, made, after),
        observations=_observed(manifest.observations, ending, after, (*findings, *unkept, *unread)),
    )
    project.cache().flush()
    project.records().replace(sealed)
    forget_start(project, manifest.run)
    forget_watching(watch_folder(project, manifest.run))
    return sealed


def _observed(before: Observations, ending: Ending, after: Aftermath, findings: Sequence[Finding]) -> Observations:
    """Return the observations with how the command ended, what watching it saw, and further findings."""
    return replace(
        before,
        exit_code=ending.exit_code,
        signal=ending.signal,
        started=ending.started,
        finished=ending.finished,
        duration_s=ending.duration_s,
        watched=after.means,
        watch=after.watch,
        findings=(*before.findings, *findings, *after.findings, *ending.findings),
    )


def _aftermath(project: Project, manifest: Manifest, declared: Sequence[RelPath], since: int) -> Aftermath:
    """Return what the run left, by the best evidence that there is."""
    folder = watch_folder(project, manifest.run)
    cwd = os.path.normpath(os.path.join(project.root, os.fsdecode(manifest.recipe.directory)))
    watched = read_watching(folder, cwd)
    if watched is None or watched.means is Means.NONE:
        after = unwatched_aftermath(project, manifest, declared, since)
        if watched is None or watched.reason is None:
            return after  # nobody asked for it
        findings = (*after.findings, *not_watched(watched.means, watched.reason))
        return replace(after, findings=findings, watch=Watch(reason=watched.reason, blind=BLIND[Means.NONE]))
    if watched.means is Means.STRACE:
        return watched_aftermath(project, manifest, watched, declared, since)
    before = unwatched_aftermath(project, manifest, declared, since)
    return with_found_inputs(project, manifest, watched, before, since)


def _capture_declared(project: Project, declared: Sequence[RelPath]) -> tuple[tuple[Output, ...], tuple[RelPath, ...]]:
    cache = project.cache()
    made: list[Output] = []
    missing: list[RelPath] = []
    outer = [path for path in declared if not any(path != other and is_within(path, other) for other in declared)]
    for path in outer:
        try:
            made.append(Output(path, capture_remembered(project, path, cache)[0], declared=True))
        except DataNotFound:
            missing.append(path)
    return tuple(made), tuple(missing)


def _capture_found(project: Project, found: Sequence[RelPath]) -> tuple[tuple[Output, ...], list[Finding]]:
    """Nobody asked for these: a socket that a program left must not cost the run its record."""
    cache = project.cache()
    made: list[Output] = []
    findings = []
    for path in found:
        if looks_secret(path):
            detail = "was written, and is called like a secret: it is not stored, and no output"
            findings.append(
                Finding("secret-left-out", detail, name_to_text(path), hint="if it is none: name it with -o")
            )
            continue
        try:
            content = capture(project.root, path, cache, store=project.store_root).content
            made.append(Output(path, content, declared=False))
        except DataNotFound:
            continue  # taken away in this moment: not an output
        except NotKept as error:
            findings.append(Finding("output-not-kept", error.message, name_to_text(path), hint=_NOT_KEPT_HINT))
    return tuple(made), findings


def _final_recipe(
    project: Project,
    manifest: Manifest,
    declared: Sequence[RelPath],
    made: Sequence[Output],
    after: Aftermath,
) -> Recipe:
    """The code counts without the run's own outputs, all of which are known only now; so do the inputs."""
    paths = sorted({*(bytes(path) for path in declared), *(bytes(output.path) for output in made)})
    code = tree_without(project.root, manifest.code.commit, paths)
    data = tuple(sorted(after.data, key=lambda item: item.path))
    outside = tuple(sorted(after.outside, key=lambda item: item.path))
    return replace(manifest.recipe, data=data, outside=outside, folders=after.folders.listed, code=code)


def _taint_findings(tainted: Sequence[bytes]) -> list[Finding]:
    hint = "if the command writes it, name it with -o or in `outputs:`; else run again without changing it"
    return [
        Finding(
            "tainted", "changed while the run ran: nobody can say which bytes it read", name_to_text(path), hint=hint
        )
        for path in tainted
    ]


def _output_findings(
    project: Project, declared: Sequence[RelPath], missing: Sequence[RelPath], since: int
) -> list[Finding]:
    findings = [
        Finding("output-missing", "is a declared output and was not made", name_to_text(path), hint=_MISSING_HINT)
        for path in missing
    ]
    for path in declared:
        if path not in missing and not written_since(project, path, since):
            shown = name_to_text(path)
            detail = "is a declared output that the command did not touch: it may be left over from before"
            findings.append(Finding("output-not-written", detail, shown, hint=f"remove {shown}, then run again"))
    return findings


def _metrics(project: Project, named: Sequence[str]) -> tuple[dict[str, object], list[Finding]]:
    values: dict[str, object] = {}
    findings = []
    paths = [*project.settings.metrics, *(project.relative(path) for path in named)]
    for raw in dict.fromkeys(paths):
        path = name_to_text(raw)
        try:
            with open(os.path.join(os.fsencode(project.root), raw), "rb") as file:
                values[path] = read_values(file.read(), path, tables=True)
        except (BadValues, OSError) as error:
            # The run is over and must be recorded; what cannot be read of it is said.
            reason = error.message if isinstance(error, ReproError) else str(error.strerror)
            findings.append(Finding("metrics-not-read", reason, path))
    return values, findings
