"""What conda has written down of its packages' files, by which edited ones are found."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from repro.env.edited_files import Edited, InstalledPackage, find_edited
from repro.env.installed_files_memo import FilesMemo, RecordedFile


def edited_packages(prefix: str, memo_dir: str) -> Edited:
    """Return what of conda's packages is not as installed, by the SHA-256 in conda's own records.

    What conda did not record a SHA-256 of is passed over: scripts that it made itself, files with the prefix in them.

    Args:
        prefix: of the environment.
        memo_dir: where what was found is remembered; made when needed.
    """
    memo = FilesMemo(memo_dir, os.path.join(prefix, "conda-meta"))
    return find_edited(_packages(prefix), memo, follow_symlinks=False, sha256_of_expected=str)


def _packages(prefix: str) -> Iterator[InstalledPackage]:
    folder = os.path.join(prefix, "conda-meta")
    for key in sorted(name for name in os.listdir(folder) if name.endswith(".json")):
        with open(os.path.join(folder, key), encoding="utf-8") as file:
            record = json.load(file)
        name = record["name"]
        hint = f"install {name} again, or keep the edit as code"
        yield InstalledPackage(key, name, record["version"], list(_recorded(prefix, record)), hint)


def _recorded(prefix: str, record: dict[str, Any]) -> Iterator[RecordedFile]:
    for entry in record.get("paths_data", {}).get("paths", ()):
        # A file with the prefix in it is another than in the package; what it became may have been written down.
        of_package = None if entry.get("prefix_placeholder") else entry.get("sha256")
        expected = entry.get("sha256_in_prefix") or of_package
        if entry.get("path_type") == "hardlink" and expected and not entry["_path"].endswith(".pyc"):
            yield RecordedFile(entry["_path"], os.path.join(prefix, entry["_path"]), expected)
