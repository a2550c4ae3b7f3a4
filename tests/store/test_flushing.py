"""Many files are put on disk by one call for their file system, whatever other disks have to write."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from repro.store.files.flushing import flush_file_system, flush_files

CALL = "import sys; from repro.store.files.flushing import flush_files; flush_files(sys.argv[2:], sys.argv[1])"


def written(folder: Path, count: int) -> list[str]:
    paths = [folder / f"{number % 3}" / f"{number}" for number in range(count)]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    return [str(path) for path in paths]


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize(("count", "calls"), [(2, ["fadvise64"] * 2 + ["fsync"] * 5), (40, ["syncfs"])])
def test_few_files_are_flushed_one_by_one_and_many_with_their_file_system(
    tmp_path: Path, count: int, calls: list[str]
) -> None:
    command = [sys.executable, "-c", CALL, str(tmp_path), *written(tmp_path, count)]
    log = tmp_path / "log"
    traced = ["strace", "-f", "-qq", "-o", str(log), "-e", "trace=sync,syncfs,fsync,fdatasync,fadvise64", *command]
    subprocess.run(traced, check=True)
    assert [line.split()[1].partition("(")[0] for line in log.read_text().splitlines()] == calls


def test_files_that_are_gone_are_no_error(tmp_path: Path) -> None:
    paths = written(tmp_path, 40)
    Path(paths[0]).unlink()
    flush_files(paths, str(tmp_path))
    flush_files(paths[:2], str(tmp_path))


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        flush_file_system(str(tmp_path / "none"))
