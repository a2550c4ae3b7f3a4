"""The line that tells how far long work has come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from repro.report.progress_text import Counted, progress_text, time_left

NOTHING = Counted()
counts = st.none() | st.integers(0, 10**15)
counted = st.builds(Counted, counts, counts)
speeds = st.tuples(st.floats(0, 1e12), st.floats(0, 1e9))


def test_bytes_files_rate_and_time_left_stand_in_one_line() -> None:
    text = progress_text("push", Counted(2 * 10**9, 50_000), Counted(4 * 10**9, 100_000), (10**8, 5000.0), 100)
    assert text == "push: 2.0 GB of 4.0 GB, 50,000 of 100,000 files, 100.0 MB/s, 0:20 left"


def test_what_is_not_known_is_not_said() -> None:
    assert progress_text("add", Counted(5000, 1), NOTHING, (1000.0, 1.0), 100) == "add: 5.0 kB, 1 file, 1.0 kB/s"
    assert progress_text("add", Counted(5000, 0), NOTHING, (0.0, 0.0), 100) == "add: 5.0 kB"
    assert progress_text("gc", Counted(0, 12), NOTHING, (0.0, 3.0), 100) == "gc: 12 files"
    assert progress_text("fetch", Counted(0, 0), NOTHING, (0.0, 0.0), 100) == "fetch"


def test_a_total_that_was_passed_is_not_said() -> None:
    assert progress_text("add", Counted(5000), Counted(4000), (1000.0, 0.0), 100) == "add: 5.0 kB, 1.0 kB/s"


def test_the_time_left_is_that_of_bytes_or_of_files_whichever_is_longer() -> None:
    done, total = Counted(50, 10), Counted(100, 100)
    assert time_left(done, total, (10.0, 90.0)) == 5
    assert time_left(done, total, (10.0, 9.0)) == 10
    assert time_left(done, NOTHING, (10.0, 9.0)) is None
    assert time_left(done, total, (0.0, 0.0)) is None


def test_no_time_is_left_of_work_that_stands_still() -> None:
    assert progress_text("add", Counted(5), Counted(10), (5e-324, 0.0), 100) == "add: 5 B of 10 B"


def test_hours_are_shown_as_hours() -> None:
    text = progress_text("push", Counted(10), Counted(10 + 3 * 3600 + 62), (1.0, 0.0), 100)
    assert text.endswith(", 3:01:02 left")


def test_the_time_left_outlives_rate_and_files_on_a_narrow_terminal() -> None:
    done, total, speed = Counted(2 * 10**9, 50_000), Counted(4 * 10**9, 100_000), (1e8, 5000.0)
    texts = {progress_text("push", done, total, speed, columns) for columns in range(0, 100)}
    assert "push: 2.0 GB of 4.0 GB, 100.0 MB/s, 0:20 left" in texts
    assert "push: 2.0 GB of 4.0 GB, 0:20 left" in texts
    assert "push: 2.0 GB of 4.0 GB" in texts
    assert {"push", "pu", ""} <= texts


@given(counted, counted, speeds, st.integers(0, 200))
def test_a_line_fits_whatever_is_counted(done: Counted, total: Counted, speed: tuple[float, float], width: int) -> None:
    text = progress_text("checkout", done, total, speed, width)
    assert len(text) <= max(width - 3, 0)
    assert text.isprintable()
