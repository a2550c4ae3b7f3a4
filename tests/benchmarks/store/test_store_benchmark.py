"""The benchmark of the store itself: it measures, judges, writes its tables and leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.store.compare import arguments
from tests.benchmarks.store.data_sets import change_ten_files, insert_byte, many_files, numeric_text
from tests.benchmarks.store.judge import Metric, Sample, Target, judge
from tests.benchmarks.store.timed_steps import Cost, Step, StepFailed, cost_of

ROOT = Path(__file__).parents[3]


def test_a_row_is_measured_and_nothing_is_left(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    peers = ("DVC", "git-lfs", "restic", "borg", "git-annex", "DVC, hard links")
    command = [sys.executable, "-m", "tests.benchmarks.store.compare", "--scale", "0.0005", "--rounds", "2"]
    command += [word for row in ("add-d2", "insert-d1") for word in ("--only", row)]
    command += [word for peer in peers for word in ("--without", peer)]
    files = (tmp_path / "out.json", tmp_path / "out.md")
    command += ["--no-install", "--work", str(work), "--json", str(files[0]), "--markdown", str(files[1])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = {row["row"]: row for row in json.loads(files[0].read_text())["rows"]}
    assert list(rows["add-d2"]["samples"]) == ["repro", "cp"]
    assert len(rows["add-d2"]["samples"]["cp"]) == 2
    assert all(sample["wall_s"] > 0 and sample["peak_bytes"] > 1e6 for sample in rows["add-d2"]["samples"]["repro"])
    assert all(sample["bytes"] > sample["bytes_added"] > 0 for sample in rows["insert-d1"]["samples"]["repro"])
    assert "| `add` D2 | wall: at most 0.5 x cp |" in files[1].read_text()
    assert "| peak memory of repro, the most of all | peak: at most 200 MB | " in files[1].read_text()
    assert "`add` D2" in done.stdout
    assert list(work.iterdir()) == []


def test_nothing_is_left_of_one_that_is_told_to_end(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.store.compare", "--scale", "0.01", "--only", "add-d2"]
    command += ["--no-install", "--work", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        while "is set up" not in process.stderr.readline():
            assert process.poll() is None
        process.terminate()
        process.stderr.read()
    assert process.returncode == 143
    assert list(tmp_path.iterdir()) == []


def test_a_target_is_judged_by_the_median_of_the_rounds() -> None:
    ours = [Sample(Cost(wall, 0, 0, 0)) for wall in (1.0, 9.0, 3.0)]
    theirs = [Sample(Cost(wall, 0, 0, 0)) for wall in (2.0, 3.0, 2.0)]
    judged = judge(Target(Metric.WALL, 1.5, "cp"), {"repro": ours, "cp": theirs})
    assert judged.found is not None
    assert (judged.found.median, judged.found.least, judged.found.most) == (1.5, 0.5, 3.0)
    assert judged.passed
    assert not judge(Target(Metric.WALL, 2.9), {"repro": ours}).passed


def test_what_was_not_measured_is_neither_reached_nor_missed() -> None:
    ours = {"repro": [Sample(Cost(1, 1, 1, 1))]}
    assert judge(Target(Metric.WALL, 1.0, "DVC"), ours).passed is None
    assert judge(Target(Metric.FILES, 40), ours).passed is None


def test_a_process_is_measured_with_its_children_and_not_with_ours(tmp_path: Path) -> None:
    ballast = b"1" * 150_000_000
    busy = "x = bytearray(60_000_000)\nend = sum(range(3_000_000))"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}], check=True)"
    cost = cost_of([Step((sys.executable, "-c", script), tmp_path, {"PATH": os.defpath})])
    assert 60e6 < cost.peak < len(ballast)
    assert cost.wall >= 0.02
    assert cost.user > 0.02


def test_a_step_that_fails_says_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r"exit code 3\nno room"):
        cost_of([Step(("sh", "-c", "echo no room >&2; exit 3"), tmp_path, {"PATH": os.defpath})])


def test_an_inserted_byte_moves_the_second_half(tmp_path: Path) -> None:
    file = tmp_path / "file"
    data = os.urandom(40 << 20)
    file.write_bytes(data)
    insert_byte(file, 7)
    assert file.read_bytes() == data[: 20 << 20] + b"\7" + data[20 << 20 :]


def test_ten_files_change_and_no_more(tmp_path: Path) -> None:
    many_files(tmp_path / "data", 0.002)
    before = {path: path.read_bytes() for path in (tmp_path / "data").rglob("*.bin")}
    assert len(before) == 200
    assert {len(data) for data in before.values()} == {10240}
    change_ten_files(tmp_path / "data", 0)
    assert sum(path.read_bytes() != data for path, data in before.items()) == 10


def test_text_is_numbers_in_seven_columns(tmp_path: Path) -> None:
    numeric_text(tmp_path / "data", 0.00001)
    lines = (tmp_path / "data").read_text().splitlines()
    assert len(lines) > 100
    assert all(len([float(cell) for cell in line.split(",")]) == 7 for line in lines)


@pytest.mark.parametrize(("given", "scale"), [([], 1.0), (["--small"], 1 / 16), (["--scale", "0.5"], 0.5)])
def test_all_of_the_data_is_measured_unless_less_is_asked_for(given: list[str], scale: float) -> None:
    assert arguments(given).scale == scale
