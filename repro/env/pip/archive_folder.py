"""Files that are kept as objects, in a folder of this machine: for tools that take files."""

from __future__ import annotations

import os
from collections.abc import Sequence

from repro.env.kinds import RealiseRequest
from repro.errors import IntegrityError
from repro.model.environments.archive import ArchivedFile
from repro.model.environments.environment import WheelInstall

_BLOCK = 1 << 20


class TamperedArchive(IntegrityError):
    """A file of an archive is not the one that the archive's record says."""

    id = "tampered-archive"


def write_wheels(request: RealiseRequest, wheels: Sequence[WheelInstall]) -> list[tuple[WheelInstall, str]]:
    """Write the wheels that came with a run, each under its own name; return them with their paths, not verified."""
    written = []
    for wheel in wheels:
        path = os.path.join(request.folder, "wheels", wheel.file)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            request.objects.copy_to(wheel.object, file.fileno())
        written.append((wheel, path))
    return written


def lay_out(request: RealiseRequest, files: Sequence[ArchivedFile]) -> str:
    """Bring files of an archive, and write each below a folder under its name, verified by both of its hashes.

    Returns:
        The folder, inside the request's.

    Raises:
        TamperedArchive: a file has another SHA-256 than its record says.
        RemoteError, IntegrityError, MissingOnRemote: an object cannot be had.
    """
    import hashlib

    request.bring([file.object for file in files])
    folder = os.path.join(request.folder, "archive")
    for file in files:
        path = os.path.join(folder, *file.name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w+b") as opened:
            request.objects.copy_to(file.object, opened.fileno())
            os.lseek(opened.fileno(), 0, os.SEEK_SET)
            digest = hashlib.sha256()
            while block := os.read(opened.fileno(), _BLOCK):
                digest.update(block)
        if digest.hexdigest() != file.sha256:
            raise TamperedArchive(
                f"the archived file {file.name} has the SHA-256 {digest.hexdigest()}, recorded is {file.sha256}",
                "take the archive's record from where it was made",
            )
    return folder
