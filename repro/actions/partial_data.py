"""Of tracked directories, a rebuild brings the files that the run read; of the others, the names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from repro.actions.run_source import RunSource, bring
from repro.data.checkout import place
from repro.data.hollow import remove_hollow
from repro.errors import CannotProceed, IntegrityError
from repro.model.data.content import Content, ObjectRef
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest
from repro.model.names import RelPath, name_to_text
from repro.model.progress import SILENT, Progress
from repro.model.runs.manifest import Manifest
from repro.model.runs.partly_read import files_of_part, parts_of
from repro.model.watching.watch_record import ReadPart, decode_names
from repro.store.cache.missing import missing_here


class BadNameList(IntegrityError):
    """What a manifest takes for the list of what was read is none."""

    id = "bad-names"


@dataclass(frozen=True, slots=True)
class PartialData:
    """Which inputs are placed in part: the digests of the files that are, by the input's path; and what is missing of
    them, by path."""

    wanted: Mapping[RelPath, frozenset[Digest]] = field(default_factory=dict)
    missing: Mapping[RelPath, int] = field(default_factory=dict)


def bring_partial(source: RunSource, progress: Progress = SILENT) -> PartialData:
    """Bring the trees of directories that were read in part, and the files that were read.

    Raises:
        RemoteError, CorruptRemoteObject, CorruptObject, BadTree: it cannot be had, or is not what it must be. What is
            missing is in the answer.
        BadNameList: a list of names is none.
    """
    contents = {item.path: item.content for item in source.manifest.recipe.data}
    wanted: dict[RelPath, frozenset[Digest]] = {}
    missing: dict[RelPath, int] = {}
    needed: dict[RelPath, list[ObjectRef]] = {}
    for path, part in parts_of(source.manifest).items():
        refs = _refs(source, contents[path], part)
        if isinstance(refs, int):
            missing[path] = refs
        else:
            needed[path] = refs
    lacking = [ref for refs in needed.values() for ref in refs]
    absent = _bring_all(source, lacking, progress)
    for path, refs in needed.items():
        wanted[path] = frozenset(ref.digest for ref in refs)
        if count := len(wanted[path] & absent):
            missing[path] = count
    return PartialData(wanted, missing)


def _refs(source: RunSource, content: Content, part: ReadPart) -> list[ObjectRef] | int:
    """Return the files of a directory that were read, or how many objects are missing to know them."""
    source.bring_trees(content)
    absent = len(missing_here(source.cache, [content], files=False)) + len(_bring_all(source, [part.names], SILENT))
    if absent:
        return absent
    try:
        names = decode_names(source.cache.read(part.names))
    except ValueError:
        shown = name_to_text(part.path)
        raise BadNameList(f"the list of what {source.manifest.run} read of {shown} is none") from None
    return list(files_of_part(content, names, source.cache.read_tree))


def _bring_all(source: RunSource, refs: list[ObjectRef], progress: Progress) -> frozenset[Digest]:
    """Bring objects, and return those that could not be had."""
    from repro.store.storages.errors import MissingOnRemote

    try:
        bring(source, refs, progress)
    except MissingOnRemote as error:
        return frozenset(error.digests)
    return frozenset(missing_here(source.cache, refs))


def bring_rest(source: RunSource, partial: PartialData, root: str, staging: str, progress: Progress) -> None:
    """Bring the whole of every directory after all, and put it in place.

    Raises:
        CannotProceed: it is not to be had.
        RemoteError, CorruptRemoteObject, CorruptObject: as `bring`.
    """
    for path, content in _contents(source.manifest, partial):
        bring(source, [content], progress)
        if absent := missing_here(source.cache, [content]):
            raise CannotProceed(
                f"{len(absent)} files of {name_to_text(path)} that the run did not read can be had nowhere",
                "without a sandbox that can keep them away they are needed: install bubblewrap",
            )
        place(content, root, path, source.cache, True, progress, staging)


def forget_unread(manifest: Manifest, partial: PartialData, root: str) -> None:
    """Take away the names of what was not fetched: nobody shall take them for the data."""
    for path, _ in _contents(manifest, partial):
        remove_hollow(root, path)


def _contents(manifest: Manifest, partial: PartialData) -> Iterator[tuple[RelPath, Content]]:
    return ((item.path, item.content) for item in manifest.recipe.data if item.path in partial.wanted)
