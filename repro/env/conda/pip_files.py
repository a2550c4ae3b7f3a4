"""Finds the wheels of what pip has to add to a conda environment, by uv: one file per package."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from repro.env.pip.install_failures import failure_of
from repro.env.pip.installed import without_credentials
from repro.env.pip.uv_process import UvFailure, index_arguments, run_uv
from repro.errors import CannotProceed
from repro.model.environments.conda_lock import LockedFile
from repro.model.environments.conda_url import without_secrets
from repro.model.environments.wheel_tags import best_wheel, tags_for

_GLIBC = (40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 28, 17)
"""The versions of glibc that uv has a platform for."""


class NoWheel(CannotProceed):
    """What pip has to add to a conda environment has no wheel for the platform, or cannot be resolved."""

    id = "no-wheel"


@dataclass(frozen=True, slots=True)
class PipTarget:
    """What wheels are to fit: conda's platform, its Python's version, and virtual packages (`__glibc=2.36=0`)."""

    platform: str
    python: str
    virtual: tuple[str, ...]
    free_threaded: bool = False


def find_wheels(
    requirements: Sequence[str],
    target: PipTarget,
    provided: Iterable[str],
    *,
    environ: Mapping[str, str],
    cwd: str,
    offline: bool,
    dependencies: bool = True,
) -> tuple[LockedFile, ...]:
    """Return the wheels for `requirements` and for what they need, sorted by name.

    Args:
        requirements: as pip takes them.
        target: what the wheels are to fit.
        provided: normalised names of what conda installs: they are not looked for.
        environ: the user's variables; uv's and pip's index settings count.
        cwd: uv's configuration is read from here upwards.
        offline: ask uv's cache only.
        dependencies: whether what the requirements need is looked for as well.

    Raises:
        NoWheel: there is no solution, or a package has no wheel for the platform.
        IndexUnreachable, EnvironmentOffline, …: as `failure_of` tells them apart.
    """
    import tomllib

    with tempfile.TemporaryDirectory() as folder:
        excludes = os.path.join(folder, "excludes.txt")
        with open(excludes, "w", encoding="utf-8") as file:
            file.write("".join(f"{name}\n" for name in sorted(set(provided))))
        command = ["pip", "compile", "-", "--quiet", "--format", "pylock.toml", "--no-header", "--no-build"]
        command += ["--python-version", target.python, "--python-platform", _uv_platform(target)]
        command += ["--excludes", excludes, *([] if dependencies else ["--no-deps"])]
        command += ["--python", sys.executable]  # uv wants one to run on; the answer is for the target's
        result = run_uv(
            [*command, *index_arguments(environ, offline)], environ, cwd, stdin="".join(f"{r}\n" for r in requirements)
        )
    if result.returncode:
        if result.failure in (UvFailure.ABSENT, UvFailure.OTHER):
            raise NoWheel(
                f"what pip has to add for {target.platform} cannot be found: {result.reason}",
                "loosen a version, or name the index that has it: UV_INDEX=URL",
            )
        raise failure_of(result, f"lock what pip has to add for {target.platform}")
    tags = tags_for(target.platform, target.python, target.virtual, target.free_threaded)
    found = [_locked(package, target, tags) for package in tomllib.loads(result.stdout).get("packages", [])]
    return tuple(sorted(found, key=lambda one: one.name))


def _locked(package: Mapping[str, Any], target: PipTarget, tags: list[Any]) -> LockedFile:
    name = package["name"]
    version = package.get("version")
    wheels = {_name_of(wheel): wheel for wheel in package.get("wheels", [])}
    chosen = best_wheel(wheels, tags)
    if chosen is None or not isinstance(version, str):
        raise NoWheel(
            f"{name} {version or ''} has no wheel for {target.platform} with Python {target.python}",
            "build one and put it on an index (UV_FIND_LINKS=DIR), or take the package from conda",
        )
    wheel = wheels[chosen]
    sha256 = wheel.get("hashes", {}).get("sha256")
    if not isinstance(sha256, str):
        raise NoWheel(f"the index lists {chosen} without a SHA-256, so it could not be told from another file")
    url = wheel.get("url") or "file://" + os.path.abspath(wheel["path"])
    return LockedFile(name, version, "pip", target.platform, without_secrets(without_credentials(url)), sha256)


def _name_of(wheel: Mapping[str, Any]) -> str:
    from urllib.parse import unquote, urlsplit

    return str(wheel.get("name") or unquote(urlsplit(wheel.get("url") or wheel["path"]).path.rpartition("/")[2]))


def _uv_platform(target: PipTarget) -> str:
    """Return uv's word for a platform."""
    system, _, architecture = target.platform.partition("-")
    machine = "x86_64" if architecture == "64" else "aarch64" if architecture in ("aarch64", "arm64") else architecture
    if system == "osx":
        return f"{machine}-apple-darwin"
    if system == "win":
        return f"{machine}-pc-windows-msvc"
    said = next((word.split("=")[1] for word in target.virtual if word.startswith("__glibc=")), "2.17")
    minor = int(said.split(".")[1])
    return f"{machine}-manylinux_2_{next((known for known in _GLIBC if known <= minor), 17)}"
