"""Images that are in the engine already, or that a registry has."""

from __future__ import annotations

from typing import Any

from repro.env.image.engine import Engine, EngineRefused, engine_errors, refused
from repro.env.unobtainable import Unobtainable
from repro.errors import CannotProceed, RemoteError

_ABSENCE = ("manifest unknown", "does not exist", "name unknown")
_PART_ABSENT = "unknown blob"


class NoSuchImage(Unobtainable, CannotProceed):
    """Neither the engine nor a registry has an image."""

    id = "no-such-image"


class RegistryUnreachable(RemoteError):
    """A registry could not be reached, or refused."""

    id = "registry"


def local_image(engine: Engine, name: str) -> dict[str, Any] | None:
    """Return what the engine says of an image that it has, by name or id; None where it has none.

    Raises:
        EngineRefused, EngineStopped: it cannot be asked.
    """
    import docker.errors

    with engine_errors(f"look for the image {name}"):
        try:
            api: Any = engine.client.api
            attributes: dict[str, Any] = api.inspect_image(name)
        except docker.errors.NotFound:
            return None
    return attributes


def pull(engine: Engine, name: str) -> dict[str, Any]:
    """Fetch an image from its registry, with the credentials that Docker has for it.

    Args:
        engine: fetches it.
        name: `NAME`, `NAME:TAG` or `NAME@sha256:…`.

    Raises:
        NoSuchImage: the registry does not have it.
        RegistryUnreachable: it could not be asked, or refused.
        EngineStopped: the engine went away.
    """
    import docker.errors

    repository, tag = _split(name)
    try:
        with engine_errors(f"pull {name}"):
            try:
                api: Any = engine.client.api
                for line in api.pull(repository, tag=tag, stream=True, decode=True):
                    if "error" in line:  # in the middle of the answer; of Podman, always there
                        raise refused(f"pull {name}", str(line["error"]))
            except docker.errors.NotFound as error:
                raise _absent(name, str(error.explanation or error)) from error
    except EngineRefused as error:
        words = error.message.rpartition(": ")[2]
        if "not found" in words or any(sign in error.message for sign in _ABSENCE) or _of_podman_alone(engine, name):
            raise _absent(name, words) from error
        if _PART_ABSENT in error.message and _forgotten(engine, name):
            raise _absent(name, "the registry has no manifest of it any more") from error
        raise RegistryUnreachable(
            f"the image {name} could not be pulled: {error.message.split(': ', 1)[-1]}",
            error.hint or "is the registry reachable, and are you logged in (docker login)?",
        ) from error
    found = local_image(engine, name)
    if found is None:
        raise _absent(name, "the engine does not have it after the pull")
    return found


def _forgotten(engine: Engine, name: str) -> bool:
    """Whether the registry itself says that it has no such image.

    Docker keeps the manifest of a removed image for a moment, and a pull in that moment asks for the parts alone.
    Source: tried with Docker 20.10: a pull just after a removal got `unknown blob` every other time.
    """
    import docker.errors

    try:
        with engine_errors(f"ask the registry for {name}"):
            try:
                api: Any = engine.client.api
                api.inspect_distribution(name)
            except docker.errors.NotFound as error:
                return any(sign in str(error.explanation) for sign in _ABSENCE)
    except EngineRefused:
        return False  # the registry could not be asked: nobody knows
    return False


def _of_podman_alone(engine: Engine, name: str) -> bool:
    """Whether an image has the name that Podman gives to what it builds: no registry has it."""
    return engine.name.startswith("Podman") and name.startswith("localhost/")


def _split(name: str) -> tuple[str, str | None]:
    """Return the repository, and the tag or digest: without one, `latest`, as everywhere."""
    if "@" in name:
        repository, _, digest = name.partition("@")
        return repository, digest
    repository, colon, tag = name.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (name, "latest")


def _absent(name: str, said: str) -> NoSuchImage:
    return NoSuchImage(
        f"neither the container engine nor a registry has the image {name} ({said.strip()[:200]})",
        "is the name right? An image of a run can also come from the remote's archive",
    )
