"""Packs get their names, and an index that says what is in them. Whoever sees the index can rely on the packs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence

from repro.model.digest import Digest, digest_of, hex_of
from repro.model.packs.pack_index_format import PackFile
from repro.model.packs.pack_index_writing import encode_entries, encode_index
from repro.store.files.flushing import flush_file
from repro.store.files.shared_folders import make_folder
from repro.store.files.temp_files import temp_file, write_all
from repro.store.packs.indexes import PackIndexes
from repro.store.packs.merge_indexes import merge_indexes
from repro.store.packs.spots import split_entries
from repro.store.packs.writer import WrittenPack

MANY_INDEXES = 16
"""How many a lookup is to ask at most; more are made one."""


def publish_packs(root: str, packs: Sequence[WrittenPack]) -> Digest:
    """Give packs their names in `packs/` of the cache at `root`, then write one index of all of them.

    After a power cut, what has a name is what its name says: each file is on the disk before it is named.

    Args:
        root: the cache's folder.
        packs: on the disk (`flush_file`), in temporary files of its file system.

    Returns:
        The index's digest.

    Raises:
        OSError: the disk is full, or refuses; packs that have their names already are then in no index.
    """
    for folder in ("packs", "indexes"):
        make_folder(f"{root}/{folder}")
    for pack in packs:
        os.rename(pack.path, f"{root}/packs/{hex_of(pack.file.digest)}")
    flush_file(f"{root}/packs")
    entries = [entry for position, pack in enumerate(packs) for entry in split_entries(pack.entries, position)]
    return _write_index(root, encode_entries([pack.file for pack in packs], entries))


def publish_index(root: str, packs: Sequence[PackFile], entries: Mapping[bytes, bytes]) -> Digest:
    """Write an index of packs that have their names; return its digest.

    Args:
        root: the cache's folder.
        packs: what the entries name by position.
        entries: `place_bytes` of each object by the 32 bytes of its digest.

    Raises:
        OSError: the disk is full, or refuses.
    """
    make_folder(f"{root}/indexes")
    return _write_index(root, encode_index(packs, entries.items()))


def _write_index(root: str, data: bytes) -> Digest:
    with temp_file(f"{root}/tmp") as (descriptor, path):
        write_all(descriptor, data)
        digest = digest_of(data)
        _name_index(root, descriptor, path, digest)
    return digest


def merge_many(root: str, indexes: PackIndexes, most: int = MANY_INDEXES) -> None:
    """Make one index of all that the cache has, if there are more than `most`. Others may do the same at the same time.

    What an index says of packs that are gone is left out.

    Raises:
        BadIndex: one of them is none.
        OSError: the disk is full, or refuses; the old ones are then there still.
    """
    old = dict(indexes.current())
    if len(old) <= most:
        return
    with temp_file(f"{root}/tmp") as (descriptor, path):
        merged = merge_indexes(list(old.values()), descriptor, f"{root}/tmp", lambda pack: _is_there(root, pack))
        _name_index(root, descriptor, path, merged)
    flush_file(f"{root}/indexes")
    # Only now, and only what is in it: an index that came in the meantime stays.
    for name in old.keys() - {hex_of(merged)}:
        with contextlib.suppress(FileNotFoundError, PermissionError):
            os.unlink(f"{root}/indexes/{name}")


def _name_index(root: str, descriptor: int, path: str, digest: Digest) -> None:
    os.fchmod(descriptor, 0o444)
    os.fsync(descriptor)
    os.rename(path, f"{root}/indexes/{hex_of(digest)}")


def _is_there(root: str, pack: PackFile) -> bool:
    """Whether a pack is there, or in the hands of a gc, which may put it back."""
    for folder in ("packs", "condemned/packs", "packs"):
        with contextlib.suppress(FileNotFoundError):
            return os.stat(f"{root}/{folder}/{hex_of(pack.digest)}").st_size == pack.length
    return False
