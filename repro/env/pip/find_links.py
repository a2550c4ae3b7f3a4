"""Wheels in local folders that `--find-links` names: no index serves them, so the file itself is kept."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from urllib.parse import unquote, urlsplit

from repro.env.pip.probe import InstalledDistribution
from repro.env.pip.uv_process import uv_environ
from repro.model.environments.wheel_names import is_wheel_of


def wheels_in_find_links(distribution: InstalledDistribution, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the paths of wheel files for this version, in the order of the folders and their names."""
    for entry in uv_environ(environ).get("UV_FIND_LINKS", "").split(","):
        folder = unquote(urlsplit(entry).path) if entry.startswith("file://") else entry
        if not os.path.isabs(folder) or not os.path.isdir(folder):
            continue
        for name in sorted(os.listdir(folder)):
            if name.endswith(".whl") and is_wheel_of(name, distribution.name, distribution.version):
                yield os.path.join(folder, name)
