"""The stat memo: which digest a file had when its `lstat` was this, so that an unchanged file is not read again.

One file per tracked path. It is only ever a shortcut: a missing, old or damaged memo means that files are read.
After a first line come the records of `repro.data.memo_records`: first a part with the path's own name alone, then, of
a directory, its records. A foot closes the file, so that one which is cut off is told at once.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from repro.data.memo_records import NO_DIGEST
from repro.model.data.content import Content, Kind
from repro.model.dataclass import dataclass
from repro.model.digest import digest_from, raw_of
from repro.model.names import RelPath

_HEADER = b"repro-memo 3\n"
# kind, size, files, digest, settled, lengths of path, target and witness, check sum, mark
_FOOT = struct.Struct("<cQQ32sqHHII8s")
_MARK = b"memo-end"
_BUFFER = 256 * 1024
_MOST_WITNESS = 16 * 1024 * 1024
_KINDS = {kind[0].encode(): kind for kind in Kind}


@dataclass(frozen=True, slots=True)
class Memo:
    """What is remembered of one tracked path, while its file is open: read once, from the start to the end.

    `settled_ns` is the moment before which a file must have been changed for its times to be trusted; `witness` are the
    words of a `RecallingSink`: whether it still has all that is named here.
    """

    whole: Content
    files: int
    settled_ns: int
    file: BinaryIO
    witness: bytes = b""


class MemoWriter:
    """Takes a memo's records. A disk that refuses costs only the shortcut."""

    def __init__(self, path: RelPath, file: BinaryIO | None) -> None:
        """Write to `file`, which is empty; None: nowhere."""
        self._path = path
        self._file = file
        self.is_whole = False
        self.start()

    def start(self) -> None:
        """Begin, or begin anew."""
        if self._file is not None:
            with self._trying():
                self._file.seek(0)
                self._file.truncate()
        self.add(_HEADER)

    def add(self, record: bytes) -> None:
        """Take the next record."""
        if self._file is not None:
            with self._trying():
                self._file.write(record)

    def finish(self, whole: Content, files: int, settled_ns: int, witness: bytes = b"") -> None:
        """Say what the path is as a whole, when all records are in."""
        if self._file is None:
            return
        foot = _encode_foot(self._path, whole, files, settled_ns, witness)
        with self._trying():
            self._file.write(foot)
            self._file.flush()
            self.is_whole = True

    @contextlib.contextmanager
    def _trying(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self._file = None


@contextlib.contextmanager
def opened_memo(directory: str, path: RelPath) -> Iterator[Memo | None]:
    """Open the memo of a tracked path; None where there is none that can be used."""
    try:
        file = open(memo_file(directory, path), "rb", buffering=_BUFFER)  # noqa: SIM115 - closed below
    except OSError:
        yield None
        return
    with file:
        yield _read_memo(file, path)


@contextlib.contextmanager
def new_memo(directory: str, path: RelPath) -> Iterator[MemoWriter]:
    """Yield what takes a new memo, which takes the old one's place if it is finished; a reader sees the old or the new.

    Whoever calls has the old one open, or it is none.
    """
    target = memo_file(directory, path)
    temp = f"{target}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        os.makedirs(directory, exist_ok=True)
        file = open(temp, "xb", buffering=_BUFFER)  # noqa: SIM115 - closed below
    except OSError:
        yield MemoWriter(path, None)
        return
    writer = MemoWriter(path, file)
    try:
        yield writer
        if writer.is_whole:
            with contextlib.suppress(OSError):
                os.replace(temp, target)
    finally:
        with contextlib.suppress(OSError):
            file.close()  # it may have to write once more
        with contextlib.suppress(OSError):
            os.unlink(temp)


def memo_file(directory: str, path: RelPath) -> str:
    """Return where the memo of `path` is.

    Readable where that is possible; two paths may share a name, so the memo holds its path and is checked.
    """
    name = "".join(chr(b) if (chr(b).isalnum() and b < 128) or b in b"._-" else f"%{b:02x}" for b in path)
    if len(name) > 160:
        name = f"{name[:140]}~{zlib.crc32(path):08x}"
    return os.path.join(directory, name + ".memo")


def digest_bytes(content: Content) -> bytes:
    """Return the 32 bytes that a memo keeps of content: its digest, or zeros for a link."""
    return raw_of(content.digest) if content.digest else NO_DIGEST


def _encode_foot(path: RelPath, whole: Content, files: int, settled_ns: int, witness: bytes) -> bytes:
    target = whole.target or b""
    if len(witness) > _MOST_WITNESS:
        witness = b""
    kind, start = whole.kind[0].encode(), path + target + witness
    fields = (kind, whole.size, files, digest_bytes(whole), settled_ns, len(path), len(target), len(witness))
    return start + _FOOT.pack(*fields, zlib.crc32(repr(fields).encode(), zlib.crc32(start)), _MARK)


def _read_memo(file: BinaryIO, path: RelPath) -> Memo | None:
    try:
        length = file.seek(0, os.SEEK_END)
        file.seek(length - _FOOT.size)
        *fields, check, mark = _FOOT.unpack(file.read())
        kind, size, files, digest, settled_ns, *lengths = fields
        if lengths[-1] > _MOST_WITNESS:
            return None
        file.seek(length - _FOOT.size - sum(lengths))
        start = file.read(sum(lengths))
        named, target, witness = _cut(start, lengths)
        file.seek(0)
        is_whole = mark == _MARK and check == zlib.crc32(repr(tuple(fields)).encode(), zlib.crc32(start))
        if not is_whole or named != path or file.read(len(_HEADER)) != _HEADER:
            return None
        is_link = _KINDS[kind] is Kind.SYMLINK
        whole = Content(_KINDS[kind], size, None if is_link else digest_from(digest), target if is_link else None)
        return Memo(whole, files, settled_ns, file, witness)
    except (OSError, ValueError, KeyError, struct.error):
        return None


def _cut(data: bytes, lengths: Sequence[int]) -> list[bytes]:
    ends = list(itertools.accumulate(lengths))
    return [data[end - length : end] for length, end in zip(lengths, ends, strict=True)]
