"""Sorts installed distributions by where they came from, as `direct_url.json` (PEP 610) says."""

from __future__ import annotations

import json
import os
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from repro.env.pip.lock_file import is_lockable_url, is_lockable_version
from repro.env.pip.probe import InstalledDistribution
from repro.model.dataclass import dataclass
from repro.model.environments.environment import ProjectInstall, VcsInstall
from repro.model.names import UnsafePath, check_path, name_to_text
from repro.model.pattern import pattern

_SECRET_PARAMETER = pattern(r"token|key|secret|passw|sig|auth|cred|x-amz|session", re.IGNORECASE)
_COMMIT = pattern(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SCP_FORM = pattern(r"((?:[\w.+-]+@)?[\w.-]+):(?!//)(\S+)")
_SHA256 = pattern(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FromIndex:
    """A distribution that pip or uv fetched from an index, or that came with the interpreter."""

    distribution: InstalledDistribution


@dataclass(frozen=True, slots=True)
class FromArchive:
    """An archive at an https URL; `sha256` is None where the installer did not write it down."""

    distribution: InstalledDistribution
    url: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class FromWheelFile:
    """A wheel file of this machine; `sha256` is None where the installer did not write it down."""

    distribution: InstalledDistribution
    path: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class FromOutside:
    """A folder of this machine outside the project."""

    distribution: InstalledDistribution
    path: str
    editable: bool


@dataclass(frozen=True, slots=True)
class Unpinnable:
    """A distribution that cannot be pinned, and why."""

    distribution: InstalledDistribution
    reason: str
    hint: str


Origin = FromIndex | FromArchive | FromWheelFile | FromOutside | ProjectInstall | VcsInstall | Unpinnable

_FROM_GIT = "commit and push its source and install it by git+https://…, or build a wheel and install that"


def origin_of(distribution: InstalledDistribution, project_root: str) -> Origin | None:
    """Return where a distribution came from; None where it is no distribution of its own.

    None is the answer for metadata in a folder of the project that merely lies on PYTHONPATH: that is code.

    Args:
        distribution: as probed.
        project_root: an absolute path.
    """
    if distribution.direct_url is None:
        return _without_direct_url(distribution, project_root)
    try:
        plain = json.loads(distribution.direct_url)
        return _of_direct_url(distribution, plain, project_root)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Unpinnable(distribution, "its direct_url.json cannot be read", "reinstall it")


def without_credentials(url: str) -> str:
    """Return `url` without user, password, fragment, and query parameters whose name speaks of a secret.

    The user name of an ssh URL (`git@`) is no secret and stays.

    Raises:
        ValueError: not a URL.
    """
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    if parts.username and parts.scheme.endswith("ssh"):
        netloc = f"{parts.username}@{netloc}"
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if not _SECRET_PARAMETER.search(name)]
    query = parts.query if len(kept) == len(pairs) else urlencode(kept)
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))


def remote_url(remote: str) -> str:
    """Return a git remote as a URL: `git@host:path` (scp's form) and a local path have other spellings."""
    if remote.startswith("/"):
        return f"file://{remote}"
    scp = _SCP_FORM.fullmatch(remote)
    return f"ssh://{scp.group(1)}/{scp.group(2).removeprefix('/')}" if scp else remote


def _without_direct_url(distribution: InstalledDistribution, project_root: str) -> Origin | None:
    if not distribution.in_site and _inside(distribution.location, project_root) is not None:
        folder = _folder_with_build_file(distribution.location, project_root)
        if folder is None:
            return None
        return _project_install(distribution, folder, project_root, editable=True)
    if not is_lockable_version(distribution.version):
        return Unpinnable(distribution, f"{distribution.version!r} is no version", "reinstall it")
    return FromIndex(distribution)


def _of_direct_url(distribution: InstalledDistribution, plain: Any, project_root: str) -> Origin:
    url = without_credentials(plain["url"])
    if "vcs_info" in plain:
        return _vcs(distribution, plain, url)
    scheme = urlsplit(url).scheme
    if "dir_info" in plain:
        path = _file_path(url)
        editable = plain["dir_info"].get("editable") is True
        if _inside(path, project_root) is None:
            return FromOutside(distribution, path, editable)
        return _project_install(distribution, path, project_root, editable=editable)
    sha256 = _recorded_sha256(plain["archive_info"])
    if scheme == "file":
        path = _file_path(url)
        if path.endswith(".whl"):
            return FromWheelFile(distribution, path, sha256)
        return Unpinnable(distribution, f"it was built from the local archive {path}", "build a wheel and install that")
    if plain.get("subdirectory") or not is_lockable_url(url):
        return Unpinnable(distribution, f"it was installed from {url}", "install it from an index or an https URL")
    return FromArchive(distribution, url, sha256)


def _vcs(distribution: InstalledDistribution, plain: Any, url: str) -> Origin:
    info = plain["vcs_info"]
    vcs, commit = info["vcs"], info["commit_id"]
    if vcs != "git" or not _COMMIT.fullmatch(commit):
        return Unpinnable(distribution, f"it was installed from {vcs} at {commit!r}", _FROM_GIT)
    return VcsInstall(distribution.name, distribution.version, vcs, url, commit, plain.get("subdirectory") or None)


def _project_install(
    distribution: InstalledDistribution, folder: str, project_root: str, *, editable: bool
) -> ProjectInstall | Unpinnable:
    relative = _inside(folder, project_root)
    try:
        path = "." if relative in (None, ".") else name_to_text(check_path(os.fsencode(relative or "")))
    except UnsafePath as error:
        return Unpinnable(distribution, error.message, "install it from a folder that is part of the code")
    return ProjectInstall(distribution.name, distribution.version, path, editable)


def _inside(path: str, project_root: str) -> str | None:
    """Return `path` relative to the project's root, `.` for the root; None where it is outside."""
    relative = os.path.relpath(os.path.realpath(path), os.path.realpath(project_root))
    return None if relative == ".." or relative.startswith("../") else relative


def _folder_with_build_file(location: str, project_root: str) -> str | None:
    folder = os.path.realpath(location)
    while _inside(folder, project_root) is not None:
        if any(os.path.exists(os.path.join(folder, name)) for name in ("pyproject.toml", "setup.py")):
            return folder
        folder = os.path.dirname(folder)
    return None


def _file_path(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "file":
        raise ValueError(f"{url} names no file")
    return unquote(parts.path, errors="surrogateescape")


def _recorded_sha256(archive_info: Any) -> str | None:
    recorded = archive_info.get("hashes", {}).get("sha256")
    if recorded is None and str(archive_info.get("hash", "")).startswith("sha256="):
        recorded = archive_info["hash"].removeprefix("sha256=")
    return recorded if recorded is not None and _SHA256.fullmatch(recorded) else None
