"""Copies that are hashed while the kernel makes them: what is named is what was stored."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from blake3 import blake3

from repro.store.files import hashed_copy
from repro.store.files.hashed_copy import copy_and_hash_here

PART = 64 * 1024


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashed_copy, "_PART", PART)


def copied(source: int, target: Path, read: int) -> tuple[str, int, int]:
    first = os.read(source, read) if read else b""
    told: list[int] = []
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    try:
        ref = copy_and_hash_here(source, descriptor, first, told.append)
    finally:
        os.close(descriptor)
    return ref.digest, ref.size, sum(told)


@pytest.mark.parametrize("read", [0, 1000])
@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART, 5 * PART + 17])
def test_the_copy_has_all_bytes_and_the_digest_is_theirs(tmp_path: Path, size: int, read: int) -> None:
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    source = os.open(tmp_path / "file", os.O_RDONLY)
    try:
        assert copied(source, tmp_path / "copy", read) == (f"b3:{blake3(data).hexdigest()}", size, size)
    finally:
        os.close(source)
    assert (tmp_path / "copy").read_bytes() == data


def test_what_the_kernel_does_not_copy_is_read(tmp_path: Path) -> None:
    data = os.urandom(3 * PART + 5)
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as file:
            file.write(data)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert copied(reading, tmp_path / "copy", 10) == (f"b3:{blake3(data).hexdigest()}", len(data), len(data))
    finally:
        os.close(reading)
        writer.join()
    assert (tmp_path / "copy").read_bytes() == data


def test_what_cannot_be_mapped_is_hashed_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashed_copy, "POPULATE_READ", 12345)  # as a kernel answers that does not know it: EINVAL
    test_the_copy_has_all_bytes_and_the_digest_is_theirs(tmp_path, 3 * PART + 5, 0)


def test_a_file_that_is_cut_short_meanwhile_gives_what_was_copied(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(os.urandom(64 * PART))
    source = os.open(tmp_path / "file", os.O_RDONLY)
    target = os.open(tmp_path / "copy", os.O_RDWR | os.O_CREAT | os.O_EXCL)
    try:
        ref = copy_and_hash_here(source, target, told=lambda _: os.truncate(tmp_path / "file", PART))
    finally:
        os.close(source)
        os.close(target)
    kept = (tmp_path / "copy").read_bytes()
    assert (ref.digest, ref.size) == (f"b3:{blake3(kept).hexdigest()}", len(kept))
    assert PART <= len(kept) < 64 * PART
