"""One file of the work tree into a sink, whole and of one moment."""

from __future__ import annotations

import os
import stat

from repro.data.open_safely import named
from repro.data.rows import Row, row_of
from repro.errors import CannotProceed
from repro.model.data.content import ObjectRef
from repro.model.data.objects import Told
from repro.model.data.tree_objects import AdoptingSink, KnowingSink, adopts
from repro.model.names import name_to_text

READ_WHOLE = 128 * 1024
"""Bytes up to which a file is read at once and handed over as bytes: the size of a small object in a store."""

FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
"""How a file is opened. O_NONBLOCK: a fifo put there in the meantime must not make us wait."""


class ChangedWhileRead(CannotProceed):
    """A file was written to while it was being recorded, twice in a row."""

    id = "changed-while-read"


def capture_file(
    name: bytes, row: Row, folder: int, shown: bytes, sink: KnowingSink, told: Told
) -> tuple[Row, ObjectRef]:
    """Store a file, and return what it was then and the object.

    Args:
        name: in the open directory `folder`, or absolute.
        row: what it was when it was looked at: if it is no longer that, it is read once more.
        told: hears the bytes as they are read.

    Raises:
        ChangedWhileRead: it did not hold still.
        OSError: with the path: it cannot be read; or the sink's own.
    """
    for _ in range(2):
        try:
            descriptor = os.open(name, FLAGS, dir_fd=folder)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise named(error, shown, "reading it") from error
        try:
            if row[2] > READ_WHOLE and adopts(sink) and sink.hold(descriptor):
                row, adopted = _adopted(descriptor, sink, told)
                if adopted is not None:
                    return row, adopted
                continue
            ref = _add(descriptor, row[2], shown, sink, told)
            after = row_of(os.fstat(descriptor))
        finally:
            os.close(descriptor)
        if after == row and ref.size == row[2] and stat.S_ISREG(row[0]):
            return row, ref
        row = after
    raise ChangedWhileRead(
        f"{name_to_text(shown)} changed while it was being read", "try again when nothing writes to it"
    )


def _adopted(descriptor: int, sink: AdoptingSink, told: Told) -> tuple[Row, ObjectRef | None]:
    """Store a file that is held, and return what it is now; no object where it did not hold still."""
    before = row_of(os.fstat(descriptor))
    try:
        ref = sink.add_descriptor(descriptor, told)
        still = row_of(os.fstat(descriptor)) == before and ref.size == before[2]
    except BaseException:
        sink.release(descriptor)
        raise
    if not still:
        sink.release(descriptor)
    adopted = still and sink.adopt(descriptor, ref)
    return row_of(os.fstat(descriptor)), ref if adopted else None


def _add(descriptor: int, size: int, shown: bytes, sink: KnowingSink, told: Told) -> ObjectRef:
    if size > READ_WHOLE:
        return sink.add_descriptor(descriptor, told)
    try:
        data = os.read(descriptor, size + 1)  # one more, to see the end
        while len(data) < size and (more := os.read(descriptor, size + 1 - len(data))):
            data += more
    except OSError as error:
        raise named(error, shown, "reading it") from error
    told(len(data))
    return sink.add_bytes(data)
