"""Finds the wheels of what pip has to add to a conda environment, by uv: one file per package."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from repro.env.pip.install_failures import failure_of
from repro.env.pip.installed import without_credentials
from repro.env.pip.uv_process import UvFailure, index_arguments, run_uv
from repro.errors import CannotProceed
from repro.model.dataclass import dataclass
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


@dataclass(frozen=True, slots=True)
class PipQuestion:
    """What pip has to add, and where that is looked for.

    Attributes:
        requirements: as pip takes them; paths in them count from `cwd`.
        provided: normalised names of what conda installs: they are not looked for.
        environ: the user's variables; uv's and pip's index settings count.
        cwd: uv's configuration is read from here upwards.
        offline: ask uv's cache only.
        dependencies: whether what the requirements need is looked for as well.
        constraints: requirements that hold for what is looked for, and are not looked for themselves.
    """

    requirements: Sequence[str]
    environ: Mapping[str, str]
    cwd: str
    provided: Collection[str] = ()
    offline: bool = False
    dependencies: bool = True
    constraints: Sequence[str] = ()


def find_wheels(question: PipQuestion, target: PipTarget) -> tuple[LockedFile, ...]:
    """Return the wheels for what is asked for and for what that needs, sorted by name. Nothing is built.

    Raises:
        NoWheel: there is no solution, or a package has no wheel for the platform.
        IndexUnreachable, EnvironmentOffline, …: as `failure_of` tells them apart.
    """
    tags = tags_for(target.platform, target.python, target.virtual, target.free_threaded)
    found = [_wheel(package, target, tags, question.cwd) for package in resolve(question, target, build=False)]
    return tuple(sorted(found, key=lambda one: one.name))


def resolve(question: PipQuestion, target: PipTarget, *, build: bool) -> list[dict[str, Any]]:
    """Return the packages for what is asked for, as `pylock.toml` has them (PEP 751).

    Args:
        question: what is asked for.
        target: what it is to fit.
        build: whether a package may be built, by the Python that repro runs on, to learn what it needs.

    Raises:
        as `find_wheels`.
    """
    import tomllib

    with tempfile.TemporaryDirectory() as folder:
        excludes = os.path.join(folder, "excludes.txt")
        with open(excludes, "w", encoding="utf-8") as file:
            file.write("".join(f"{name}\n" for name in sorted(question.provided)))
        constraints = os.path.join(folder, "constraints.txt")
        with open(constraints, "w", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in question.constraints))
        command = ["pip", "compile", "-", "--quiet", "--format", "pylock.toml", "--no-header"]
        command += ["--python-version", target.python, "--python-platform", _uv_platform(target)]
        command += ["--excludes", excludes, "--constraint", constraints, *([] if build else ["--no-build"])]
        command += [] if question.dependencies else ["--no-deps"]
        command += ["--python", sys.executable]  # uv wants one to run on; the answer is for the target's
        flags = index_arguments(question.environ, question.offline)
        lines = "".join(f"{requirement}\n" for requirement in question.requirements)
        result = run_uv([*command, *flags], question.environ, question.cwd, stdin=lines)
    if result.returncode:
        if result.failure in (UvFailure.ABSENT, UvFailure.OTHER):
            raise NoWheel(
                f"what pip has to add for {target.platform} cannot be found: {result.reason}",
                "loosen a version, or name the index that has it: UV_INDEX=URL",
            )
        raise failure_of(result, f"lock what pip has to add for {target.platform}")
    packages: list[dict[str, Any]] = tomllib.loads(result.stdout).get("packages", [])
    return packages


def best_file(
    package: Mapping[str, Any], target: PipTarget, tags: Sequence[Any], cwd: str, files: Sequence[Mapping[str, Any]]
) -> LockedFile | None:
    """Return the wheel among files of a package that fits best, None where none does.

    Raises:
        NoWheel: the index lists it without a hash.
    """
    wheels = {_name_of(wheel): wheel for wheel in files}
    chosen = best_wheel(wheels, list(tags))
    return None if chosen is None else locked_file(package, wheels[chosen], target, cwd)


def locked_file(package: Mapping[str, Any], file: Mapping[str, Any], target: PipTarget, cwd: str) -> LockedFile:
    """Return a file of a package as a lock has it.

    Raises:
        NoWheel: it is listed without a hash.
    """
    sha256 = file.get("hashes", {}).get("sha256")
    if not isinstance(sha256, str):
        raise NoWheel(f"the index lists {_name_of(file)} without a SHA-256, so it could not be told from another file")
    url = file.get("url") or "file://" + os.path.abspath(os.path.join(cwd, file["path"]))
    version = package.get("version") or "0"
    plain = without_secrets(without_credentials(url))
    return LockedFile(package["name"], version, "pip", target.platform, plain, sha256)


def _wheel(package: Mapping[str, Any], target: PipTarget, tags: Sequence[Any], cwd: str) -> LockedFile:
    found = best_file(package, target, tags, cwd, package.get("wheels", [])) if "version" in package else None
    if found is None:
        raise NoWheel(
            f"{package['name']} {package.get('version', '')} has no wheel for {target.platform} with Python "
            f"{target.python}",
            "build one and put it on an index (UV_FIND_LINKS=DIR), or take the package from conda",
        )
    return found


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
