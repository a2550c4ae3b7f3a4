"""What is reachable from contents: trees are followed, each once, and what they declare is compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.tree import MAX_DEPTH, BadTree, Entry, total_size
from repro.model.data.tree_objects import WrongSize
from repro.model.digest import Digest

Root = Content | ObjectRef


class Walk:
    """One walk through trees, depth first. It remembers the trees, which are few, and not the files."""

    def __init__(self, roots: Iterable[Root], open_tree: Callable[[Digest], tuple[Entry, ...] | None]) -> None:
        """Begin at `roots`; `open_tree` reads a tree, or answers None where nothing below it is to be looked at."""
        self._roots = roots
        self._open = open_tree
        self._sizes: dict[Digest, int] = {}

    def files(self) -> Iterator[ObjectRef]:
        """Yield every file and every plain object, as often as it is met.

        Raises:
            BadTree: trees are nested too deeply.
            WrongSize: a directory's declared size is not the sum of its entries', or it is declared with two.
        """
        waiting: list[tuple[Digest, int]] = []
        for root in self._roots:
            if isinstance(root, ObjectRef):
                yield root
            elif root.kind is Kind.DIRECTORY:
                self._take(root, 0, waiting)
            elif root.digest is not None:
                yield ObjectRef(root.digest, root.size)
            while waiting:
                digest, depth = waiting.pop()
                if depth > MAX_DEPTH:
                    raise BadTree(f"the directory {digest} is nested deeper than {MAX_DEPTH} levels")
                entries = self._open(digest)
                if entries is None:
                    continue
                check_size(digest, self._sizes[digest], entries)
                for _, content in entries:
                    if content.kind is Kind.DIRECTORY:
                        self._take(content, depth + 1, waiting)
                    elif content.digest is not None:
                        yield ObjectRef(content.digest, content.size)

    def _take(self, tree: Content, depth: int, waiting: list[tuple[Digest, int]]) -> None:
        assert tree.digest is not None  # a directory has one
        if tree.digest not in self._sizes:
            self._sizes[tree.digest] = tree.size
            waiting.append((tree.digest, depth))
        elif self._sizes[tree.digest] != tree.size:
            raise WrongSize(f"the directory {tree.digest} is declared with two sizes")


def check_size(digest: Digest, declared: int, entries: tuple[Entry, ...]) -> None:
    """Compare the size that a directory is declared with, and what its entries add up to.

    Raises:
        WrongSize: they differ.
    """
    found = total_size(entries)
    if found != declared:
        raise WrongSize(f"the directory {digest} is declared with {declared} bytes, and its entries add up to {found}")
