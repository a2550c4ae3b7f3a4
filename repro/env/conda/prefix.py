"""Reads what conda has installed at a prefix: its own records, `conda-meta/*.json`. py-rattler is not needed for it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from repro.env.conda.platform import platform_by_name
from repro.errors import CannotProceed
from repro.model.dataclass import dataclass
from repro.model.environments.conda_dependencies import dependencies_of, needs_of
from repro.model.environments.conda_lock import LockedFile
from repro.model.environments.conda_url import is_plain_url, without_secrets
from repro.model.pattern import pattern

_SHA256 = pattern(r"[0-9a-f]{64}")
_MD5 = pattern(r"[0-9a-f]{32}")


class BrokenPrefix(CannotProceed):
    """A folder is not what conda leaves where it has installed something."""

    id = "broken-conda-environment"


@dataclass(frozen=True, slots=True)
class CondaPrefix:
    """What conda has installed at a prefix.

    Attributes:
        path: of the prefix.
        platform: `linux-64`.
        packages: those that can be locked, sorted by name.
        unlocked: name, version and reason of those that cannot.
        needs: what they ask of the machine.
        site_packages: where its Python looks for packages, if conda says.
        infos: folders of Python metadata (`lib/python3.12/site-packages/x-1.0.dist-info`) that conda's packages have.
    """

    path: str
    platform: str
    packages: tuple[LockedFile, ...]
    unlocked: tuple[tuple[str, str, str], ...]
    needs: tuple[str, ...]
    site_packages: str | None
    infos: frozenset[str]


def is_conda_prefix(path: str) -> bool:
    """Whether conda has installed something at a path."""
    return os.path.isfile(os.path.join(path, "conda-meta", "history")) or any(
        name.endswith(".json") for name in _names(path)
    )


def read_prefix(path: str) -> CondaPrefix:
    """Read all records.

    Raises:
        BrokenPrefix: one is not JSON, or lacks a name.
    """
    records = [_record(os.path.join(path, "conda-meta", name)) for name in _names(path) if name.endswith(".json")]
    platform = next((str(r["subdir"]) for r in records if r.get("subdir") not in (None, "noarch")), platform_by_name())
    packages: list[LockedFile] = []
    unlocked: list[tuple[str, str, str]] = []
    for record in sorted(records, key=lambda one: str(one["name"])):
        reason = _why_not(record)
        if reason is None:
            packages.append(_locked(record, platform))
        else:
            unlocked.append((str(record["name"]), str(record["version"]), reason))
    python = next((record for record in records if record["name"] == "python"), {})
    return CondaPrefix(
        path,
        platform,
        tuple(packages),
        tuple(unlocked),
        needs_of(record.get("depends", ()) for record in records),
        python.get("python_site_packages_path"),
        frozenset(_infos(records)),
    )


def _names(path: str) -> list[str]:
    try:
        return sorted(os.listdir(os.path.join(path, "conda-meta")))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _record(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
        if isinstance(record, dict) and all(isinstance(record.get(key), str) for key in ("name", "version", "build")):
            return record
    except ValueError:
        pass
    raise BrokenPrefix(f"{path} is not a record of conda's", "install that package again")


def _why_not(record: dict[str, Any]) -> str | None:
    """Return why a record cannot be locked, None where it can."""
    url = record.get("url")
    if not isinstance(url, str) or not is_plain_url(without_secrets(url)):
        return "conda does not say which URL it came from"
    if not isinstance(record.get("sha256"), str) or not _SHA256.fullmatch(record["sha256"]):
        return "conda does not say its SHA-256"
    return None


def _locked(record: dict[str, Any], platform: str) -> LockedFile:
    md5 = record.get("md5")
    return LockedFile(
        name=record["name"],
        version=record["version"],
        manager="conda",
        platform=platform,
        url=without_secrets(record["url"]),
        sha256=record["sha256"],
        md5=md5 if isinstance(md5, str) and _MD5.fullmatch(md5) else None,
        build=record["build"],
        dependencies=dependencies_of([str(spec) for spec in record.get("depends", ())]),
    )


def _infos(records: Iterable[dict[str, Any]]) -> Iterable[str]:
    for record in records:
        for name in record.get("files", ()):
            folder, _, file = str(name).rpartition("/")
            if folder.endswith((".dist-info", ".egg-info")) and file in ("METADATA", "PKG-INFO"):
                yield folder
            elif file.endswith(".egg-info"):
                yield str(name)
