"""Environments in the making: nothing of one that was not made stays."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

import pytest

from repro.env.environment_cache import make_environment


def test_nothing_stays_of_what_was_stopped_though_a_thread_still_writes(tmp_path: Path) -> None:
    """As py-rattler's threads do, which Ctrl-C does not stop."""
    writing = threading.Event()

    def write_on(folder: Path) -> None:
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            with contextlib.suppress(FileNotFoundError):
                (folder / os.urandom(8).hex()).touch()
            writing.set()

    def build(prefix: str) -> None:
        (Path(prefix) / "lib").mkdir(parents=True)
        for number in range(2_000):  # to remove them takes longer than to add one
            (Path(prefix) / "lib" / f"{number}").touch()
        threading.Thread(target=write_on, args=(Path(prefix) / "lib",), daemon=True).start()
        writing.wait()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_environment(str(tmp_path / "environments"), "key", build)
    assert os.listdir(tmp_path / "environments") == []
