"""Hollow files: all that a name says, and nothing that could be taken for content."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from repro.data.hollow import is_hollow, make_hollow, remove_hollow
from repro.execution.capabilities import can_give_up_reading, give_up_reading
from repro.model.names import RelPath

SIZE = 10_000_000_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A directory with hollow files, at two depths, and one that is not."""
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "real").write_text("x")
    for place in (folder, folder / "deep"):
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            make_hollow(b"hollow", descriptor, SIZE, False, b"hollow")
            make_hollow(b"empty", descriptor, 0, True, b"empty")
        finally:
            os.close(descriptor)
    return folder


def test_size_and_kind_are_those_of_the_file_and_it_takes_no_room(data: Path) -> None:
    found = (data / "hollow").stat()
    assert (found.st_size, found.st_blocks * 512 < 10_000, (data / "hollow").is_file()) == (SIZE, True, True)


def test_a_file_of_no_bytes_is_itself(data: Path) -> None:
    assert (data / "empty").read_bytes() == b""
    assert os.access(data / "empty", os.X_OK)
    assert [is_hollow(str(data / name)) for name in ("hollow", "empty", "real", "deep", "none")] == [
        *(True, False, False, False, False)
    ]


def test_who_has_given_up_the_privilege_cannot_read_it_and_root_too(data: Path) -> None:
    assert can_give_up_reading()
    script = "import sys; open(sys.argv[1]).read(1)"
    command = [sys.executable, "-ISc", script, str(data / "hollow")]
    done = subprocess.run(command, preexec_fn=give_up_reading, capture_output=True, text=True)
    assert "PermissionError" in done.stderr
    again = subprocess.run([*command[:-1], str(data / "real")], preexec_fn=give_up_reading, capture_output=True)
    assert again.returncode == 0


def test_they_are_removed_at_any_depth_and_nothing_else_is(data: Path) -> None:
    (data / "link").symlink_to(data / "deep")
    remove_hollow(str(data.parent), RelPath(b"data"))
    left = sorted(str(path.relative_to(data)) for path in data.rglob("*"))
    assert left == ["deep", "deep/empty", "empty", "link", "real"]
    remove_hollow(str(data.parent), RelPath(b"gone"))
