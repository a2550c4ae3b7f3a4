"""What the settings say of the environment, under `environment`."""

from __future__ import annotations

from typing import Any

from repro.model.dataclass import dataclass
from repro.model.pattern import pattern
from repro.model.secret_names import variable_looks_secret
from repro.model.yaml.settings_reader import SettingsReader

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
    "target",
    "build_args",
    "network",
    "gpus",
)
# The grammar of Docker's references (github.com/distribution/reference), and ids of images.
_REFERENCE = pattern(
    r"(?:(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?/)?"
    r"[a-z0-9][a-z0-9._/-]*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
    r"|sha256:[0-9a-f]{64}"
)
_ARGUMENT = pattern(r"[A-Za-z_][A-Za-z0-9_]*")
_LOGIN = pattern(r"://[^/@\s]+@")
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
        target: the stage of a Dockerfile that is built; the last one if not given.
        build_args: build arguments with their values, sorted by name.
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
    target: str | None = None
    build_args: tuple[tuple[str, str], ...] = ()

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
    kind = reader.word(inner, (at, "kind"), ENVIRONMENT_KINDS)
    if kind not in (None, "image") and inner.get("image") is not None:
        raise reader.bad((at, "image"), f"environment.kind is {kind}, and environment.image names an image")
    return EnvironmentSettings(
        kind=kind,
        python=reader.text(inner, (at, "python")),
        lock=reader.text(inner, (at, "lock")),
        file=reader.text(inner, (at, "file")),
        image=_image(reader, inner),
        archive=reader.word(inner, (at, "archive"), ARCHIVE),
        channels=reader.texts(inner, (at, "channels"), str),
        platforms=reader.texts(inner, (at, "platforms"), str),
        context=reader.text(inner, (at, "context")),
        network=reader.word(inner, (at, "network"), CONTAINER_NETWORKS),
        gpus=_gpus(reader, inner),
        target=reader.text(inner, (at, "target")),
        build_args=_build_args(reader, inner),
    )


def _image(reader: SettingsReader, inner: dict[str, Any]) -> str | None:
    """Read the reference to an image. What is none is not shown: it may be a URL with a password."""
    value = reader.text(inner, ("environment", "image"))
    if value is not None and not _REFERENCE.fullmatch(value):
        detail = "environment.image is no reference to an image"
        hint = "NAME, NAME:TAG or NAME@sha256:…; user and password are for `docker login`"
        raise reader.bad(("environment", "image"), detail, hint)
    return value


def _gpus(reader: SettingsReader, inner: dict[str, Any]) -> str | None:
    value = inner.get("gpus")
    if value is None or value == "all" or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return None if value is None else str(value)
    raise reader.bad(("environment", "gpus"), f"environment.gpus is all, or how many, not {value!r}")


def _build_args(reader: SettingsReader, inner: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Read build arguments. What looks like a secret is refused: records have the values, and so has every image."""
    at = ("environment", "build_args")
    found = inner.get("build_args")
    if found is None:
        return ()
    if not isinstance(found, dict):
        raise reader.bad(at, "environment.build_args must be names with values")
    for name, value in found.items():
        if not isinstance(name, str) or not _ARGUMENT.fullmatch(name):
            raise reader.bad((*at, str(name)), f"{name!r} cannot be the name of a build argument")
        if not isinstance(value, str):
            shown = f"environment.build_args.{name} must be text, not {value!r}"
            raise reader.bad((*at, name), shown, f'for example: {name}: "{value}"')
        if variable_looks_secret(name) or _LOGIN.search(value):
            detail = f"environment.build_args.{name} looks like a secret: lock, manifest and image have its value"
            raise reader.bad((*at, name), detail, "fetch what needs it before, and COPY it; or name a built image")
    return tuple(sorted(found.items()))


def merge_environment(near: EnvironmentSettings, far: EnvironmentSettings) -> EnvironmentSettings:
    """Return the settings in which `near` wins.

    Channels are an order of preference and platforms a choice: each counts as one value.
    """
    return EnvironmentSettings(*(getattr(near, name) or getattr(far, name) for name in near.__match_args__))
