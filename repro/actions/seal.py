"""Sealing a run: its outputs and metrics are recorded, and what changed under it is told."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from repro.actions.earlier_outputs import EarlierOutputs
from repro.actions.freeze import declared_outputs
from repro.actions.start_marks import forget_start, started_ns
from repro.actions.tracked import capture_remembered, stands_as
from repro.code.changes import changed_paths
from repro.code.commit_contents import paths_in_commit
from repro.code.filtered_tree import tree_without
from repro.code.snapshot import snapshot_work_tree
from repro.data.capture import capture
from repro.data.memo import opened_memo
from repro.data.scan import DataNotFound, NotKept
from repro.errors import CannotProceed, ReproError
from repro.execution.touched import touched_files
from repro.model.content import Item
from repro.model.finding import Finding
from repro.model.manifest import Manifest, Output
from repro.model.names import RelPath, is_within, name_to_text
from repro.model.noise import NOISE_FOLDERS
from repro.model.outputs import classify_touched
from repro.model.recipe import Recipe
from repro.model.run_state import State
from repro.model.values import BadValues, read_values
from repro.project import Project
from repro.store.hashing import DigestOnly

_MISSING_HINT = "does the command write it under another name? A path after -o counts from the current directory"

_NOT_KEPT_HINT = "`exclude` in repro.yaml names what is never an output"


class AlreadySealed(CannotProceed):
    """The run has its outputs already."""

    id = "already-sealed"


@dataclass(frozen=True, slots=True)
class Ending:
    """How the command ended. Times are ISO 8601, UTC; what is not known is None."""

    exit_code: int | None = None
    signal: str | None = None
    started: str | None = None
    finished: str | None = None
    duration_s: float | None = None


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
    declared = tuple(dict.fromkeys((*manifest.missing_outputs, *declared_outputs(project, outputs))))
    since = started_ns(project, manifest)
    after = _aftermath(project, manifest, declared, since)
    findings = [*_taint_findings(after.tainted)]
    made, missing = _capture_declared(project, declared)
    found, unkept = _capture_found(project, after.found)
    made += found
    findings += _output_findings(project, declared, missing, since)
    values, unread = _metrics(project, metrics)
    failed = bool(missing) or ending.exit_code not in (None, 0)
    sealed = replace(
        manifest,
        state=State.FAILED if failed else State.COMPLETE,
        tainted=after.tainted,
        outputs=made,
        missing_outputs=missing,
        metrics=values,
        recipe=_final_recipe(project, manifest, declared, made, after.data),
        observations=replace(
            manifest.observations,
            exit_code=ending.exit_code,
            signal=ending.signal,
            started=ending.started,
            finished=ending.finished,
            duration_s=ending.duration_s,
            findings=(*manifest.observations.findings, *findings, *unkept, *unread),
        ),
    )
    project.cache().flush()
    project.records().replace(sealed)
    forget_start(project, manifest.run)
    return sealed


@dataclass(frozen=True, slots=True)
class _Aftermath:
    """What a run left: outputs nobody declared, paths that changed and should not have, and its true inputs.

    An input that an earlier run had made, and that this one made again, was no input.
    """

    found: tuple[RelPath, ...]
    tainted: tuple[bytes, ...]
    data: tuple[Item, ...]


def _aftermath(project: Project, manifest: Manifest, declared: Sequence[RelPath], since: int) -> _Aftermath:
    start = manifest.code.commit
    earlier = EarlierOutputs(project, manifest.run, start)
    end = snapshot_work_tree(project.root).commit
    inputs = [item.path for item in manifest.recipe.data]
    in_code = paths_in_commit(project.root, start)
    touched = touched_files(project.root, since, NOISE_FOLDERS, {bytes(path) for path in (*declared, *inputs)})
    told = classify_touched(
        touched,
        {change.path for change in changed_paths(project.root, start, end)} & in_code,
        in_code.__contains__,
        earlier.made_code,
        [*declared, *inputs],
        project.settings.exclude,
    )
    data, remade, changed = _judge_inputs(project, manifest.recipe.data, declared, since, earlier)
    return _Aftermath((*told.found, *remade), tuple(sorted({*told.tainted, *changed})), data)


def _judge_inputs(
    project: Project, items: Sequence[Item], declared: Sequence[RelPath], since: int, earlier: EarlierOutputs
) -> tuple[tuple[Item, ...], list[RelPath], list[RelPath]]:
    """Return the true inputs, those that were made again, and those that changed under the run."""
    data: list[Item] = []
    remade: list[RelPath] = []
    changed: list[RelPath] = []
    for item in items:
        if not any(is_within(item.path, output) for output in declared) and not _stands_untouched(project, item):
            if earlier.made(item.path, item.content) and _written_since(project, item.path, since):
                remade.append(item.path)
                continue
            if _input_changed(project, item):
                changed.append(item.path)
        data.append(item)
    return tuple(data), remade, changed


def _stands_untouched(project: Project, item: Item) -> bool:
    """Whether nothing wrote to an input since the run began, by its memo: then the earlier runs need not be asked,
    which costs the reading of their manifests."""
    try:
        return stands_as(project, item.path, item.content)
    except DataNotFound:
        return False


def _input_changed(project: Project, item: Item) -> bool:
    try:
        with opened_memo(project.memos, item.path) as memo:
            found = capture(project.root, item.path, DigestOnly(), memo, store=project.store_root)
    except DataNotFound:
        return True
    return found.content != item.content


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
    data: tuple[Item, ...],
) -> Recipe:
    """The code counts without the run's own outputs, all of which are known only now; so do the inputs."""
    paths = sorted({*(bytes(path) for path in declared), *(bytes(output.path) for output in made)})
    return replace(manifest.recipe, data=data, code=tree_without(project.root, manifest.code.commit, paths))


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
        if path not in missing and not _written_since(project, path, since):
            shown = name_to_text(path)
            detail = "is a declared output that the command did not touch: it may be left over from before"
            findings.append(Finding("output-not-written", detail, shown, hint=f"remove {shown}, then run again"))
    return findings


def _written_since(project: Project, path: RelPath, since: int) -> bool:
    full = os.path.join(os.fsencode(project.root), path)
    try:
        if os.lstat(full).st_ctime_ns >= since:
            return True
    except FileNotFoundError:
        return False
    if not os.path.isdir(full) or os.path.islink(full):
        return False
    return bool(touched_files(os.fsdecode(full), since, (), ())) or not os.listdir(full)


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
