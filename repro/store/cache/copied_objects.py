"""A large file taken into the store: as a clone, or as a copy that is hashed while it is made."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable

from repro.model.data.content import ObjectRef
from repro.model.data.objects import Told
from repro.model.packs.unsynced import UNSYNCED_FROM
from repro.store.cache.loose_objects import LooseObjects
from repro.store.cache.unsynced import BegunRecord, Unsynced
from repro.store.files.hashed_copy import copy_and_hash_here
from repro.store.files.hashing import hash_descriptor
from repro.store.files.reflink import is_read_from_start, reflink
from repro.store.files.temp_files import temp_file


def store_large(
    loose: LooseObjects,
    knows: Callable[[ObjectRef], bool],
    folder: str,
    descriptor: int,
    first: bytes,
    told: Told | None,
    unsynced: Unsynced | None,
) -> ObjectRef:
    """Store `first`, which was read from the descriptor, and all that can still be read, as a file of its own.

    Args:
        loose: the objects' files.
        knows: whether an object is there, and may stand for these bytes.
        folder: for the file while it is being written.
        descriptor: the open file.
        first: what was read of it.
        told: hears the bytes of each block.
        unsynced: keeps a record of what is not waited for; without it, all is.

    Raises:
        OSError: the disk is full, or refuses; nothing is left behind.
    """
    with temp_file(folder) as (temp, path):
        from_start = is_read_from_start(descriptor, len(first))
        if from_start and reflink(descriptor, temp):
            ref = hash_descriptor(temp, told)  # of the clone: the original may be written to
            if not knows(ref):
                loose.publish(temp, path, ref.digest)
            return ref
        if from_start:
            os.lseek(descriptor, 0, os.SEEK_SET)
            first = b""
        with _begun(unsynced, descriptor) or contextlib.nullcontext() as record:
            ref = copy_and_hash_here(descriptor, temp, first, told)
            if not knows(ref):
                _publish(loose, temp, path, ref, record)
    return ref


def _begun(unsynced: Unsynced | None, descriptor: int) -> BegunRecord | None:
    """Return a record, unless the file is one that is waited for."""
    status = os.fstat(descriptor)
    if unsynced is None or not stat.S_ISREG(status.st_mode) or status.st_size < UNSYNCED_FROM:
        return None
    return unsynced.begin(descriptor)


def _publish(loose: LooseObjects, temp: int, path: str, ref: ObjectRef, record: BegunRecord | None) -> None:
    if record is None:
        loose.publish(temp, path, ref.digest)
        return
    record.name(ref)
    loose.publish(temp, path, ref.digest, is_waited_for=False)
    record.keep()
