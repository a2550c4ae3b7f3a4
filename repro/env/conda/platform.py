"""Which platform this machine is for conda, and what it offers to packages: `__glibc`, `__cuda`, …"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from repro.model.finding import Finding

if TYPE_CHECKING:
    from rattler import GenericVirtualPackage

# What is taken for granted where a platform is locked that this machine is not. glibc 2.28 is what most distributions
# in use have at least; macOS 13 is the oldest that Apple still mends.
_ELSEWHERE = {
    "linux": ("__unix=0=0", "__linux=5.10=0", "__glibc=2.28=0"),
    "osx": ("__unix=0=0", "__osx=13.0=0"),
    "win": ("__win=10=0",),
}
_SYSTEMS = {"linux": "linux", "darwin": "osx", "win32": "win"}
_MACHINES = {"x86_64": "64", "AMD64": "64", "i686": "32", "arm64": "arm64", "aarch64": "aarch64"}
_OVERRIDES = {"CONDA_OVERRIDE_GLIBC": "__glibc", "CONDA_OVERRIDE_CUDA": "__cuda", "CONDA_OVERRIDE_OSX": "__osx"}


def platform_by_name() -> str:
    """Return conda's name of this machine's platform; what py-rattler says, without importing it."""
    here = os.uname().machine
    return f"{_SYSTEMS.get(sys.platform, sys.platform)}-{_MACHINES.get(here, here)}"


@functools.cache
def platform_here() -> str:
    """Return this machine's platform, `linux-64`."""
    from rattler import Subdir

    return str(Subdir.current())


def virtual_packages(platform: str, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the virtual packages to solve a platform for, `__glibc=2.36=0`, sorted.

    This machine's own are detected; of another platform, those are taken that nearly every such machine has. conda's
    variables (`CONDA_OVERRIDE_CUDA=12.4`) count for both; an empty one takes a package away.
    """
    if platform == platform_here():
        from rattler import VirtualPackage

        found = [str(package.into_generic()) for package in VirtualPackage.detect()]
    else:
        found = list(_ELSEWHERE.get(platform.partition("-")[0], ()))
    known = {word.partition("=")[0]: word for word in found}
    for variable, name in _OVERRIDES.items():
        if variable in environ:
            known.pop(name, None)
            if environ[variable].strip():
                known[name] = f"{name}={environ[variable].strip()}=0"
    return tuple(sorted(known.values()))


def to_rattler(words: Iterable[str]) -> list[GenericVirtualPackage]:
    """Return virtual packages as py-rattler has them."""
    from rattler import BuildString, GenericVirtualPackage, PackageName, Version

    split = [word.split("=") for word in words]
    return [
        GenericVirtualPackage(PackageName(name), Version(version or "0"), BuildString(*(build or ["0"])))
        for name, version, *build in split
    ]


def unmet_needs(needs: Iterable[str], environ: Mapping[str, str]) -> list[Finding]:
    """Return a finding for each thing that packages ask of the machine and that this one has not.

    Args:
        needs: match specs of virtual packages, `__cuda >=12`.
        environ: conda's variables count.
    """
    from rattler import BuildString, MatchSpec, PackageRecord
    from rattler.exceptions import InvalidMatchSpecError

    here = virtual_packages(platform_here(), environ)
    records = []
    for name, version, *build in (word.split("=") for word in here):
        records.append(PackageRecord(name, version or "0", BuildString(*(build or ["0"])), 0, "noarch"))
    found = []
    for need in needs:
        try:
            spec: Any = MatchSpec(need, strict=False)
            met = any(record.matches(spec) for record in records)
        except InvalidMatchSpecError:
            met = False
        if not met:
            name = need.split(" ")[0]
            has = next((word.split("=")[1] for word in here if word.startswith(f"{name}=")), None)
            detail = f"the packages need {need}, this machine has {f'{name} {has}' if has else f'no {name}'}"
            found.append(Finding("machine-lacks", detail, hint="take another machine, or lock for this one"))
    return found
