"""What is reachable from contents: trees are followed, each once, and what they declare is compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.tree import MAX_DEPTH, BadTree, Entry, total_size
from repro.model.data.tree_objects import WrongSize
from repro.model.digest import Digest, digest_from, raw_of
from repro.model.packs.digest_table import DigestLines, DigestTable

Root = Content | ObjectRef


class Walk:
    """One walk through trees, depth first. It remembers the trees, in little room, and not the files."""

    def __init__(self, roots: Iterable[Root], open_tree: Callable[[Digest], tuple[Entry, ...] | None]) -> None:
        """Begin at `roots`; `open_tree` reads a tree, or answers None where nothing below it is to be looked at."""
        self._roots = roots
        self._open = open_tree
        self._sizes = DigestTable()

    def files(self) -> Iterator[ObjectRef]:
        """Yield every file and every plain object, as often as it is met.

        Raises:
            BadTree: trees are nested too deeply.
            WrongSize: a directory's declared size is not the sum of its entries', or it is declared with two.
        """
        waiting = DigestLines()
        for root in self._roots:
            if isinstance(root, ObjectRef):
                yield root
            elif root.kind is Kind.DIRECTORY:
                self._take(root, 0, waiting)
            elif root.digest is not None:
                yield ObjectRef(root.digest, root.size)
            while waiting:
                raw, size, depth = waiting.pop()
                digest = digest_from(raw)
                if depth > MAX_DEPTH:
                    raise BadTree(f"the directory {digest} is nested deeper than {MAX_DEPTH} levels")
                entries = self._open(digest)
                if entries is None:
                    continue
                check_size(digest, size, entries)
                for _, content in entries:
                    if content.kind is Kind.DIRECTORY:
                        self._take(content, depth + 1, waiting)
                    elif content.digest is not None:
                        yield ObjectRef(content.digest, content.size)

    def _take(self, tree: Content, depth: int, waiting: DigestLines) -> None:
        assert tree.digest is not None  # a directory has one
        if is_first(self._sizes, tree.digest, tree.size):
            waiting.add(raw_of(tree.digest), tree.size, depth)


def is_first(sizes: DigestTable, digest: Digest, size: int) -> bool:
    """Whether a directory was not met before; its size is remembered then, and compared later.

    Raises:
        WrongSize: it is declared with two.
    """
    raw = raw_of(digest)
    known = sizes.get(raw)
    if known is None:
        sizes.set(raw, size)
    elif known != size:
        raise WrongSize(f"the directory {digest} is declared with two sizes")
    return known is None


def check_size(digest: Digest, declared: int, entries: tuple[Entry, ...]) -> None:
    """Compare the size that a directory is declared with, and what its entries add up to.

    Raises:
        WrongSize: they differ.
    """
    found = total_size(entries)
    if found != declared:
        raise WrongSize(f"the directory {digest} is declared with {declared} bytes, and its entries add up to {found}")
