"""What a run left, told from the files before and after it; what watching adds is in `watched_aftermath`."""

from __future__ import annotations

import os
from collections.abc import Sequence

from repro.actions.earlier_outputs import EarlierOutputs
from repro.actions.tracked import stands_as
from repro.code.changes import changed_paths
from repro.code.commit_contents import paths_in_commit
from repro.code.snapshot import snapshot_work_tree
from repro.data.capture import capture
from repro.data.memo import opened_memo
from repro.data.scan import DataNotFound
from repro.execution.touched import touched_files
from repro.model.data.content import Item
from repro.model.dataclass import dataclass
from repro.model.finding import Finding
from repro.model.names import RelPath, is_within
from repro.model.runs.manifest import Manifest
from repro.model.runs.outputs import classify_touched
from repro.model.runs.outside import OutsideItem
from repro.model.watching.noise import NOISE_FOLDERS
from repro.model.watching.watch_record import Means, ReadPart, Watch
from repro.project import Project
from repro.store.files.digest_only import DigestOnly


@dataclass(frozen=True, slots=True)
class StandingFolders:
    """Directories that had to be there, and that nothing else of the record brings.

    `listed`: their names were read. `written`: the run only put something into them, or went to them.
    """

    listed: tuple[RelPath, ...] = ()
    written: tuple[RelPath, ...] = ()


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What a run left.

    Attributes:
        found: outputs that nobody declared.
        tainted: paths that changed and should not have.
        data, outside, folders, unstored, reads: its true inputs, as in a manifest.
        findings: what there is to say of it.
        is_forbidden: it did what the settings forbid.
        means, watch: by what it was watched, and what was seen; None where it was not watched.
    """

    found: tuple[RelPath, ...]
    tainted: tuple[bytes, ...]
    data: tuple[Item, ...]
    outside: tuple[OutsideItem, ...] = ()
    folders: StandingFolders = StandingFolders()
    unstored: tuple[bytes, ...] = ()
    reads: tuple[ReadPart, ...] = ()
    findings: tuple[Finding, ...] = ()
    is_forbidden: bool = False
    means: str = str(Means.NONE)
    watch: Watch | None = None


def unwatched_aftermath(project: Project, manifest: Manifest, declared: Sequence[RelPath], since: int) -> Aftermath:
    """Return what the files before and after tell. An input that an earlier run had made, and that this one made
    again, was no input."""
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
    return Aftermath((*told.found, *remade), tuple(sorted({*told.tainted, *changed})), data)


def stands_untouched(project: Project, item: Item) -> bool:
    """Whether nothing wrote to an input since the run began, by its memo: then the earlier runs need not be asked,
    which costs the reading of their manifests."""
    try:
        return stands_as(project, item.path, item.content)
    except DataNotFound:
        return False


def input_changed(project: Project, item: Item) -> bool:
    """Whether an input is not what it was, by reading it."""
    try:
        with opened_memo(project.memos, item.path) as memo:
            found = capture(project.root, item.path, DigestOnly(), memo, store=project.store_root)
    except DataNotFound:
        return True
    return found.content != item.content


def written_since(project: Project, path: RelPath, since: int) -> bool:
    """Whether anything at a path was written since a moment, in nanoseconds."""
    full = os.path.join(os.fsencode(project.root), path)
    try:
        if os.lstat(full).st_ctime_ns >= since:
            return True
    except FileNotFoundError:
        return False
    if not os.path.isdir(full) or os.path.islink(full):
        return False
    return bool(touched_files(os.fsdecode(full), since, (), ())) or not os.listdir(full)


def _judge_inputs(
    project: Project, items: Sequence[Item], declared: Sequence[RelPath], since: int, earlier: EarlierOutputs
) -> tuple[tuple[Item, ...], list[RelPath], list[RelPath]]:
    """Return the true inputs, those that were made again, and those that changed under the run."""
    data: list[Item] = []
    remade: list[RelPath] = []
    changed: list[RelPath] = []
    for item in items:
        if not any(is_within(item.path, output) for output in declared) and not stands_untouched(project, item):
            if earlier.made(item.path, item.content) and written_since(project, item.path, since):
                remade.append(item.path)
                continue
            if input_changed(project, item):
                changed.append(item.path)
        data.append(item)
    return tuple(data), remade, changed
