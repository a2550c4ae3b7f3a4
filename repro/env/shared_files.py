"""Makes files read-only that an environment shares by hard link with its installer's cache.

An edit in place would reach every environment that has them, and the cache that the next ones are made from. All names
of a file have its one mode, so a package is protected once, by the first environment that has it. One file of each
package is made read-only after all its others and says so to the next: looking at every file takes a tenth of the time
that it takes to link them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator

_DISTRIBUTION = "METADATA"
_CONDA_PACKAGE = "index.json"


def protect_distributions(prefix: str) -> None:
    """Protect the files of an environment that uv has installed into. What was written for it alone stays as it is."""
    signs = list(_signs_of_distributions(os.path.join(prefix, "lib")))
    if not signs or not all(_is_protected(os.lstat(sign)) for sign in signs):
        _protect_below(prefix, _DISTRIBUTION)


def _signs_of_distributions(library: str) -> Iterator[str]:
    for python in os.listdir(library):
        site = os.path.join(library, python, "site-packages")
        for name in os.listdir(site) if python.startswith("python") and os.path.isdir(site) else ():
            if name.endswith(".dist-info") and os.path.exists(sign := os.path.join(site, name, _DISTRIBUTION)):
                yield sign


def protect_conda_packages(prefix: str, entries: Iterable[str]) -> None:
    """Protect the files of an environment where they lie in the cache of conda's packages.

    Args:
        prefix: of the environment, which the packages have been linked into.
        entries: folders of the packages in the cache. Where one is not there, the environment's own names are gone
            through.
    """
    device = os.stat(prefix).st_dev
    for entry in entries:
        sign = os.path.join(entry, "info", _CONDA_PACKAGE)
        try:
            found = os.stat(sign)
        except FileNotFoundError:
            _protect_below(prefix, _DISTRIBUTION)
            continue
        if found.st_dev == device and found.st_mode & 0o222:  # on another, files are not linked
            _protect_below(entry, _CONDA_PACKAGE)
            os.chmod(sign, stat.S_IMODE(found.st_mode) & ~0o222)


def _protect_below(top: str, sign: str) -> None:
    """Make what is linked read-only, the files that are called `sign` after all others."""
    signs = []
    stack = [top]
    while stack:
        path = stack.pop()
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)  # from there, names are found in less time than paths
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(os.path.join(path, entry.name))
                        continue
                    found = entry.stat(follow_symlinks=False)
                    if found.st_nlink < 2 or not found.st_mode & 0o222 or not stat.S_ISREG(found.st_mode):
                        continue
                    if entry.name == sign:
                        signs.append((os.path.join(path, entry.name), found.st_mode))
                    else:
                        os.chmod(entry.name, stat.S_IMODE(found.st_mode) & ~0o222, dir_fd=folder)
        finally:
            os.close(folder)
    for path, mode in signs:
        os.chmod(path, stat.S_IMODE(mode) & ~0o222)


def _is_protected(found: os.stat_result) -> bool:
    return found.st_nlink > 1 and not found.st_mode & 0o222
