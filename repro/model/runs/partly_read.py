"""Of which directories a rebuild needs only the files that the run read, and which files those are."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.tree import MAX_DEPTH, BadTree, Entry
from repro.model.digest import Digest
from repro.model.names import RelPath, is_within
from repro.model.runs.manifest import Manifest
from repro.model.watching.watch_record import ReadPart

ReadTree = Callable[[Digest], tuple[Entry, ...]]


def parts_of(manifest: Manifest) -> dict[RelPath, ReadPart]:
    """Return the inputs, directories, of which it is recorded what was read, by their paths.

    Not among them is a directory whose unread files are needed all the same: to be compared, as part of an output.
    """
    items = {item.path: item.content for item in manifest.recipe.data}
    return {
        part.path: part
        for part in manifest.reads
        if part.path in items
        and items[part.path].kind is Kind.DIRECTORY
        and not any(_has_files_of(output.path, output.content, part.path) for output in manifest.outputs)
    }


def _has_files_of(output: bytes, content: Content, part: bytes) -> bool:
    overlaps = is_within(part, output) or is_within(output, part)
    return overlaps and content.kind is Kind.DIRECTORY


def files_of_part(content: Content, names: frozenset[bytes], read_tree: ReadTree) -> Iterator[ObjectRef]:
    """Yield the files of a directory that a name list has. A name that is not in the directory is passed over: somebody
    put it there while the run ran.

    Args:
        content: the directory.
        names: a name list's. One that is a directory without the slash of a listing stands for all that is in it: the
            run opened it as a file, or moved it.
        read_tree: reads a tree.

    Raises:
        BadTree: trees are nested too deeply.
    """
    read = frozenset(name for name in names if not name.endswith(b"/"))
    waiting: list[tuple[Digest, frozenset[bytes] | None, int]] = []
    if content.digest is not None:
        waiting.append((content.digest, read, 0))
    while waiting:
        digest, wanted, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise BadTree(f"the directory {content.digest} is nested deeper than {MAX_DEPTH} levels")
        below = None if wanted is None else _by_first_name(wanted)
        for entry in read_tree(digest):
            if entry.content.digest is None or (below is not None and entry.name not in below):
                continue
            if entry.content.kind is not Kind.DIRECTORY:
                yield ObjectRef(entry.content.digest, entry.content.size)
                continue
            rest = None if below is None or b"" in below[entry.name] else frozenset(below[entry.name])
            waiting.append((entry.content.digest, rest, depth + 1))


def _by_first_name(paths: frozenset[bytes]) -> dict[bytes, set[bytes]]:
    found: dict[bytes, set[bytes]] = {}
    for path in paths:
        first, _, rest = path.partition(b"/")
        found.setdefault(first, set()).add(rest)
    return found
