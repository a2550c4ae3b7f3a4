"""Adding objects to a repository: a few as loose files, many as one pack. Only what is not there already."""

from __future__ import annotations

import os
import secrets
import zlib
from hashlib import sha1
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from repro.code.git_objects import object_id
from repro.code.pack_format import KIND_NAMES, PackWriter, pack_header, write_pack_index
from repro.full_disk import naming_the_disk

if TYPE_CHECKING:
    from dulwich.repo import Repo

_MAX_LOOSE = 16  # each costs an fsync, a pack costs two
_MAX_LOOSE_BYTES = 16 << 20


class ObjectWriter:
    """A context in which objects are added; they are all there when it ends well.

    Up to 16 new objects become loose files. From the next one on all go to one pack, whose number of
    objects is only known at the end: its header is then corrected and its checksum taken again.
    """

    def __init__(self, repo: Repo) -> None:
        self._store = repo.object_store
        self._objects = os.path.join(repo.commondir(), "objects")
        self._waiting: dict[bytes, tuple[int, bytes]] = {}
        self._waiting_bytes = 0
        self._known: set[bytes] = set()
        self._pack: PackWriter | None = None
        self._file: BinaryIO | None = None

    def add(self, kind: int, data: bytes) -> bytes:
        """Add an object unless the repository has it, and return its hex id."""
        from dulwich.objects import ObjectID

        oid = object_id(KIND_NAMES[kind], data)
        if oid in self._known:
            return oid
        self._known.add(oid)
        if ObjectID(oid) in self._store:
            return oid
        if self._pack is not None:
            with naming_the_disk(self._objects):
                self._pack.add(kind, data, oid)
            return oid
        self._waiting[oid] = (kind, data)
        self._waiting_bytes += len(data)
        if len(self._waiting) > _MAX_LOOSE or self._waiting_bytes > _MAX_LOOSE_BYTES:
            with naming_the_disk(self._objects):
                self._begin_pack()
        return oid

    def _begin_pack(self) -> None:
        self._temporary, descriptor = self._new_file("pack", "tmp_pack_")
        self._file = open(descriptor, "w+b")  # noqa: SIM115 -- closed in __exit__
        self._pack = PackWriter(self._file, 0)
        for oid, (kind, data) in self._waiting.items():
            self._pack.add(kind, data, oid)
        self._waiting.clear()

    def __enter__(self) -> ObjectWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with naming_the_disk(self._objects):
            if self._file is None or self._pack is None:
                if kind is None:
                    for oid, (number, data) in self._waiting.items():
                        self._write_loose(oid, number, data)
                return
            try:
                if kind is None:
                    self._install_pack(self._file, self._pack, self._temporary)
            finally:
                _remove(self._temporary)
                self._file.close()  # it fails where the disk is full: it has to write once more

    def _new_file(self, folder: str, prefix: str) -> tuple[str, int]:
        """Make a file in a folder of the object store; return its path and descriptor.

        The prefixes are git's own: its gc takes away what a killed process left.
        """
        from dulwich.file import adjust_shared_perm

        path = os.path.join(self._objects, folder)
        if not os.path.isdir(path):
            os.makedirs(path, exist_ok=True)
            adjust_shared_perm(path, self._store.shared_perm)
        temporary = os.path.join(path, prefix + secrets.token_hex(8))
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
        adjust_shared_perm(temporary, self._store.shared_perm)
        return temporary, descriptor

    def _write_loose(self, oid: bytes, kind: int, data: bytes) -> None:
        name = oid.decode()
        temporary, descriptor = self._new_file(name[:2], "tmp_obj_")
        try:
            with open(descriptor, "wb") as file:
                file.write(zlib.compress(b"%s %d\0" % (KIND_NAMES[kind], len(data)) + data, 1))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, os.path.join(self._objects, name[:2], name[2:]))
        finally:
            _remove(temporary)

    def _install_pack(self, file: BinaryIO, pack: PackWriter, temporary: str) -> None:
        file.seek(0)
        file.write(pack_header(len(pack.objects)))
        trailer = _checksum(file)
        file.write(trailer)
        file.flush()
        os.fsync(file.fileno())
        final = os.path.join(os.path.dirname(temporary), f"pack-{trailer.hex()}")
        if os.path.exists(final + ".idx"):
            return
        index = temporary + ".idx"
        try:
            write_pack_index(index, pack.objects, trailer)
            # The pack first: git looks for packs by their index.
            os.replace(temporary, final + ".pack")
            os.replace(index, final + ".idx")
        finally:
            _remove(index)


def _remove(path: str) -> None:
    """Remove what a failure left; after success there is nothing."""
    if os.path.exists(path):
        os.unlink(path)


def _checksum(file: BinaryIO) -> bytes:
    """Return the SHA-1 of the whole file and leave its position at the end."""
    file.seek(0)
    digest = sha1(usedforsecurity=False)
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.digest()
