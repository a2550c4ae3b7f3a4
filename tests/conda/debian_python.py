"""A real CPython as a conda package, from Debian's packages: its executable runs from any folder."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from tests.conda.conda_packages import PLACEHOLDER, Contents, Link

_SITE = """\
import os, site, sys

for prefix in dict.fromkeys((sys.prefix, sys.base_prefix)):
    site.addsitedir(os.path.join(prefix, "lib", "python{minor}", "site-packages"))
"""


class NoDebianPackages(Exception):
    """Debian's packages cannot be had here."""


def fetch_debian_python(folder: Path) -> str:
    """Bring the three packages of Debian's default Python into a folder, and return its minor version, `3.11`."""
    folder.mkdir(parents=True, exist_ok=True)
    here = [re.fullmatch(r"python(3\.\d+)-minimal_.*\.deb", path.name) for path in folder.iterdir()]
    known = next((match.group(1) for match in here if match), None)
    if known and len(list(folder.glob("*.deb"))) == 3:
        return known
    minor = _default_minor()
    names = [f"python{minor}-minimal", f"libpython{minor}-minimal", f"libpython{minor}-stdlib"]
    # From a temporary folder: half a download must not be taken for all of it.
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        done = _call(["apt-get", "download", "-q", *names], temporary)
        if done.returncode:
            _call(["apt-get", "update", "-q"], temporary)
            done = _call(["apt-get", "download", "-q", *names], temporary)
        if done.returncode:
            raise NoDebianPackages(done.stderr.strip()[-300:])
        for path in Path(temporary).glob("*.deb"):
            path.rename(folder / path.name)
    return minor


def python_contents(debs: Path, unpacked: Path, minor: str) -> Contents:
    """Return the files of the conda package, laid out as conda lays out a Python."""
    for deb in debs.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(deb), str(unpacked)], check=True)
    library = unpacked / "usr" / "lib" / f"python{minor}"
    contents: dict[str, bytes | str | Path | Link] = {
        f"lib/python{minor}/{path.relative_to(library)}": path
        for path in library.rglob("*")
        if path.is_file() and not path.is_symlink() and "__pycache__" not in path.parts
    }
    contents |= {
        f"bin/python{minor}": unpacked / "usr" / "bin" / f"python{minor}",
        "bin/python3": Link(f"python{minor}"),
        "bin/python": Link(f"python{minor}"),
        # Debian's `site` is frozen into the executable, and looks into dist-packages alone.
        f"lib/python{minor}/sitecustomize.py": _SITE.format(minor=minor),
        f"lib/python{minor}/site-packages/README.txt": "packages go here\n",
        "bin/where-python": f"#!{PLACEHOLDER}/bin/python{minor}\nimport sys; print(sys.prefix)\n",
    }
    contents.pop(f"lib/python{minor}/EXTERNALLY-MANAGED", None)
    for name in ("sysconfig.py", "sysconfig/__init__.py"):
        path = library / name
        if path.exists():  # uv asks it where packages are installed
            text = path.read_text().replace("prefix_scheme = 'posix_local'", "prefix_scheme = 'posix_prefix'")
            text = text.replace("_LAYOUT', 'posix_local'", "_LAYOUT', 'posix_prefix'")
            contents[f"lib/python{minor}/{name}"] = text
    return contents


def _default_minor() -> str:
    said = _call(["apt-cache", "depends", "--important", "python3-minimal"], "/").stdout
    found = re.search(r"python(3\.\d+)-minimal", said)
    if not found:
        raise NoDebianPackages("apt-cache does not know python3-minimal")
    return found.group(1)


def _call(command: list[str], cwd: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
    except FileNotFoundError:
        raise NoDebianPackages(f"{command[0]} is not here") from None
