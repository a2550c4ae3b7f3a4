"""Which wheel of a version fits a platform best, without running a Python there. Source: PEP 425, 600, 656."""

from __future__ import annotations

import re
from collections.abc import Iterable

from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

_OLD_GLIBC = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_MACHINES = {"64": "x86_64", "aarch64": "aarch64", "ppc64le": "ppc64le", "s390x": "s390x", "32": "i686"}


def tags_for(subdir: str, python: str, virtual: Iterable[str], free_threaded: bool = False) -> list[Tag]:
    """Return the tags that fit a platform of conda's and a CPython, the best first.

    Args:
        subdir: `linux-64`.
        python: its version, `3.12.4`.
        virtual: virtual packages: `__glibc=2.36=0` and `__osx=13.0=0` say which wheels are too new.
        free_threaded: a build without the global lock.
    """
    known = {word.split("=")[0]: word.split("=")[1] for word in virtual if "=" in word}
    numbers = [int(part) for part in re.findall(r"\d+", python)[:2]]
    platforms = _platforms(subdir, known)
    interpreter = f"cp{numbers[0]}{numbers[1]}"
    abis = [f"{interpreter}t"] if free_threaded else None
    tags = list(cpython_tags(python_version=numbers, abis=abis or [interpreter], platforms=platforms))
    return tags + list(compatible_tags(python_version=numbers, interpreter=interpreter, platforms=platforms))


def best_wheel(names: Iterable[str], tags: list[Tag]) -> str | None:
    """Return the file name that fits best, None where none fits."""
    rank = {tag: number for number, tag in enumerate(tags)}
    found: list[tuple[int, tuple[int, str], str]] = []
    for name in names:
        try:
            _, _, build, of_wheel = parse_wheel_filename(name)
        except InvalidWheelFilename:
            continue
        ranks = [rank[tag] for tag in of_wheel if tag in rank]
        if ranks:
            number, tail = build or (0, "")
            found.append((min(ranks), (-number, tail), name))
    return min(found)[2] if found else None


def _platforms(subdir: str, known: dict[str, str]) -> list[str]:
    system, _, architecture = subdir.partition("-")
    machine = _MACHINES.get(architecture, architecture)
    if system == "linux":
        minor = int(known.get("__glibc", "2.17").split(".")[1])
        found = []
        for number in range(minor, 4, -1):
            found.append(f"manylinux_2_{number}_{machine}")
            if number in _OLD_GLIBC:
                found.append(f"{_OLD_GLIBC[number]}_{machine}")
        return [*found, f"linux_{machine}"]
    if system == "osx":
        major = int(known.get("__osx", "13.0").split(".")[0])
        return list(mac_platforms((major, 0), "arm64" if architecture == "arm64" else "x86_64"))
    return ["win_amd64" if architecture == "64" else "win_arm64" if architecture == "arm64" else "win32"]
