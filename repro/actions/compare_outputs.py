"""Comparing every output of a run with what its rebuild made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from repro.data.capture import capture
from repro.data.scan import DataNotFound
from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.tree import Entry, decode_tree
from repro.model.digest import Digest
from repro.model.names import RelPath
from repro.model.runs.compare import ComparedOutput, FormatReader, compare_content, pair_entries
from repro.model.runs.manifest import Manifest
from repro.store.cache.cache import Cache
from repro.store.files.digest_only import DigestOnly

# Readers of file formats, asked where bytes differ: none yet, so a comparison is by bytes.
READERS: tuple[FormatReader, ...] = ()


class _TreeKeeper(DigestOnly):
    """Computes digests, stores nothing, and remembers the trees it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.trees: dict[Digest, bytes] = {}

    def add_bytes(self, data: bytes) -> ObjectRef:
        """Remember what may be a tree."""
        ref = super().add_bytes(data)
        if data.startswith(b"repro-tree "):
            self.trees[ref.digest] = data
        return ref


def compare_outputs(
    manifest: Manifest, root: str, cache: Cache, bring_trees: Callable[[Content], None]
) -> tuple[ComparedOutput, ...]:
    """Compare each output with what stands at its path below `root`.

    A directory that differs is followed by its members that differ, as far as its recorded trees can be had:
    `bring_trees` is asked to put them into the cache.
    """
    compared: list[ComparedOutput] = []
    for output in manifest.outputs:
        keeper = _TreeKeeper()
        found = _found(root, output.path, keeper)
        compared.append(compare_content(output.path, output.content, found, READERS))
        if found != output.content:
            if output.content.kind is Kind.DIRECTORY:
                bring_trees(output.content)
            compared += _members(output.path, output.content, found, cache, keeper.trees)
    return tuple(compared)


def _found(root: str, path: RelPath, keeper: _TreeKeeper) -> Content | None:
    try:
        return capture(root, path, keeper).content
    except DataNotFound:
        return None


def _members(
    path: bytes, expected: Content | None, found: Content | None, cache: Cache, trees: Mapping[Digest, bytes]
) -> Iterator[ComparedOutput]:
    if not (expected and found and expected.kind is found.kind is Kind.DIRECTORY):
        return
    if expected.digest is None or not cache.has(expected.digest):
        return
    for name, left, right in pair_entries(cache.read_tree(expected.digest), _entries(found, trees)):
        inner = path + b"/" + name
        if left and right and left.kind is right.kind is Kind.DIRECTORY:
            yield from _members(inner, left, right, cache, trees)
        else:
            yield compare_content(inner, left, right, READERS)


def _entries(found: Content, trees: Mapping[Digest, bytes]) -> tuple[Entry, ...]:
    data = trees.get(found.digest) if found.digest else None
    return decode_tree(data) if data else ()
