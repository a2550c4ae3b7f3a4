"""The data that is stored: made anew, never the same twice, so that nothing can be known of it beforehand."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 16 << 20
_FILE = 10 << 10
_PER_DIRECTORY = 100
_LINE = 64


@dataclass(frozen=True, slots=True)
class DataSet:
    """`make(path, scale)` makes it; `size` is in bytes at scale 1, as far as it takes room on a disk."""

    name: str
    about: str
    size: int
    make: Callable[[Path, float], None]


def large_file(path: Path, scale: float) -> None:
    """4 GiB of random bytes."""
    _write(path, max(int((4 << 30) * scale), 1), os.urandom)


def many_files(path: Path, scale: float) -> None:
    """100,000 files of 10 KiB of random bytes, 100 in a directory."""
    _random_files(path, int(100_000 * scale), _FILE)


def a_tenth_of_the_files(path: Path, scale: float) -> None:
    """As many_files, 10,000 of them."""
    many_files(path, scale / 10)


def a_million_names(path: Path, scale: float) -> None:
    """1,000,000 names of 1,000 small files, 100 in a directory: as much to look at, without taking the room."""
    hidden = path.with_name(f"{path.name}-links")
    hidden.mkdir()
    files = [hidden / str(number) for number in range(1000)]
    for file in files:
        file.write_bytes(os.urandom(1024))
    seen = 0
    for folder, count in _folders(path, int(1_000_000 * scale)):
        for number in range(count):
            os.link(files[seen % len(files)], folder / f"f{number:03}.bin")
            seen += 1
    shutil.rmtree(hidden)


def a_million_files(path: Path, scale: float) -> None:
    """1,000,000 files of 1 KiB of random bytes, 100 in a directory."""
    _random_files(path, int(1_000_000 * scale), 1024)


def a_tenth_of_a_million_files(path: Path, scale: float) -> None:
    """As a_million_files, 100,000 of them."""
    a_million_files(path, scale / 10)


def numeric_text(path: Path, scale: float) -> None:
    """1 GiB of CSV: seven columns of random decimal numbers."""
    _write(path, max(int((1 << 30) * scale) // _LINE, 1) * _LINE, _lines)


D1 = DataSet("D1", "one file of 4 GiB of random bytes", 4 << 30, large_file)
D2 = DataSet("D2", "100,000 random files of 10 KiB in 1,000 directories", 100_000 * 12288, many_files)
D2_TENTH = DataSet("D2/10", "10,000 random files of 10 KiB in 100 directories", 10_000 * 12288, a_tenth_of_the_files)
D3 = DataSet("D3", "1 GiB of numeric CSV", 1 << 30, numeric_text)
MILLION = DataSet("1M", "1,000,000 names of 1,000 files of 1 KiB in 10,000 directories", 10_000 * 8192, a_million_names)

SMALL_FILES = DataSet(
    "1M files", "1,000,000 random files of 1 KiB in 10,000 directories", 1_000_000 * 4096, a_million_files
)
SMALL_FILES_TENTH = DataSet(
    "100k files", "100,000 random files of 1 KiB in 1,000 directories", 100_000 * 4096, a_tenth_of_a_million_files
)


def insert_byte(path: Path, turn: int) -> None:
    """Insert one byte in the middle, in place: whoever has a hard link to the file sees it."""
    size = path.stat().st_size
    with open(path, "r+b") as file:
        end = size
        while end > size // 2:
            start = max(end - _BLOCK, size // 2)
            file.seek(start)
            data = file.read(end - start)
            file.seek(start + 1)
            file.write(data)
            end = start
        file.seek(size // 2)
        file.write(bytes([turn % 256]))


def change_ten_files(path: Path, turn: int) -> None:
    """Write ten files anew, each in another directory where there are so many."""
    folders = sorted(entry for entry in path.iterdir() if entry.is_dir())
    for number in range(10):
        folder = folders[number * len(folders) // 10]
        files = sorted(folder.iterdir())
        files[(number + turn) % len(files)].write_bytes(os.urandom(_FILE))


def warm(path: Path, *, read: bool = True) -> None:
    """Look at everything once, and read it, so that it is in memory."""
    files = [path] if path.is_file() else [Path(base, name) for base, _, names in os.walk(path) for name in names]
    for file in files:
        if not read:
            file.stat()
            continue
        with open(file, "rb", buffering=0) as opened:
            while opened.read(_BLOCK):
                pass


def _folders(path: Path, files: int) -> Iterator[tuple[Path, int]]:
    files = max(files, 20)
    per = min(_PER_DIRECTORY, max(files // 10, 1))
    for number in range(0, files, per):
        folder = path / f"d{number // per:05}"
        folder.mkdir(parents=True)
        yield folder, min(per, files - number)


def _random_files(path: Path, files: int, size: int) -> None:
    for folder, count in _folders(path, files):
        data = os.urandom(size * count)
        for number in range(count):
            (folder / f"f{number:03}.bin").write_bytes(data[number * size : (number + 1) * size])


def _write(path: Path, size: int, make: Callable[[int], bytes]) -> None:
    with open(path, "wb") as file:
        for start in range(0, size, _BLOCK):
            file.write(make(min(_BLOCK, size - start)))


_DIGITS = bytes(b"0123456789"[number % 10] for number in range(256))


def _lines(size: int) -> bytes:
    text = bytearray(os.urandom(size).translate(_DIGITS))
    lines = size // _LINE
    for column in (9, 18, 27, 36, 45, 54):
        text[column::_LINE] = b"," * lines
        text[column - 5 :: _LINE] = b"." * lines
    text[_LINE - 1 :: _LINE] = b"\n" * lines
    return bytes(text)
