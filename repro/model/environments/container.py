"""What a container is started with, as plain values that go from repro to the process that stands for the container."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from repro.model.dataclass import dataclass, field


@dataclass(frozen=True, slots=True)
class BindMount:
    """A file or directory of this machine and where the container has it; both absolute."""

    source: str
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class ContainerUser:
    """Whom the command takes itself for. `home` is where its HOME is, unless the image has a place of its own."""

    name: str
    uid: int
    gid: int
    home: str
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A command in a container.

    Attributes:
        engine: the engine's URL.
        image: its id, 64 hex digits.
        name: of the container; nobody else's.
        command: the program and its arguments.
        directory: where it runs, an absolute path in the container.
        environ: variables beside those of the image.
        user, host: who and where the command takes itself to be.
        python_path: folders that Python is to look into before all others.
        mounts: what it sees of this machine.
        umask: for the command.
        cpus: the numbers of the processors that it may use; None for all.
        network: `none`, `host` or `bridge`.
        gpus: `all`, or how many; None for none.
        labels: by which the container can be told from others.
    """

    engine: str
    image: str
    name: str
    command: tuple[str, ...]
    directory: str
    environ: Mapping[str, str]
    user: ContainerUser
    host: str
    python_path: tuple[str, ...] = ()
    mounts: tuple[BindMount, ...] = ()
    umask: int = 0o022
    cpus: tuple[int, ...] | None = None
    network: str = "none"
    gpus: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContainerEnd:
    """How a container ended.

    Attributes:
        exit_code: as the engine tells it; None where the command did not start, or nobody knows.
        missing: `not-found` or `not-executable` where the command did not start.
        error: id, message and hint of an error that is not the command's.
        started: whether the command started, as far as that is known.
        changed: paths outside the mounts that the command left changed in the container, which is gone.
    """

    exit_code: int | None = None
    missing: str | None = None
    error: tuple[str, str, str | None] | None = None
    started: bool = True
    changed: tuple[str, ...] = ()


def spec_to_json(spec: ContainerSpec) -> bytes:
    """Return the spec as one line of JSON."""
    from dataclasses import asdict

    return json.dumps(asdict(spec)).encode()


def spec_from_json(data: bytes) -> ContainerSpec:
    """Read what `spec_to_json` wrote."""
    plain: dict[str, Any] = json.loads(data)
    user = plain.pop("user")
    return ContainerSpec(
        **plain
        | {
            "command": tuple(plain["command"]),
            "user": ContainerUser(**user | {"groups": tuple(user["groups"])}),
            "mounts": tuple(BindMount(**mount) for mount in plain["mounts"]),
            "python_path": tuple(plain["python_path"]),
            "cpus": None if plain["cpus"] is None else tuple(plain["cpus"]),
        }
    )


def end_to_json(end: ContainerEnd) -> bytes:
    """Return the end as one line of JSON."""
    from dataclasses import asdict

    return json.dumps(asdict(end)).encode()


def end_from_json(data: bytes) -> ContainerEnd:
    """Read what `end_to_json` wrote; of a process that wrote nothing, nothing is known."""
    if not data:
        return ContainerEnd()
    plain = json.loads(data)
    error = tuple(plain["error"]) if plain["error"] else None
    return ContainerEnd(plain["exit_code"], plain["missing"], error, plain["started"], tuple(plain["changed"]))
