"""How an engine is asked for graphics processors: Docker by their number, Podman by names of the CDI standard."""

from __future__ import annotations

from typing import Any

from repro.env.image.engine import EngineRefused

_KIND = "nvidia.com/gpu"
_PODMAN = (5, 6)
"""Since then at the latest, Podman heeds the request in what it shares with Docker; before, it goes on without."""


def device_request(engine: str, gpus: str) -> dict[str, Any]:
    """Return the words of a device request, as the docker SDK's `DeviceRequest` takes them.

    Args:
        engine: its name and version, `Podman 5.6.0`.
        gpus: `all`, or how many.

    Raises:
        EngineRefused: it would start the container without any, and say nothing.
    """
    kind, _, version = engine.partition(" ")
    if kind != "Podman":
        return {"count": -1 if gpus == "all" else int(gpus), "capabilities": [["gpu"]]}
    if _numbers(version) < _PODMAN:
        raise EngineRefused(
            f"{engine} gives containers no graphics processors by the interface that it shares with Docker",
            f"use Podman {_PODMAN[0]}.{_PODMAN[1]} or later, or Docker, or leave out environment.gpus",
        )
    names = ["all"] if gpus == "all" else [str(number) for number in range(int(gpus))]
    return {"driver": "cdi", "device_ids": [f"{_KIND}={name}" for name in names]}


def _numbers(version: str) -> tuple[int, ...]:
    found = []
    for part in version.split(".")[:2]:
        digits = part.partition("-")[0]
        if not digits.isdecimal():
            break
        found.append(int(digits))
    return tuple(found)
