"""An environment pinned: what a run used, and what a rebuild must have. Kind `pip` so far."""

from __future__ import annotations

from dataclasses import dataclass

from repro.model.content import ObjectRef


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The Python that ran.

    Attributes:
        implementation: `cpython`, `pypy`: `sys.implementation.name`.
        version: all of it, `3.11.7`.
        abi: `sysconfig`'s SOABI, `cpython-311-x86_64-linux-gnu`.
        platform: `sysconfig.get_platform()`, `linux-x86_64`.
    """

    implementation: str
    version: str
    abi: str
    platform: str


@dataclass(frozen=True, slots=True)
class ProjectInstall:
    """A distribution that was installed from inside the project: it is code, and travels as code.

    `path` is the text form of its folder relative to the project's root, `.` for the root itself.
    """

    name: str
    version: str
    path: str
    editable: bool


@dataclass(frozen=True, slots=True)
class VcsInstall:
    """A distribution that was installed from a version control URL, pinned by its commit. No credentials in `url`."""

    name: str
    version: str
    vcs: str
    url: str
    commit: str
    subdirectory: str | None = None


@dataclass(frozen=True, slots=True)
class WheelInstall:
    """A distribution that was installed from a wheel file of this machine; the file is kept as an object."""

    name: str
    version: str
    file: str
    sha256: str
    object: ObjectRef


@dataclass(frozen=True, slots=True)
class Environment:
    """The environment of a recipe.

    Attributes:
        kind: `pip`.
        python: the interpreter.
        packages: normalised name and version of every installed distribution, sorted by name.
        lock: the object that holds the hashed requirements for the packages that an index serves; None where
            there is none such package, or where nothing could be locked.
        project, vcs, wheels: the packages that no index serves, each by where it came from, sorted by name.
        unlocked: names of packages that could not be pinned by content; a rebuild is then not possible.
    """

    kind: str
    python: Interpreter
    packages: tuple[tuple[str, str], ...]
    lock: ObjectRef | None = None
    project: tuple[ProjectInstall, ...] = ()
    vcs: tuple[VcsInstall, ...] = ()
    wheels: tuple[WheelInstall, ...] = ()
    unlocked: tuple[str, ...] = ()
