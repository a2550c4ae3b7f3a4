"""Records of archived environments: here, on a remote, and between the two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repro.errors import IntegrityError
from repro.model.environments.archive import ArchivedFile
from repro.model.environments.environment import Environment
from repro.model.environments.environment_record import environment_id
from repro.model.runs.manifest import Manifest
from repro.model.runs.pieces import Part, Piece
from repro.model.yaml.strict import MAX_BYTES
from repro.store.records.archives import FOLDER, ArchiveRecords, checked_archive, is_archive_name
from repro.store.records.runs import Records

if TYPE_CHECKING:
    from repro.store.remote.remote import Remote


class StrangeArchive(IntegrityError):
    """A remote has a file among the archive records that is called by no environment."""

    id = "wrong-archive"


def archived_files(records: Records, environment: Environment | None) -> tuple[ArchivedFile, ...]:
    """Return the archived files of an environment that records here name.

    Raises:
        IntegrityError, NewerFormat: a record cannot be read.
    """
    if environment is None:
        return ()
    return ArchiveRecords(records.folder).files_of(environment_id(environment))


def archive_pieces(records: Records, manifest: Manifest) -> list[Piece]:
    """Return the pieces of a run that its environment's archive adds."""
    files = archived_files(records, manifest.recipe.environment)
    return [Piece(Part.ARCHIVE, file.name, file.object) for file in files]


def fetch_archives(records: Records, remote: Remote, environment: Environment | None) -> None:
    """Bring the archive records of an environment that are not here, if the remote can say which it has.

    Raises:
        IntegrityError, NewerFormat: one is not what its name says.
        RemoteError: the remote cannot be reached.
    """
    from repro.store.storages.errors import RemoteListsNothing

    if environment is None:
        return
    own = ArchiveRecords(records.folder)
    here = set(own.names())
    folder = f"{FOLDER}/{environment_id(environment).partition(':')[2]}"
    try:
        names = remote.list(folder)
    except RemoteListsNothing:
        return
    for full in names:
        name = full.removeprefix(f"{FOLDER}/")
        if name in here:
            continue
        if not is_archive_name(name):
            raise StrangeArchive(f"{remote.shown}/{full} is not called as an archive's record is")
        data = remote.read(full, MAX_BYTES)
        checked_archive(name, data, f"{remote.shown}/{full}")
        own.write_fetched(name, data)
