"""Files written past the page cache: the same bytes as any other way, also where the file system cannot do it."""

from __future__ import annotations

import errno
import fcntl
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from repro.store.files.direct_writing import DirectFile, DirectWriting
from repro.store.files.reused_memory import ReusedMemory

DATA = random.Random(7).randbytes(5 * 1024 * 1024 + 777)


@contextmanager
def writing() -> Iterator[DirectWriting]:
    one = DirectWriting()
    try:
        yield one
    finally:
        one.close()


@contextmanager
def created(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def write(descriptor: int, data: bytes, seed: int = 1) -> None:
    """Write the data in parts of any length."""
    lengths = random.Random(seed)
    with writing() as one:
        file = DirectFile(descriptor, one)
        start = 0
        while start < len(data):
            length = lengths.choice([1, 64, 4096, 100_001, 3_000_000])
            file.write(data[start : start + length])
            start += length
        file.end()


@pytest.mark.parametrize("length", [0, 1, 4096, 2 * 1024 * 1024, len(DATA)])
def test_what_is_written_is_read(tmp_path: Path, length: int) -> None:
    with created(tmp_path / "file") as descriptor:
        write(descriptor, DATA[:length], seed=length)
    assert (tmp_path / "file").read_bytes() == DATA[:length]


def test_what_is_written_does_not_lie_in_the_page_cache(tmp_path: Path) -> None:
    with created(tmp_path / "file") as descriptor:
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        try:
            fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_DIRECT)
            os.write(descriptor, b"")
            os.preadv(descriptor, [bytearray(1)], 0, os.RWF_NOWAIT)
        except OSError as error:
            pytest.skip(f"no file here can be asked: {error}")
        fcntl.fcntl(descriptor, fcntl.F_SETFL, flags)
        write(descriptor, DATA)
        with pytest.raises(BlockingIOError):  # it would have to be read
            os.preadv(descriptor, [bytearray(4096)], 1024 * 1024, os.RWF_NOWAIT)


def test_a_file_system_that_cannot_do_it_gets_the_bytes_all_the_same() -> None:
    descriptor = os.memfd_create("file")
    try:
        with pytest.raises(OSError, match="Invalid"):
            fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_DIRECT)
        write(descriptor, DATA)
        assert os.pread(descriptor, len(DATA) + 1, 0) == DATA
    finally:
        os.close(descriptor)


def test_one_that_wants_other_alignment_gets_them_too(tmp_path: Path) -> None:
    with created(tmp_path / "file") as descriptor:
        os.write(descriptor, b"x")  # no block of the disk begins after it
        write(descriptor, DATA)
    assert (tmp_path / "file").read_bytes() == b"x" + DATA


@pytest.mark.parametrize("length", [10, len(DATA)])
def test_a_full_disk_is_heard_of_before_the_file_counts_as_written(length: int) -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    try:
        with pytest.raises(OSError, match="No space") as caught:
            write(descriptor, DATA[:length])
        assert caught.value.errno == errno.ENOSPC
    finally:
        os.close(descriptor)


def test_files_that_are_given_up_leave_room_for_others(tmp_path: Path) -> None:
    with writing() as one:
        for number in range(10):
            with created(tmp_path / f"given-up-{number}") as descriptor:
                file = DirectFile(descriptor, one)
                file.write(DATA[:3_000_000])
                file.abandon()
        with created(tmp_path / "file") as descriptor:
            file = DirectFile(descriptor, one)
            file.write(DATA)
            file.end()
    assert (tmp_path / "file").read_bytes() == DATA


def test_memory_is_used_again_only_when_nobody_sees_it() -> None:
    memory = ReusedMemory(10_000)
    first = memory.take()
    first[:5] = b"first"
    part = first[:5]
    del first
    second = memory.take()
    second[:6] = b"second"
    assert bytes(part) == b"first"
    del part
    again = memory.take()
    assert bytes(again[:5]) == b"first", "it is the same memory"
    assert bytes(second[:6]) == b"second"
