"""Finds files of a conda prefix that are not what their package has: by the SHA-256 in conda's own records."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from typing import Any

from repro.model.finding import Finding

_SHOWN = 20
_HINT = "install that package again; or keep the change, and expect that nobody can rebuild the run"


def edited_files(prefix: str) -> tuple[Finding, ...]:
    """Return a finding for each file that is gone or has other bytes, and one line for those beyond twenty.

    What conda did not record a SHA-256 of is passed over: scripts that it made itself.
    """
    found = []
    folder = os.path.join(prefix, "conda-meta")
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".json"):
            continue
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as file:
            record = json.load(file)
        found += [f"{record['name']} {record['version']}: {what}" for what in _edited(prefix, record)]
    findings = [Finding("environment-edited", detail, hint=_HINT) for detail in found[:_SHOWN]]
    if len(found) > _SHOWN:
        findings.append(Finding("environment-edited", f"and {len(found) - _SHOWN} more files"))
    return tuple(findings)


def _edited(prefix: str, record: dict[str, Any]) -> Iterator[str]:
    for entry in record.get("paths_data", {}).get("paths", ()):
        name = entry.get("_path")
        # A file with the prefix in it is another than in the package; what it became may have been written down.
        of_package = None if entry.get("prefix_placeholder") else entry.get("sha256")
        expected = entry.get("sha256_in_prefix") or of_package
        if entry.get("path_type") != "hardlink" or not expected:
            continue
        path = os.path.join(prefix, name)
        try:
            found = os.lstat(path)
            if not stat.S_ISREG(found.st_mode):
                yield f"{name} is no file any more"
            elif _sha256(path) != expected:
                yield f"{name} was edited"
        except FileNotFoundError:
            yield f"{name} was removed"


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
