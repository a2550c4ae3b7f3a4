"""The records of archived environments under `.repro/archives/`: a folder per environment, a file per archive.

Those that came from a remote are in `local/fetched/archives/`, where git does not see them.
"""

from __future__ import annotations

import os
import re

from repro.errors import CannotProceed, IntegrityError
from repro.model.data.content import ObjectRef
from repro.model.dataclass import dataclass
from repro.model.digest import Digest, hex_of
from repro.model.environments.archive import Archive, ArchivedFile, archive_file_name, parse_archive, render_archive
from repro.model.pattern import pattern
from repro.store.records.folder import prepare_folder, write_beside

FOLDER = "archives"
_FOLDERS = (FOLDER, os.path.join("local", "fetched", FOLDER))
_ENVIRONMENT = pattern(r"[0-9a-f]{64}")
_FILE = pattern(r"[0-9a-f]{16}\.yaml")


class WrongArchive(IntegrityError):
    """An archive's record is not what its path says: of another environment, or of other bytes."""

    id = "wrong-archive"


@dataclass(frozen=True, slots=True)
class ArchiveRecords:
    """The archive records in one folder `.repro/`."""

    folder: str

    def names(self) -> list[str]:
        """Return the names of all records, `<environment>/<file>.yaml`, sorted."""
        return [f"{environment}/{name}" for environment in self._environments() for name in self._files(environment)]

    def names_of(self, environment: Digest) -> list[str]:
        """Return the names of the records of an environment, sorted."""
        return [f"{hex_of(environment)}/{name}" for name in self._files(hex_of(environment))]

    def path(self, name: str) -> str:
        """Return where a record is, or would be."""
        return os.path.join(self.folder, self._where(name))

    def shown(self, name: str) -> str:
        """Return the path of a record in the project."""
        return ".repro/" + self._where(name)

    def _where(self, name: str) -> str:
        own, fetched = (os.path.join(folder, *name.split("/")) for folder in _FOLDERS)
        is_own = os.path.lexists(os.path.join(self.folder, own))
        return fetched if not is_own and os.path.lexists(os.path.join(self.folder, fetched)) else own

    def read_bytes(self, name: str) -> bytes:
        """Return a record file's bytes."""
        with open(self.path(name), "rb") as file:
            return file.read()

    def files_of(self, environment: Digest) -> tuple[ArchivedFile, ...]:
        """Return the archived files of an environment, from all of its records; empty where there is none.

        Raises:
            BadRecord, NewerFormat, WrongArchive: a record cannot be read, or is another.
        """
        files: dict[str, ArchivedFile] = {}
        for name in self.names_of(environment):
            for file in checked_archive(name, self.read_bytes(name), self.shown(name)).files:
                files.setdefault(file.name, file)
        return tuple(files[name] for name in sorted(files))

    def objects_by_sha256(self) -> dict[str, ObjectRef]:
        """Return the objects of all archived files by the files' SHA-256; a record that cannot be read has none."""
        found: dict[str, ObjectRef] = {}
        for name in self.names():
            try:
                archive = checked_archive(name, self.read_bytes(name), name)
            except (IntegrityError, CannotProceed):
                continue  # `repro fsck` says what is wrong with it
            found |= {file.sha256: file.object for file in archive.files}
        return found

    def add(self, archive: Archive) -> str:
        """Write a record and return its name; the same one twice is one file."""
        data = render_archive(archive)
        name = f"{hex_of(archive.environment)}/{archive_file_name(data)}"
        self._write(FOLDER, name, data)
        return name

    def write_fetched(self, name: str, data: bytes) -> None:
        """Keep a record from a remote, which the caller has checked, where git does not see it."""
        self._write(_FOLDERS[1], name, data)

    def _write(self, folder: str, name: str, data: bytes) -> None:
        prepare_folder(self.folder)
        path = os.path.join(self.folder, folder, *name.split("/"))
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.replace(write_beside(path, data), path)

    def _environments(self) -> list[str]:
        found = {name for folder in _FOLDERS for name in _names(os.path.join(self.folder, folder), _ENVIRONMENT)}
        return sorted(found)

    def _files(self, environment: str) -> list[str]:
        places = [os.path.join(self.folder, folder, environment) for folder in _FOLDERS]
        return sorted({name for place in places for name in _names(place, _FILE)})


def checked_archive(name: str, data: bytes, shown: str) -> Archive:
    """Return the archive that a record of this name holds.

    Raises:
        BadRecord, NewerFormat: it cannot be read.
        WrongArchive: it is of another environment, or was changed after it was written.
    """
    archive = parse_archive(data, shown)
    if hex_of(archive.environment) != name.split("/")[0]:
        raise WrongArchive(f"{shown} is of the environment {archive.environment}")
    if archive_file_name(data) != name.rpartition("/")[2]:
        raise WrongArchive(f"{shown} was changed after it was written: its name is that of other bytes")
    return archive


def is_archive_name(name: str) -> bool:
    """Whether a record may be called so."""
    environment, _, file = name.partition("/")
    return bool(_ENVIRONMENT.fullmatch(environment) and _FILE.fullmatch(file))


def _names(folder: str, pattern: re.Pattern[str]) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if pattern.fullmatch(name))
    except FileNotFoundError:
        return []
