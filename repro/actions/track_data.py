"""Data in git's manner: add, status, checkout."""

from __future__ import annotations

from collections.abc import Sequence

from repro.actions.tracked import capture_remembered, inside, selected, stands_as, tracked_data
from repro.data.checkout import place
from repro.data.ignore import ignore_data
from repro.data.link_in_place import link_in_place
from repro.data.memo import new_memo, opened_memo
from repro.data.pointer import NotTracked, Tracked, pointer_path_of, read_pointer_of, write_pointer
from repro.data.scan import DataNotFound
from repro.data.standing import would_lose
from repro.errors import CannotProceed, UsageError
from repro.model.data.content import Content, Item, Kind
from repro.model.data.data_state import Added, CheckedOut
from repro.model.data.links import DEFAULT_WAYS, Linker
from repro.model.data.pointer import Pointer
from repro.model.names import RelPath, is_within, name_to_text
from repro.model.progress import SILENT, Progress
from repro.model.run_id import RunId
from repro.project import Project
from repro.store.cache.adoption import AdoptingCache
from repro.store.cache.cache import Cache
from repro.store.cache.object_links import linker_for
from repro.store.files.digest_only import DigestOnly
from repro.store.records.folder import prepare_folder


class TrackedByGit(CannotProceed):
    """Git has the file itself; two keepers of one file would contradict each other."""

    id = "tracked-by-git"


class WouldLose(CannotProceed):
    """A checkout would overwrite what is stored nowhere."""

    id = "would-lose"


def add(project: Project, paths: Sequence[str], progress: Progress = SILENT) -> list[Added]:
    """Store data, write its pointers, and let git ignore it.

    Raises:
        TrackedByGit: git tracks a file of it.
        UsageError: a path is outside the project, or inside data that is tracked as a whole.
        DataNotFound, NotKept, CannotProceed: it cannot be stored as it stands.
    """
    wanted = [inside(project, path) for path in paths]
    _refuse_tracked(project, wanted)
    cache = project.cache()
    cache.settle()
    known = [entry.path for entry in tracked_data(project)]
    captured = []
    for path in wanted:
        outer = next((other for other in known if other != path and is_within(path, other)), None)
        if outer is not None:
            shown = name_to_text(outer)
            raise UsageError(f"{name_to_text(path)} is part of {shown}, which is tracked", f"`repro add {shown}`")
        captured.append((path, _captured(project, path, cache, progress)))
    cache.flush()
    added = [_publish(project, path, content, files) for path, (content, files) in captured]
    for path, _ in captured:
        linker = _linker(project, path)
        if linker is None:
            continue
        with opened_memo(project.memos, path) as memo:
            if memo is not None:
                link_in_place(project.root, path, memo, cache, linker, project.staging)
    return added


def _captured(project: Project, path: RelPath, cache: Cache, progress: Progress) -> tuple[Content, int]:
    if _linker(project, path) is not None:
        return capture_remembered(project, path, AdoptingCache(cache), progress)
    if project.settings.sync == "now":
        return capture_remembered(project, path, cache, progress)
    with cache.putting_off():  # the work tree keeps the file
        return capture_remembered(project, path, cache, progress)


def _linker(project: Project, path: RelPath) -> Linker | None:
    """Return who links tracked data to the store: nobody where a command writes it, or into it."""
    settings = project.settings
    if any(is_within(path, output) or is_within(output, path) for output in settings.outputs):
        return None
    return linker_for(project.cache(), settings.link or DEFAULT_WAYS)


def _publish(project: Project, path: RelPath, content: Content, files: int) -> Added:
    pointer_path = pointer_path_of(path)
    before = _pointer(project, path)
    name = path.rsplit(b"/", 1)[-1]
    # Ignored first: at no moment may `git add .` take the data.
    ignore_data(project.root, path)
    rest = before.pointer.rest if before else {}
    write_pointer(project.root, path, Pointer(name, content, files if content.kind is Kind.DIRECTORY else None, rest))
    return Added(path, pointer_path, content, before is None or before.pointer.content != content)


def _pointer(project: Project, path: RelPath) -> Tracked | None:
    try:
        return read_pointer_of(project.root, path)
    except NotTracked:
        return None


def _refuse_tracked(project: Project, wanted: Sequence[RelPath]) -> None:
    from repro.code.tracked_paths import tracked_paths

    tracked = tracked_paths(project.root)
    for path in wanted:
        found = next((file for file in tracked if is_within(file, path)), None)
        if found is not None:
            shown = name_to_text(path)
            raise TrackedByGit(
                f"git tracks {name_to_text(found)}", f"`git rm -r --cached {shown}` leaves the file and ends that"
            )


def tracked_items(project: Project, paths: Sequence[str] = ()) -> list[Item]:
    """Return the tracked data, all of it or what is named, as its pointers say."""
    wanted = [inside(project, path) for path in paths]
    return [Item(entry.path, entry.pointer.content) for entry in selected(tracked_data(project), wanted)]


def run_items(project: Project, run: RunId, paths: Sequence[str] = ()) -> list[Item]:
    """Return a run's inputs and outputs, all of them or what is named."""
    manifest = project.records().read(run)
    outputs = {output.path: Item(output.path, output.content) for output in manifest.outputs}
    items = {item.path: item for item in manifest.recipe.data} | outputs
    wanted = [inside(project, path) for path in paths]
    for path in wanted:
        if not any(is_within(known, path) for known in items):
            raise UsageError(f"{name_to_text(path)} is neither input nor output of {run}", f"`repro show {run}`")
    return [item for path, item in sorted(items.items()) if not wanted or any(is_within(path, w) for w in wanted)]


def checkout(
    project: Project,
    items: Sequence[Item],
    *,
    link: bool = False,
    force: bool = False,
    progress: Progress = SILENT,
) -> list[CheckedOut]:
    """Bring items into the work tree. Directories lose what their tree does not have.

    Args:
        link: large files may be links to the store, as the settings say; without it all are copies.

    Raises:
        WouldLose: something would be overwritten that is stored nowhere, and `force` is not given.
        MissingObject: the store lacks an object.
        CorruptObject, BadTree, UnsafeLink: what is stored, or the way to it, is not safe.
    """
    cache = project.cache()
    cache.settle()  # what stands in the work tree may be given up for it
    standing = {item.path for item in items if _stands(project, item)}
    wanted = [item for item in items if item.path not in standing]
    if not force:
        lost = [path for item in wanted for path in _losses(project, item, cache)]
        if lost:
            shown = ", ".join(name_to_text(path) for path in lost[:5]) + (", …" if len(lost) > 5 else "")
            raise WouldLose(
                f"{len(lost)} path(s) in the work tree are stored nowhere and would be overwritten: {shown}",
                "`repro add` keeps them, `--force` gives them up",
            )
    progress.begin("checkout", sum(item.content.size for item in items))
    for item in items:
        if item.path in standing:
            progress.advance(item.content.size)
        else:
            _checkout(project, item, cache, link, progress)
    return [CheckedOut(item.path, item.path not in standing) for item in items]


def _stands(project: Project, item: Item) -> bool:
    try:
        return stands_as(project, item.path, item.content)
    except DataNotFound:
        return False  # that is why it is asked for


def _losses(project: Project, item: Item, cache: Cache) -> list[RelPath]:
    with opened_memo(project.memos, item.path) as memo:
        return would_lose(item.content, project.root, item.path, cache, True, memo)


def _checkout(project: Project, item: Item, cache: Cache, link: bool, progress: Progress) -> None:
    prepare_folder(project.folder)
    linker = _linker(project, item.path) if link else None
    staging = project.staging
    with opened_memo(project.memos, item.path) as memo, new_memo(project.memos, item.path) as writer:
        place(item.content, project.root, item.path, cache, True, progress, staging, linker, writer, memo)
    if not writer.is_whole:
        capture_remembered(project, item.path, DigestOnly())
