"""Collects the files that make a conda environment: conda's packages and pip's wheels, each by its SHA-256."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from repro.env.conda.channels import Channel, client_for
from repro.env.conda.install import install_failure
from repro.env.conda.pip_files import PipQuestion, PipTarget, find_wheels
from repro.env.conda.platform import virtual_packages
from repro.env.conda.silent_channel import GrowingFile, silent_s, while_bytes_come
from repro.env.kinds import ArchiveRequest
from repro.env.pip.install_failures import PackageGone, PackageHashMismatch
from repro.env.pip.wheel_download import download
from repro.env.unobtainable import EnvironmentOffline
from repro.errors import RemoteError, ReproError
from repro.model.data.objects import ObjectSink
from repro.model.environments.archive import ArchivedFile
from repro.model.environments.build_requirements import not_among
from repro.model.environments.conda_lock import LockedFile
from repro.model.environments.environment import CondaEnvironment
from repro.model.finding import Finding

if TYPE_CHECKING:
    from rattler.networking import Client

_BLOCK = 1 << 20


def archived_name(package: LockedFile) -> str:
    """Return the name of a package's file in an archive: `linux-64/x-1.0-0.conda`, or the wheel's own."""
    return f"{package.subdir}/{package.file_name}" if package.manager == "conda" else package.file_name


def collect(
    packages: Sequence[LockedFile], channels: Sequence[Channel], request: ArchiveRequest
) -> tuple[tuple[ArchivedFile, ...], tuple[Finding, ...]]:
    """Bring each file of a lock into the store.

    Args:
        packages: of one platform.
        channels: whose credentials are known.
        request: with what; a file that it knows already is not fetched again.

    Returns:
        What is in the store now, and a finding `environment-unarchived` for each file that could not be had.

    Raises:
        PackageHashMismatch: a channel or an index serves another file than the lock has.
        ChannelUnreachable, IndexUnreachable: one does not answer, or refuses.
    """
    client = client_for(channels, request.environ)
    files: list[ArchivedFile] = []
    findings: list[Finding] = []
    for package in packages:
        known = request.known.get(package.sha256)
        if known is not None:
            files.append(ArchivedFile(archived_name(package), package.sha256, known))
            continue
        try:
            files.append(_store(package, _here(package, client, request), request.sink))
        except (PackageHashMismatch, RemoteError):
            raise
        except ReproError as error:
            detail = f"{package.file_name} is not archived: {error.message}"
            findings.append(Finding("environment-unarchived", detail, hint=error.hint))
    return tuple(sorted(files, key=lambda file: file.name)), tuple(findings)


def build_files(environment: CondaEnvironment, request: ArchiveRequest) -> tuple[tuple[LockedFile, ...], list[Finding]]:
    """Return the wheels of what builds the project's own packages, and is not archived: a rebuild installs these from
    their code."""
    if environment.python is None:
        return (), []
    lacking = not_among(request.build, [file.name for file in request.archived], environment.python)
    if not lacking:
        return (), []
    virtual = virtual_packages(environment.platform, request.environ)
    target = PipTarget(environment.platform, environment.python.version, virtual)
    try:
        cwd = request.project_root or os.sep
        return find_wheels(
            PipQuestion(tuple(lacking.values()), request.environ, cwd, offline=request.offline), target
        ), []
    except RemoteError:
        raise
    except ReproError as error:
        detail = f"what builds the project's own packages is not archived: {error.message}"
        return (), [Finding("environment-unarchived", detail, hint=error.hint)]


def _here(package: LockedFile, client: Client, request: ArchiveRequest) -> str:
    """Return the path of the file, fetched where it is not on this machine."""
    if package.url.startswith("file://"):
        path = unquote(urlsplit(package.url).path)
        if not os.path.isfile(path):
            raise PackageGone(f"{path} is not there any more", "put it back")
        return path
    if request.offline:
        raise EnvironmentOffline(f"{package.url} has to be fetched", "try again without --offline")
    path = os.path.join(request.folder, "archiving")
    if package.manager == "pip":
        download(package.url, package.sha256, path, request.environ)
    else:
        asyncio.run(_download(client, package.url, path, silent_s(request.environ)))
    return path


async def _download(client: Client, url: str, path: str, silent_s: float) -> None:
    from rattler.package_streaming import download_to_path

    fetching = download_to_path(client, url, Path(path))
    try:
        await while_bytes_come(fetching, GrowingFile(path), silent_s, f"fetch {url}")
    except ReproError:
        raise
    except Exception as error:  # noqa: BLE001  # py-rattler raises ExtractError, IoError, RuntimeError, …
        raise install_failure(error) from None


def _store(package: LockedFile, path: str, sink: ObjectSink) -> ArchivedFile:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
        if digest.hexdigest() != package.sha256:
            raise PackageHashMismatch(
                f"{package.url} has the SHA-256 {digest.hexdigest()}, the lock has {package.sha256}",
                "the channel serves another file than it did: ask who runs it",
            )
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        return ArchivedFile(archived_name(package), package.sha256, sink.add_descriptor(file.fileno()))
