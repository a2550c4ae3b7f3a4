"""Hashing a file where it lies in the page cache: the same digests, whatever happens to the file meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from blake3 import blake3

from repro.store.files import mapped_hashing
from repro.store.files.mapped_hashing import hash_mapped
from repro.store.files.read_leases import holds_lease

PART = 64 * 1024


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 5 * PART + 17])
def test_the_digest_is_that_of_all_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(mapped_hashing, "_PART", PART)
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    told: list[int] = []
    descriptor = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        ref = hash_mapped(descriptor, told.append)
        assert not holds_lease(descriptor)
    finally:
        os.close(descriptor)
    assert (ref.digest, ref.size) == (f"b3:{blake3(data).hexdigest()}", size)
    assert sum(told) == size


def test_a_file_that_somebody_may_write_to_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_map(*_: object) -> bool:
        raise AssertionError("it was mapped")

    monkeypatch.setattr(mapped_hashing, "_map", no_map)
    data = os.urandom(3 * PART)
    with open(tmp_path / "file", "xb") as writer:
        writer.write(data)
        writer.flush()
        descriptor = os.open(tmp_path / "file", os.O_RDONLY)
        try:
            assert hash_mapped(descriptor).digest == f"b3:{blake3(data).hexdigest()}"
        finally:
            os.close(descriptor)


def test_a_file_that_is_cut_short_meanwhile_does_not_end_the_process(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(os.urandom(64 * PART))
    script = f"""
import os, subprocess, time
from repro.store.files import mapped_hashing
from repro.store.files.read_leases import holds_lease
mapped_hashing._PART = {PART}
descriptor = os.open("file", os.O_RDONLY)
cut = None
def told(size):
    global cut
    if cut is None:
        cut = subprocess.Popen(["sh", "-c", ": > file"])
        while holds_lease(descriptor) and cut.poll() is None:
            time.sleep(0.002)
print(mapped_hashing.hash_mapped(descriptor, told).size)
cut.wait(timeout=20)  # for moments, not until the lease ends by itself
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert PART <= int(done.stdout) <= 64 * PART
    assert (tmp_path / "file").stat().st_size == 0


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    with open(tmp_path / "file", "xb") as file:
        file.truncate(600 * 1024 * 1024)
    script = """
import os
from repro.store.files.mapped_hashing import hash_mapped
print(hash_mapped(os.open("file", os.O_RDONLY)).size)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM:")).split()[1])
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    size, peak = map(int, done.stdout.split())
    assert size == 600 * 1024 * 1024
    assert peak < 190 * 1024  # KiB
