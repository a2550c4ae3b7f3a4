"""Collects the wheels that make an environment of kind `pip` without an index.

What the lock names is fetched as the index serves it and accepted by the lock's hash. What was recorded by a commit
is made into a wheel from an environment that it is installed in.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote, urlsplit

from repro.env.kinds import Archived, ArchiveRequest
from repro.env.pip.install_failures import PackageHashMismatch, failure_of
from repro.env.pip.installed_wheel import NotAWheel, wheel_name, write_wheel
from repro.env.pip.lock_file import LockedPackage, canonical_version, parse_lock
from repro.env.pip.uv_process import index_arguments, run_uv
from repro.env.pip.wheel_download import copy_local, download, file_name_of
from repro.env.pip.wheel_files import sha256_of
from repro.model.dataclass import dataclass
from repro.model.environments.archive import ArchivedFile
from repro.model.environments.build_requirements import not_among
from repro.model.environments.environment import PipEnvironment, VcsInstall
from repro.model.environments.wheel_names import is_wheel_of
from repro.model.finding import Finding

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A wheel on an index: its name, hash, and URL or path."""

    name: str
    sha256: str
    url: str


def archive(environment: PipEnvironment, request: ArchiveRequest, prefix: str | None) -> Archived:
    """Store the wheels of an environment.

    Args:
        environment: what is archived.
        request: `means` is an interpreter as of the environment's plan.
        prefix: of an environment in which its commits are installed; None where it has none, or all are archived.

    Raises:
        PackageGone, PackageHashMismatch, IndexUnreachable and their siblings: a file cannot be had.
        BadLock: the lock is not what a lock may be.
    """
    lock = parse_lock(request.objects.read(environment.lock)) if environment.lock else ()
    files = list(request.archived)
    names = [file.name for file in files]
    sums = {file.sha256 for file in files}
    found, findings = _on_the_index([package for package in lock if sums.isdisjoint(package.hashes)], request)
    build, more = _to_build_the_project(list(not_among(request.build, names, environment.python).values()), request)
    files += _fetched([*found, *build], request)
    for install in environment.vcs:
        if any(is_wheel_of(name, install.name, install.version) for name in names):
            continue
        kept = installed_as_wheel(install, prefix, request)
        if isinstance(kept, ArchivedFile):
            files.append(kept)
        else:
            findings.append(unarchived(install.name, kept))
    by_name = {file.name: file for file in files}
    return Archived(tuple(by_name[name] for name in sorted(by_name)), (*findings, *more))


def _on_the_index(lock: Sequence[LockedPackage], request: ArchiveRequest) -> tuple[list[_Wanted], list[Finding]]:
    """Return the wheel of each locked package, and what has none."""
    if not lock:
        return [], []
    hashes = {package.name: package.hashes for package in lock}
    asked = "\n".join(package.requirement for package in lock)
    wanted, findings = [], []
    for entry in _ask(asked, request, ["--no-deps"], "find the files of the locked packages"):
        name = entry["name"]
        file = _file_of(entry)
        if file is None:
            findings.append(unarchived(name, "the index has no wheel of it, only its source"))
        elif file.sha256 not in hashes.get(name, ()):
            raise PackageHashMismatch(
                f"the index serves {file.name} with the SHA-256 {file.sha256}, which the lock does not have",
                "ask who runs the index",
            )
        else:
            wanted.append(file)
    return wanted, findings


def _to_build_the_project(lines: Sequence[str], request: ArchiveRequest) -> tuple[list[_Wanted], list[Finding]]:
    """Return the wheels of what builds the project's own packages: a rebuild installs these from their code."""
    if not lines:
        return [], []
    entries = _ask("\n".join(lines), request, [], "find what builds the project's own packages")
    files = {entry["name"]: _file_of(entry) for entry in entries}
    findings = [unarchived(name, "the index has no wheel of it") for name, file in files.items() if file is None]
    return [file for file in files.values() if file is not None], findings


def _ask(requirements: str, request: ArchiveRequest, flags: list[str], doing: str) -> Iterator[dict[str, Any]]:
    """Yield the packages of the lock (PEP 751) that uv makes of requirements: with the one wheel that fits, if any."""
    command = ["pip", "compile", "-", "--quiet", "--format", "pylock.toml", "--no-header", "--no-annotate", *flags]
    command += ["--no-sources", "--python", request.means, *index_arguments(request.environ, offline=False)]
    result = run_uv(command, request.environ, request.project_root or os.sep, stdin=requirements + "\n")
    if result.returncode:
        raise failure_of(result, doing)
    yield from tomllib.loads(result.stdout).get("packages", [])


def _file_of(entry: dict[str, Any]) -> _Wanted | None:
    files = entry.get("wheels") or ([entry["archive"]] if "archive" in entry else [])
    if not files:
        return None
    file = files[0]
    url = file.get("url") or os.path.abspath(file["path"])
    name = file.get("name") or file_name_of(url)
    return _Wanted(name, file["hashes"]["sha256"], url) if name.endswith(".whl") else None


def _fetched(wanted: Sequence[_Wanted], request: ArchiveRequest) -> list[ArchivedFile]:
    folder = os.path.join(request.folder, "wheels")
    os.makedirs(folder, exist_ok=True)
    unknown = [file for file in {w.name: w for w in wanted}.values() if file.sha256 not in request.known]

    def get(file: _Wanted) -> None:
        path = os.path.join(folder, file.name)
        parts = urlsplit(file.url)
        if parts.scheme in ("", "file"):
            copy_local(unquote(parts.path) if parts.scheme else file.url, file.sha256, path)
        else:
            download(file.url, file.sha256, path, request.environ)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(get, unknown))
    files = [ArchivedFile(w.name, w.sha256, request.known[w.sha256]) for w in wanted if w.sha256 in request.known]
    return files + [_stored(os.path.join(folder, file.name), file.sha256, request) for file in unknown]


def _stored(path: str, sha256: str, request: ArchiveRequest) -> ArchivedFile:
    with open(path, "rb") as file:
        ref = request.sink.add_descriptor(file.fileno())
    os.unlink(path)
    return ArchivedFile(os.path.basename(path), sha256, ref)


def installed_as_wheel(install: VcsInstall, prefix: str | None, request: ArchiveRequest) -> ArchivedFile | str:
    """Store what was installed from a commit at a prefix as a wheel; or say why it cannot be one."""
    info = _info_folder(install, prefix) if prefix is not None else None
    if prefix is None or info is None:
        return "it is not installed here"
    try:
        path = os.path.join(request.folder, wheel_name(info))
        write_wheel(info, prefix, path)
    except NotAWheel as error:
        return str(error)
    with open(path, "rb") as file:
        sha256 = sha256_of(file)
    return _stored(path, sha256, request)


def _info_folder(install: VcsInstall, prefix: str) -> str | None:
    library = os.path.join(prefix, "lib")
    stem = install.name.replace("-", "_")
    for python in sorted(os.listdir(library)):
        site = os.path.join(library, python, "site-packages")
        for name in os.listdir(site) if os.path.isdir(site) else ():
            found, _, version = name.removesuffix(".dist-info").partition("-")
            same = found.lower().replace(".", "_") == stem
            if name.endswith(".dist-info") and same and canonical_version(version) == install.version:
                return os.path.join(site, name)
    return None


def unarchived(name: str, reason: str) -> Finding:
    """Return what there is to say of a package that is not archived."""
    hint = "build a wheel of it and install that, or leave the environment unarchived"
    return Finding("environment-unarchived", f"{name} cannot be archived: {reason}", hint=hint)
