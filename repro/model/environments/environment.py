"""An environment pinned: what a run used, and what a rebuild must have. One class for each kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from repro.model.data.content import ObjectRef
from repro.model.dataclass import dataclass
from repro.model.digest import Digest


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
class PipEnvironment:
    """What pip or uv installed into one interpreter.

    Attributes:
        python: the interpreter.
        packages: normalised name and version of every installed distribution, sorted by name.
        lock: the object that holds the hashed requirements for the packages that an index serves; None where
            there is none such package, or where nothing could be locked.
        project, vcs, wheels: the packages that no index serves, each by where it came from, sorted by name.
        unlocked: names of packages that could not be pinned by content; a rebuild is then not possible.
    """

    python: Interpreter
    packages: tuple[tuple[str, str], ...]
    lock: ObjectRef | None = None
    project: tuple[ProjectInstall, ...] = ()
    vcs: tuple[VcsInstall, ...] = ()
    wheels: tuple[WheelInstall, ...] = ()
    unlocked: tuple[str, ...] = ()
    kind: Literal["pip"] = "pip"


@dataclass(frozen=True, slots=True)
class CondaEnvironment:
    """What a conda prefix holds.

    Attributes:
        platform: conda's name of it, `linux-64`.
        lock: the object that holds the `conda-lock.yml`: conda's packages, and those of pip that an index serves.
        packages: name and `VERSION BUILD` of every conda package, sorted by name.
        pip: normalised name and version of every distribution that pip or uv installed beside them, sorted by name.
        virtual: what its packages ask of the machine: name of a virtual package (`__glibc`) and conda's version spec,
            sorted by name.
        python: the Python in it; None where it has none.
        project, vcs, wheels, unlocked: as of `PipEnvironment`.
    """

    platform: str
    lock: ObjectRef
    packages: tuple[tuple[str, str], ...]
    pip: tuple[tuple[str, str], ...] = ()
    virtual: tuple[tuple[str, str], ...] = ()
    python: Interpreter | None = None
    project: tuple[ProjectInstall, ...] = ()
    vcs: tuple[VcsInstall, ...] = ()
    wheels: tuple[WheelInstall, ...] = ()
    unlocked: tuple[str, ...] = ()
    kind: Literal["conda"] = "conda"


@dataclass(frozen=True, slots=True)
class BuiltFrom:
    """What an image was built from.

    Attributes:
        file: the Dockerfile as an object.
        bases: the images of its `FROM` lines, and the id or digest that each was then, sorted by name.
        arguments: names and values of the build arguments, sorted by name.
        context: the digest of the tar of all that the build was given; None where it is not known.
        target: the stage that was built; None for the last.
    """

    file: ObjectRef
    bases: tuple[tuple[str, str], ...] = ()
    arguments: tuple[tuple[str, str], ...] = ()
    context: Digest | None = None
    target: str | None = None


@dataclass(frozen=True, slots=True)
class ImageEnvironment:
    """A container image.

    Attributes:
        image: its id: the SHA-256 of its configuration, 64 hex digits. It names every layer, so it names every byte.
        platform: `linux/amd64`.
        references: where registries have it, `NAME@sha256:…`, without credentials; empty where none is known to.
        built_from: what it was built from; None of an image that was taken as it is.
        packages: name and version of what is installed in it, as far as that was found; sorted by name.
        unlocked: why it cannot be had again, as names; empty where it can.
    """

    image: str
    platform: str
    references: tuple[str, ...] = ()
    built_from: BuiltFrom | None = None
    packages: tuple[tuple[str, str], ...] = ()
    unlocked: tuple[str, ...] = ()
    kind: Literal["image"] = "image"


Environment = PipEnvironment | CondaEnvironment | ImageEnvironment
"""The environment of a recipe."""


def named_objects(environment: Environment) -> Iterator[tuple[str, ObjectRef]]:
    """Yield the objects that an environment names itself, each with what it is in words."""
    match environment:
        case PipEnvironment():
            if environment.lock:
                yield "pip lock", environment.lock
        case CondaEnvironment():
            yield "conda lock", environment.lock
        case ImageEnvironment():
            if environment.built_from:
                yield "Dockerfile", environment.built_from.file
            return
    for wheel in environment.wheels:
        yield wheel.file, wheel.object


def has_project_installs(environment: Environment | None) -> bool:
    """Whether something in it was installed from inside the project."""
    return isinstance(environment, PipEnvironment | CondaEnvironment) and bool(environment.project)


def distributions(environment: Environment) -> dict[str, str]:
    """Return Python's distributions in it by name, with their versions, as far as they are known."""
    match environment:
        case PipEnvironment():
            return dict(environment.packages)
        case CondaEnvironment():
            conda = {name: version.partition(" ")[0] for name, version in environment.packages}
            return conda | dict(environment.pip)
        case ImageEnvironment():
            return {}


def in_a_line(environment: Environment) -> str:
    """Say what an environment is: kind, platform or Python, number of packages."""
    count = len(environment.packages)
    match environment:
        case PipEnvironment():
            python = environment.python
            return f"pip, {python.implementation} {python.version}, {count} packages"
        case CondaEnvironment():
            return f"conda, {environment.platform}, {count + len(environment.pip)} packages"
        case ImageEnvironment():
            packages = f", {count} packages" if count else ""
            return f"image, sha256:{environment.image[:12]}, {environment.platform}{packages}"
