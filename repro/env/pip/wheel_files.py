"""Wheel files of this machine: is this file what is installed, and what is its name."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
from typing import IO

from repro.env.pip.probe import InstalledDistribution
from repro.model.data.objects import ObjectSink
from repro.model.environments.environment import WheelInstall
from repro.model.environments.wheel_names import is_wheel_of

_BLOCK = 1 << 20


def keep_wheel(
    distribution: InstalledDistribution, path: str, recorded: str | None, sink: ObjectSink
) -> WheelInstall | str:
    """Store a wheel file that `distribution` was installed from.

    It is the one if its SHA-256 is the recorded one, or, where none was recorded (uv writes none for files), if
    every file that its RECORD lists is installed with the same hash.

    Args:
        distribution: what is installed.
        path: the wheel.
        recorded: SHA-256 that the installer wrote down, None where it did not.
        sink: where the file is kept.

    Returns:
        The install, or the reason why it cannot be pinned.
    """
    name = os.path.basename(path)
    if not is_wheel_of(name, distribution.name, distribution.version):
        return f"the file {path} is not named as a wheel of {distribution.name} {distribution.version}"
    try:
        with open(path, "rb") as file:
            sha256 = sha256_of(file)
            if recorded is not None and sha256 != recorded:
                return f"the wheel {path} has changed since it was installed"
            if recorded is None and not _is_installed(file, distribution):
                return f"the wheel {path} is not what is installed"
            os.lseek(file.fileno(), 0, os.SEEK_SET)  # file.seek may be content with moving inside its buffer
            ref = sink.add_descriptor(file.fileno())
    except FileNotFoundError:
        return f"the wheel {path} is not there any more"
    except PermissionError:
        return f"the wheel {path} cannot be read"
    return WheelInstall(distribution.name, distribution.version, name, sha256, ref)


def sha256_of(file: IO[bytes]) -> str:
    """Return the SHA-256 of the rest of an open file, as hex."""
    digest = hashlib.sha256()
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _is_installed(wheel: IO[bytes], distribution: InstalledDistribution) -> bool:
    """Whether every file with a hash in the wheel's RECORD is in the installed RECORD with that hash.

    The wheel's own RECORD must tell the truth for this to mean anything, so its members are hashed.
    """
    import zipfile

    try:
        with open(os.path.join(distribution.info, "RECORD"), encoding="utf-8", newline="") as file:
            installed = {tuple(row[:2]) for row in csv.reader(file)}
        with zipfile.ZipFile(wheel) as archive:
            record = f"{os.path.basename(distribution.info)}/RECORD"
            rows = list(csv.reader(archive.read(record).decode("utf-8").splitlines()))
            for name, recorded in (row[:2] for row in rows):
                if not recorded:
                    continue
                installed_here = (name, recorded) in installed or ".data/" in name
                if not installed_here or _record_hash(archive, name) != recorded:
                    return False
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return False
    return True


def _record_hash(archive: object, name: str) -> str:
    import zipfile

    assert isinstance(archive, zipfile.ZipFile)
    digest = hashlib.sha256()
    with archive.open(name) as member:
        while block := member.read(_BLOCK):
            digest.update(block)
    return "sha256=" + base64.urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()
