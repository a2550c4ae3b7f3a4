"""Finds files of a conda prefix that are not what their package has: by the SHA-256 in conda's own records.

What was found is remembered, as for Python's distributions: a file is read again if its size, time or inode changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from typing import Any

from repro.env.installed_files_memo import FilesMemo, RecordedFile, signature
from repro.model.finding import Finding

_SHOWN = 3


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
        seen = signature(files, follow_symlinks=False)
        edited = memo.known(name, seen)
        if edited is None:
            edited = [one.name for one in files if not _is_as_recorded(one)]
            memo.learn(name, seen, edited)
        if edited:
            findings.append(_finding(record, edited))
    memo.write()
    return tuple(findings)


def _recorded(prefix: str, record: dict[str, Any]) -> Iterator[RecordedFile]:
    for entry in record.get("paths_data", {}).get("paths", ()):
        # A file with the prefix in it is another than in the package; what it became may have been written down.
        of_package = None if entry.get("prefix_placeholder") else entry.get("sha256")
        expected = entry.get("sha256_in_prefix") or of_package
        if entry.get("path_type") == "hardlink" and expected and not entry["_path"].endswith(".pyc"):
            yield RecordedFile(entry["_path"], os.path.join(prefix, entry["_path"]), expected)


def _is_as_recorded(file: RecordedFile) -> bool:
    try:
        if not stat.S_ISREG(os.lstat(file.path).st_mode):
            return False
        with open(file.path, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest() == file.expected
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
