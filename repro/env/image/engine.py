"""The container engine: Docker, or Podman by the interface that it shares with Docker; found, asked, and its refusals.

The engine is reached by the docker SDK alone, which is imported here and in what gets an `Engine`, when it is needed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from repro.errors import CannotProceed
from repro.model.dataclass import dataclass

if TYPE_CHECKING:
    import docker

_SLOW_S = 24 * 3600  # a build or a pull may be silent for long; an engine that has gone closes the connection

_ANSWER_S = 60  # an engine that hangs takes connections and says nothing


class NoDockerSdk(CannotProceed):
    """The package that speaks to engines is not installed."""

    id = "no-docker-sdk"


class NoEngine(CannotProceed):
    """No container engine answers."""

    id = "no-engine"


class EngineStopped(CannotProceed):
    """The engine went away in the middle of something."""

    id = "engine-stopped"


class EngineRefused(CannotProceed):
    """The engine said no."""

    id = "engine-refused"


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers.

    Attributes:
        client: the SDK's.
        address: its URL, `unix:///var/run/docker.sock`.
        name: what it is and its version, `Docker 20.10.24`.
        platform: what its containers run on, `linux/amd64`.
        by_manifest: whether it keeps images in containerd's store, and calls them by the digests of manifests or
            indexes; else by those of their configurations.
    """

    client: docker.DockerClient
    address: str
    name: str
    platform: str
    by_manifest: bool = False


def connect(environ: Mapping[str, str]) -> Engine:
    """Return the engine that `DOCKER_HOST` names, or the first one that answers at the usual places.

    Raises:
        NoDockerSdk: the extra is not installed.
        NoEngine: none answers.
    """
    _require_sdk()
    named = environ.get("DOCKER_HOST")
    places = [named] if named else [f"unix://{path}" for path in usual_sockets(environ) if os.path.exists(path)]
    said = []
    for address in places:
        found = _answering(address, environ)
        if isinstance(found, Engine):
            return found
        said.append(f"{address}: {found}")
    if named:
        raise NoEngine(f"no container engine answers at DOCKER_HOST ({said[0]})", "start it, or unset DOCKER_HOST")
    tried = "; ".join(said) if said else "there is no socket of Docker's or Podman's"
    hint = "start Docker, or `systemctl --user start podman.socket`; DOCKER_HOST names one elsewhere"
    if "Permission denied" in tried:
        hint = "Docker's users are in the group docker; Podman needs none: `systemctl --user start podman.socket`"
    raise NoEngine(f"no container engine answers: {tried}", hint)


def usual_sockets(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return where engines listen: Docker, then Podman, the user's own before the system's."""
    own = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    return (
        "/var/run/docker.sock",
        os.path.join(own, "docker.sock"),
        os.path.join(own, "podman", "podman.sock"),
        "/run/podman/podman.sock",
    )


@contextlib.contextmanager
def engine_at(address: str, environ: Mapping[str, str]) -> Iterator[Engine]:
    """Give the engine that was found at an address before.

    Raises:
        EngineStopped: it no longer answers.
    """
    _require_sdk()
    found = _answering(address, environ)
    if not isinstance(found, Engine):
        raise EngineStopped(f"the container engine at {address} no longer answers: {found}", "start it, then again")
    with contextlib.closing(found.client):
        yield found


@contextlib.contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Turn what the SDK raises into errors that say what was tried; `doing` completes "could not …".

    Raises:
        EngineRefused: the engine said no.
        EngineStopped: it went away.
    """
    import docker.errors
    import requests
    from requests.packages.urllib3.exceptions import HTTPError  # type: ignore[import-not-found]

    try:
        yield
    except docker.errors.APIError as error:
        raise refused(doing, str(error.explanation or error)) from error
    except (requests.RequestException, HTTPError, ConnectionError, TimeoutError) as error:
        raise EngineStopped(
            f"the container engine went away, so repro could not {doing} ({type(error).__name__})",
            "is it running? Start it, then again",
        ) from error
    except docker.errors.DockerException as error:  # what the engine says in the middle of an answer
        raise refused(doing, str(error)) from error


def refused(doing: str, said: str) -> EngineRefused:
    """Return the error for an engine's no, in its own words."""
    hint = None
    if "no space left on device" in said:
        hint = "the engine's disk is full: `docker system df` shows by what, `docker system prune` frees some"
    elif "could not select device driver" in said or "nvidia.com/gpu" in said:
        hint = "the engine has no GPU to give: install its vendor's container toolkit, or leave out environment.gpus"
    elif "/etc/subuid" in said:
        hint = (
            "Podman without root needs a range of user numbers: `sudo usermod --add-subuids 100000-165535"
            " --add-subgids 100000-165535 $USER`, then `podman system migrate`"
        )
    elif "container-init binary not found" in said:
        hint = "install catatonit, which Podman starts containers' commands with"
    return EngineRefused(f"the container engine refused to {doing}: {said.strip()}", hint)


def _require_sdk() -> None:
    try:
        import docker  # noqa: F401
    except ImportError as error:
        raise NoDockerSdk(
            "environments of kind image need the package `docker`", "install it: pip install 'repro-run[docker]'"
        ) from error


def _answering(address: str, environ: Mapping[str, str]) -> Engine | str:
    """Return the engine at an address, or why there is none."""
    import docker
    import docker.errors
    import requests
    from docker.constants import DEFAULT_DOCKER_API_VERSION

    try:
        # Only the address is taken from it: TLS settings go with DOCKER_HOST, as Docker's own program has it.
        tls = {name: environ[name] for name in ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH") if name in environ}
        where = {"DOCKER_HOST": address, **tls}
        # Asked once, and of the interface's version as well: Podman takes half a second for the answer.
        with contextlib.closing(
            docker.DockerClient.from_env(version=DEFAULT_DOCKER_API_VERSION, timeout=_ANSWER_S, environment=where)
        ) as asked:
            api: Any = asked.api
            said = api.version(api_version=False)
        of_interface = str(said["ApiVersion"])
        by_manifest = _may_have_two_stores(str(said.get("Version", ""))) and names_by_manifest(
            _info(of_interface, where)
        )
        client = docker.DockerClient.from_env(version=of_interface, timeout=_SLOW_S, environment=where)
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        return _reason(error)
    names = {str(part.get("Name", "")) for part in said.get("Components") or ()}
    kind = "Podman" if any("podman" in name.lower() for name in names) else "Docker"
    name = f"{kind} {said.get('Version', '')}".strip()
    return Engine(client, address, name, f"{said['Os']}/{said['Arch']}", by_manifest)


def _info(of_interface: str, where: Mapping[str, str]) -> dict[str, Any]:
    import docker

    with contextlib.closing(
        docker.DockerClient.from_env(version=of_interface, timeout=_ANSWER_S, environment=dict(where))
    ) as asked:
        found: dict[str, Any] = asked.info()
    return found


def _may_have_two_stores(version: str) -> bool:
    """Whether an engine may have containerd's store: Docker's since 23. Podman, whose numbers are below, has not."""
    major = version.partition(".")[0]
    return major.isdecimal() and int(major) >= 23


def names_by_manifest(info: Mapping[str, Any]) -> bool:
    """Whether an engine keeps images in containerd's store, by its answer to `GET /info`.

    Source: Docker's documentation, "containerd image store" (`driver-type` of `docker info`'s driver status).
    """
    status = info.get("DriverStatus") or ()
    return any(list(pair) == ["driver-type", "io.containerd.snapshotter.v1"] for pair in status)


def _reason(error: BaseException) -> str:
    """Return the last of the nested reasons that the SDK gives, which is the system's."""
    text = str(error)
    for plain in ("Permission denied", "Connection refused", "No such file or directory", "timed out"):
        if plain in text:
            return plain
    return text.splitlines()[0][:200] if text else type(error).__name__
