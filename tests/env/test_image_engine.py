"""What an engine's no, and its silence, are told as."""

from __future__ import annotations

import errno
import socket
from pathlib import Path

import docker.errors
import pytest
import requests

from repro.env.image.engine import EngineRefused, EngineStopped, NoEngine, connect, engine_errors, names_by_manifest
from repro.env.image.graphics import device_request


def test_what_an_engine_says_in_the_middle_of_an_answer_is_its_no_and_a_full_disk_is_named() -> None:
    with pytest.raises(EngineRefused) as told, engine_errors("load the image"):
        raise docker.errors.ImageLoadError("write /layer.tar: no space left on device")
    assert "refused to load the image: write /layer.tar" in told.value.message
    assert "the engine's disk is full" in str(told.value.hint)


def test_podman_without_a_range_of_user_numbers_is_told_how_to_get_one() -> None:
    """Podman 4.3's words, as a user without a line in /etc/subuid gets them."""
    words = "keep-id requires additional UIDs or GIDs defined in /etc/subuid and /etc/subgid to function correctly"
    with pytest.raises(EngineRefused) as told, engine_errors("create the container"):
        raise docker.errors.APIError(words)
    assert "usermod --add-subuids" in str(told.value.hint)


def test_graphics_processors_are_asked_for_in_each_engines_words_and_never_left_out_in_silence() -> None:
    """Podman's words as its own `--device nvidia.com/gpu=all` has them; 4.3.1 was seen to heed no request."""
    assert device_request("Docker 20.10.24", "all") == {"count": -1, "capabilities": [["gpu"]]}
    assert device_request("Docker 28.1.0", "2") == {"count": 2, "capabilities": [["gpu"]]}
    assert device_request("Podman 5.6.0-dev", "all") == {"driver": "cdi", "device_ids": ["nvidia.com/gpu=all"]}
    two = {"driver": "cdi", "device_ids": ["nvidia.com/gpu=0", "nvidia.com/gpu=1"]}
    assert device_request("Podman 6.0.1", "2") == two
    for old in ("Podman 4.3.1", "Podman 5.5.2", "Podman"):
        with pytest.raises(EngineRefused, match="no graphics processors") as told:
            device_request(old, "all")
        assert "environment.gpus" in str(told.value.hint)


@pytest.mark.parametrize("error", [requests.ConnectionError("gone"), ConnectionResetError(), TimeoutError()])
def test_a_lost_connection_is_an_engine_that_went_away(error: Exception) -> None:
    with pytest.raises(EngineStopped), engine_errors("build the image"):
        raise error


def test_a_full_disk_of_ours_is_not_blamed_on_the_engine() -> None:
    with pytest.raises(OSError, match="No space"), engine_errors("export the image"):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_an_engine_with_containerds_store_is_told_by_its_own_words() -> None:
    """Answers of `GET /info`, shortened."""
    assert names_by_manifest({"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]})
    assert not names_by_manifest({"Driver": "overlay2", "DriverStatus": [["Backing Filesystem", "extfs"]]})
    assert not names_by_manifest({"Driver": "vfs", "DriverStatus": None})


def test_an_engine_that_takes_connections_and_says_nothing_does_not_hold_anybody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repro.env.image.engine._ANSWER_S", 1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        with pytest.raises(NoEngine, match="timed out"):
            connect({"DOCKER_HOST": f"unix://{tmp_path}/s"})
