"""One index of what several name, for who looks up all of it; it lies in a file that nobody else sees."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable, Sequence

from repro.model.packs.pack_index import PackIndex
from repro.model.packs.pack_index_format import PackFile
from repro.store.files.temp_files import temp_file
from repro.store.packs.index_files import IndexFiles
from repro.store.packs.merge_indexes import merge_indexes

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)
"""Errors of a folder in which nothing can be written."""


def one_index(
    indexes: Sequence[PackIndex], folder: str, keep: Callable[[PackFile], bool] = lambda pack: True
) -> PackIndex:
    """Return one index of all that `indexes` name in packs that are kept.

    Args:
        indexes: any number.
        folder: for temporary files; where there is no room in it, or nobody may write, the system's is taken.
        keep: whether a pack is to stay.

    Raises:
        BadIndex: one of them says what cannot be.
        OSError: the disk is full, or refuses.
    """
    try:
        return _merged(indexes, folder, keep)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        # Who has no room left on the store's disk needs a gc most; where one may not write, one may look.
        with tempfile.TemporaryDirectory(prefix="repro-index-") as elsewhere:
            return _merged(indexes, elsewhere, keep)


def _merged(indexes: Sequence[PackIndex], folder: str, keep: Callable[[PackFile], bool]) -> PackIndex:
    with temp_file(folder) as (descriptor, _):
        merge_indexes(indexes, descriptor, folder, keep)
        return IndexFiles().open(descriptor)
