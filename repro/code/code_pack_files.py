"""The files of a commit in its code pack, which is not trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

from repro.code import git_objects as git
from repro.code.checked_code import check_code
from repro.code.untrusted_pack import UntrustedPack, open_untrusted_pack

Files = Mapping[bytes, tuple[int, bytes]]
"""Of each path, git's mode and the hex id."""
_LARGEST = 1 << 20


def files_of_code_pack(file: BinaryIO, commit: str) -> Files:
    """Return the files of a commit from its code pack.

    Raises:
        BadCodePack: it is not exactly that commit's.
    """
    with open_untrusted_pack(file) as pack:
        return dict(_below(pack, check_code(pack, commit.encode()).tree, b""))


def read_from_code_pack(file: BinaryIO, commit: str, paths: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the bytes of those files that the commit has, of up to 1 MiB, by path.

    Raises:
        BadCodePack: it is not exactly that commit's.
    """
    with open_untrusted_pack(file) as pack:
        found = dict(_below(pack, check_code(pack, commit.encode()).tree, b""))
        there = {path: found[path][1] for path in paths if path in found and found[path][1] in pack.objects}
        return {path: pack.read(oid) for path, oid in there.items() if pack.objects[oid].size <= _LARGEST}


def _below(pack: UntrustedPack, tree: bytes, prefix: bytes) -> Iterator[tuple[bytes, tuple[int, bytes]]]:
    for entry in git.parse_tree(pack.read(tree)):
        if entry.mode == git.MODE_TREE:
            yield from _below(pack, entry.oid, prefix + entry.name + b"/")
        else:
            yield prefix + entry.name, (entry.mode, entry.oid)
