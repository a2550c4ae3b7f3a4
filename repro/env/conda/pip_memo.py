"""Remembers which wheel an installed version is: an index is asked once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping

from repro.env.memo_file import write_memo
from repro.env.pip.uv_process import index_settings
from repro.model.environments.conda_lock import LockedFile


class WheelMemo:
    """One small file per platform, Python, package, version and index settings: the wheel's URL and SHA-256."""

    def __init__(self, memo_dir: str, environ: Mapping[str, str], platform: str, python: str) -> None:
        self._folder = os.path.join(memo_dir, "conda-wheels")
        self._question = [index_settings(environ), platform, python]
        self._platform = platform

    def read(self, name: str, version: str) -> LockedFile | None:
        """Return the wheel, None where it is not remembered."""
        try:
            with open(self._path(name, version), encoding="utf-8") as file:
                url, sha256 = json.load(file)
        except (OSError, ValueError):
            return None
        return LockedFile(name, version, "pip", self._platform, url, sha256)

    def write(self, wheel: LockedFile) -> None:
        """Remember."""
        write_memo(self._path(wheel.name, wheel.version), json.dumps([wheel.url, wheel.sha256]))

    def _path(self, name: str, version: str) -> str:
        question = json.dumps([*self._question, name, version])
        return os.path.join(self._folder, hashlib.sha256(question.encode()).hexdigest()[:32])
