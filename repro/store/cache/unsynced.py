"""Objects whose files were not waited for: each has a record until somebody has seen its bytes on the disk.

The record is on the disk before the object has its name. So after the machine went down, whatever the disk kept of an
object is found, compared with its digest, and taken again from where it came from.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator

from repro.model.data.content import ObjectRef
from repro.model.dataclass import dataclass
from repro.model.digest import Digest
from repro.model.packs.unsynced import UnsyncedRecord, parse_unsynced, render_begun, render_object
from repro.model.record import BadRecord, NewerFormat
from repro.store.cache.loose_objects import LooseObjects
from repro.store.files.flushing import flush_file, flush_files
from repro.store.files.hashed_copy import copy_and_hash_here
from repro.store.files.hashing import hash_file
from repro.store.files.shared_folders import make_folder
from repro.store.files.temp_files import pwrite_all, temp_file, write_all

FOLDER = "unsynced"

_NOT_OURS = (errno.EACCES, errno.EPERM, errno.EROFS)  # a store, or a record, that this user may only read


@dataclass(frozen=True, slots=True)
class FoundRecord:
    """A record of the store: its path, its user, and what it says; nothing of one whose writer a power cut stopped."""

    path: str
    owner: int
    record: UnsyncedRecord | None


def boot_id() -> str | None:
    """Return what tells this boot of the machine from all others; None where the system does not say."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip() or None
    except OSError:
        return None


def records_of(root: str) -> Iterator[FoundRecord]:
    """Yield the records of the store at `root` that nobody is writing, in the order of their names."""
    folder = f"{root}/{FOLDER}"
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return
    for name in names:
        path = f"{folder}/{name}"
        with contextlib.suppress(FileNotFoundError, PermissionError, NewerFormat), open(path, "rb") as file:
            if not _locked(file.fileno(), fcntl.LOCK_SH):
                continue
            try:
                record = parse_unsynced(file.read())
            except BadRecord:
                record = None
            yield FoundRecord(path, os.fstat(file.fileno()).st_uid, record)


def lost_from(root: str, digest: Digest) -> bytes | None:
    """Return where an object came from that is not here since the machine went down; None if that is not why."""
    boot = boot_id()
    for found in records_of(root):
        record = found.record
        if record is not None and record.ref is not None and record.ref.digest == digest and record.boot != boot:
            return record.file
    return None


class BegunRecord:
    """The record of an object that is being copied; without `name`, it is gone afterwards."""

    def __init__(self, descriptor: int, path: str, end: int) -> None:
        """Take the open record."""
        self._descriptor = descriptor
        self._path = path
        self._end = end
        self._is_kept = False

    def reach_the_disk(self) -> None:
        """Wait until it is there."""
        os.fsync(self._descriptor)

    def name(self, ref: ObjectRef) -> None:
        """Say which object it is, before it has its name: on the disk when this returns.

        Only bytes of a block that the record has already are written, so this does not wait for the object's own, as
        making a file would where the file system has a journal.
        """
        pwrite_all(self._descriptor, render_object(ref), self._end)
        os.fdatasync(self._descriptor)

    def keep(self) -> None:
        """Let the record stay: the object has its name."""
        self._is_kept = True

    def __enter__(self) -> BegunRecord:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
        if not self._is_kept:
            _drop(self._path)


class Unsynced:
    """Begins records, and settles them."""

    def __init__(self, root: str, loose: LooseObjects) -> None:
        """Take the store's folder and its objects' files."""
        self._root = root
        self._loose = loose

    def begin(self, source: int) -> BegunRecord | None:
        """Return a record, on the disk, of an object that is to be copied from an open file; None where nobody could
        tell whether it is of this boot, or still being written.

        Raises:
            OSError: the disk is full, or refuses.
        """
        boot = boot_id()
        if boot is None:
            return None
        data, end = render_begun(boot, os.fsencode(os.readlink(f"/proc/self/fd/{source}")))
        folder = f"{self._root}/{FOLDER}"
        make_folder(folder)
        path = f"{folder}/{os.urandom(8).hex()}"
        with temp_file(f"{self._root}/tmp") as (temp, temp_path):
            os.fchmod(temp, 0o644)
            write_all(temp, data)
            # Locked before others see it: one that is not locked is settled by whoever comes.
            if not _locked(temp, fcntl.LOCK_EX):
                return None
            os.rename(temp_path, path)
            begun = BegunRecord(os.dup(temp), path, end)  # one lock, until the last descriptor is closed
        try:
            begun.reach_the_disk()
            flush_file(folder)
        except BaseException:
            with begun:
                raise
        return begun

    def settle(self) -> None:
        """See to it that each object with a record is on the disk, and whole; its record goes then.

        Of this boot, that is to wait for the disk. Of another, the object is read; one that is damaged is set aside,
        and taken again from the file that it came from. What is not to be had is not here, and keeps its record.

        Raises:
            OSError: the disk is full, or refuses.
        """
        boot = boot_id()
        for found in records_of(self._root):
            try:
                if self._is_settled(found, boot):
                    _drop(found.path)
            except OSError as error:
                if error.errno not in _NOT_OURS:
                    raise

    def _is_settled(self, found: FoundRecord, boot: str | None) -> bool:
        record = found.record
        if record is None or record.ref is None:  # whoever was copying was ended: nothing has the object's name
            return True
        if boot is not None and record.boot == boot and self._is_flushed(record.ref.digest):
            return True
        whole = self._is_whole(record.ref) or self._is_taken_again(found.owner, record.file, record.ref)
        return whole and self._is_flushed(record.ref.digest)

    def _is_flushed(self, digest: Digest) -> bool:
        """Wait for the disk; an object that is there no more needs nothing. False where the disk cannot take it."""
        try:
            flush_files([self._loose.path_of(digest)], f"{self._root}/objects")
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return False
        return True

    def _is_whole(self, ref: ObjectRef) -> bool:
        found = hash_file(self._loose.path_of(ref.digest))
        if found is not None and found != ref:
            self._loose.set_aside(ref.digest)
        return found == ref

    def _is_taken_again(self, owner: int, file: bytes, ref: ObjectRef) -> bool:
        """Copy the object from where it came from, if that has the same bytes still. Only for who wrote the record: it
        names a file that others might not be meant to read."""
        if owner != os.geteuid():
            return False
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            source = os.open(file, flags)
        except OSError:
            return False
        try:
            status = os.fstat(source)
            if not stat.S_ISREG(status.st_mode) or status.st_size != ref.size:
                return False
            with temp_file(f"{self._root}/tmp") as (temp, path):
                if copy_and_hash_here(source, temp) != ref:
                    return False
                os.fsync(temp)
                self._loose.publish(temp, path, ref.digest)
        finally:
            os.close(source)
        return True


def _locked(descriptor: int, kind: int) -> bool:
    """Whether the lock is had; not where somebody else has it, nor where the file system has no locks."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _drop(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # another process settled it
    except OSError as error:
        if error.errno not in _NOT_OURS:
            raise
