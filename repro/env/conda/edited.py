"""Finds files of a conda prefix that are not what their package has: by the SHA-256 in conda's own records.

What was found is remembered, as for Python's distributions: a file is read again if its size, time or inode changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from repro.env.pip.edited_files import FilesMemo
from repro.model.finding import Finding

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class _Recorded:
    """A file that conda installed, and the SHA-256 that it had then."""

    name: str
    path: str
    sha256: str


def edited_packages(prefix: str, memo_dir: str) -> tuple[Finding, ...]:
    """Return a finding of kind `environment-edited` for each conda package of which a file is not as installed.

    What conda did not record a SHA-256 of is passed over: scripts that it made itself, files with the prefix in them.

    Args:
        prefix: of the environment.
        memo_dir: where what was found is remembered; made when needed.
    """
    folder = os.path.join(prefix, "conda-meta")
    memo = FilesMemo(memo_dir, folder)
    findings = []
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".json"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            record = json.load(file)
        files = list(_recorded(prefix, record))
        signature = _signature(files)
        edited = memo.known(name, signature)
        if edited is None:
            edited = [one.name for one in files if not _is_as_recorded(one)]
            memo.learn(name, signature, edited)
        if edited:
            findings.append(_finding(record, edited))
    memo.write()
    return tuple(findings)


def _recorded(prefix: str, record: dict[str, Any]) -> Iterator[_Recorded]:
    for entry in record.get("paths_data", {}).get("paths", ()):
        # A file with the prefix in it is another than in the package; what it became may have been written down.
        of_package = None if entry.get("prefix_placeholder") else entry.get("sha256")
        expected = entry.get("sha256_in_prefix") or of_package
        if entry.get("path_type") == "hardlink" and expected and not entry["_path"].endswith(".pyc"):
            yield _Recorded(entry["_path"], os.path.join(prefix, entry["_path"]), expected)


def _signature(files: list[_Recorded]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        try:
            seen = os.lstat(file.path)
            told = f"{seen.st_size} {seen.st_mtime_ns} {seen.st_ino}"
        except OSError:
            told = "-"
        digest.update(f"{file.name}\0{file.sha256}\0{told}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _is_as_recorded(file: _Recorded) -> bool:
    try:
        if not stat.S_ISREG(os.lstat(file.path).st_mode):
            return False
        with open(file.path, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256
    except OSError:
        return False


def _finding(record: dict[str, Any], edited: list[str]) -> Finding:
    more = f" and {len(edited) - _SHOWN} more" if len(edited) > _SHOWN else ""
    one = len(edited) == 1
    detail = (
        f"{record['name']} {record['version']} is not as it was installed: {', '.join(edited[:_SHOWN])}{more} "
        f"{'was' if one else 'were'} edited or removed, and a rebuild will have {'it' if one else 'them'} as installed"
    )
    return Finding("environment-edited", detail, hint=f"install {record['name']} again, or keep the edit as code")
