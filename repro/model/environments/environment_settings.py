"""What the settings say of the environment, under `environment`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from repro.model.settings_reader import SettingsReader

ENVIRONMENT_KEYS = (
    "kind",
    "python",
    "lock",
    "file",
    "image",
    "archive",
    "channels",
    "platforms",
    "context",
    "network",
    "gpus",
)
CONTAINER_NETWORKS = ("none", "host", "bridge")
ENVIRONMENT_KINDS = ("pip", "conda", "image")
ARCHIVE = ("always", "named", "never")


@dataclass(frozen=True, slots=True)
class EnvironmentSettings:
    """Which environment, and what becomes of it. None is "find it", or the default.

    Attributes:
        kind: `pip`, `conda` or `image`.
        python, lock, file: paths of the interpreter, the project's own lock, and what the environment is made from.
        image: a reference to a container image.
        archive: which runs' environments are archived: `always`, `named` or `never`.
        context: the folder that a Dockerfile takes files from; its own if not given.
        network, gpus: what a container is given of this machine: `none`, `host` or `bridge`; `all` or how many.
        channels, platforms: conda's channels and the platforms that are locked.
    """

    kind: str | None = None
    python: str | None = None
    lock: str | None = None
    file: str | None = None
    image: str | None = None
    archive: str | None = None
    channels: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    context: str | None = None
    network: str | None = None
    gpus: str | None = None

    def archives(self, name: str | None) -> bool:
        """Whether the environment of a run of this name is archived as soon as the run is recorded."""
        return self.archive == "always" or (self.archive == "named" and name is not None)


def read_environment(reader: SettingsReader, value: Any) -> EnvironmentSettings:
    """Read what stands under `environment`.

    Raises:
        BadSettings: a word that has no meaning, a value of the wrong type.
    """
    at = "environment"
    inner = reader.mapping(value, (at,), ENVIRONMENT_KEYS)
    return EnvironmentSettings(
        kind=reader.word(inner, (at, "kind"), ENVIRONMENT_KINDS),
        python=reader.text(inner, (at, "python")),
        lock=reader.text(inner, (at, "lock")),
        file=reader.text(inner, (at, "file")),
        image=reader.text(inner, (at, "image")),
        archive=reader.word(inner, (at, "archive"), ARCHIVE),
        channels=reader.texts(inner, (at, "channels"), str),
        platforms=reader.texts(inner, (at, "platforms"), str),
        context=reader.text(inner, (at, "context")),
        network=reader.word(inner, (at, "network"), CONTAINER_NETWORKS),
        gpus=_gpus(reader, inner),
    )


def _gpus(reader: SettingsReader, inner: dict[str, Any]) -> str | None:
    value = inner.get("gpus")
    if value is None or value == "all" or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return None if value is None else str(value)
    raise reader.bad(("environment", "gpus"), f"environment.gpus is all, or how many, not {value!r}")


def merge_environment(near: EnvironmentSettings, far: EnvironmentSettings) -> EnvironmentSettings:
    """Return the settings in which `near` wins.

    Channels are an order of preference and platforms a choice: each counts as one value.
    """
    return EnvironmentSettings(*(getattr(near, f.name) or getattr(far, f.name) for f in fields(EnvironmentSettings)))
