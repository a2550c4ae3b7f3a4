"""Real libraries, which open files in their own ways: C, C++, threads, worker processes, a notebook's kernel.

Each run is recorded, and rebuilt with the original gone, in another home, as another user and on one processor. It is
one test, as the environment is what costs (most of a minute of one processor in all); a failure says which library.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.watch.library_runs import LIBRARIES, RUNS, record_and_rebuild


@pytest.mark.begins_first
def test_what_libraries_read_and_make_is_recorded_and_made_again_elsewhere(tmp_path: Path) -> None:
    try:
        outcomes = record_and_rebuild(tmp_path)
    except subprocess.CalledProcessError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"the libraries cannot be installed: {error}")
    for found in outcomes:
        assert found["manifest"]["observations"]["watched"] == "strace"
        assert found["manifest"]["facts"]["recipe"].get("outside", []) == []
        assert found["answer"].get("verdict") == "identical", (found["answer"], found["said"])
        assert found["answer"]["sandbox"]["kind"] == "bwrap"
    read, made = _seen(outcomes)
    assert read == {library: {name} for library, (name, _) in LIBRARIES.items()}
    assert made == {library: dict.fromkeys(names, "identical") for library, (_, names) in LIBRARIES.items()}
    _check_pins(outcomes)


def _seen(outcomes: list[Any]) -> tuple[dict[str, set[str]], dict[str, dict[str, str]]]:
    """Return by library what was read and what was made with its verdict; what is no library's stands under ``."""
    read: dict[str, set[str]] = {}
    made: dict[str, dict[str, str]] = {}
    for run, found in zip(RUNS, outcomes, strict=True):
        reader = {name: library for library, (name, _) in run.made.items()}
        maker = {name: library for library, (_, names) in run.made.items() for name in names}
        for item in found["manifest"]["facts"]["recipe"]["data"]:
            read.setdefault(reader.get(item["path"], ""), set()).add(item["path"])
        for output in found["answer"]["outputs"]:
            made.setdefault(maker.get(output["path"], ""), {})[output["path"]] = output["verdict"]
    return read, made


def _check_pins(outcomes: list[Any]) -> None:
    """PyTorch said how it was set, under `--pin`."""
    [result] = [found["result"] for found in outcomes if found["result"]]
    assert (result["deterministic"], result["cudnn"]) == (True, [False, False, False])
    assert result["capability"] in ("AVX2", "DEFAULT")  # never AVX512: what other processors lack
    assert result["threads"] == len(os.sched_getaffinity(0))
