"""Progress as a person sees it: real programs on a real terminal."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import timeit
from pathlib import Path

from repro.report.progress import _Line
from tests.command_line import REPRO, Person
from tests.remote_servers import web_server
from tests.terminal_screen import Terminal

PROGRAM = """\
import sys, time
{clock}
from repro.report import terminal
from repro.report.progress import ProgressLine
terminal.set_talk({talk}, redraws=True)
with ProgressLine("add") as progress:
{body}
terminal.say("done")
"""

OWN_CLOCK = """
now = 0.0
def monotonic():
    global now
    now += 1e-6
    return now
def sleep(seconds):
    global now
    now += seconds
time.monotonic, time.sleep = monotonic, sleep
"""
"""Not the system's clock: what is drawn depends on the time, which a busy machine takes where no work is done."""


def on_terminal(body: str, tmp_path: Path, *, talk: int = 0, columns: int = 100, clock: str = OWN_CLOCK) -> Terminal:
    """A program that tells its progress, with `body` as the work. With an empty `clock`, it has the system's."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    environ = {"PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parents[2])}
    program = PROGRAM.format(clock=clock, talk=talk, body=lines)
    return Terminal(sys.executable, "-c", program, cwd=tmp_path, environ=environ, columns=columns)


def test_a_line_is_redrawn_and_gone_in_the_end(tmp_path: Path) -> None:
    terminal = on_terminal("for _ in range(100):\n    progress.advance(1000, 1)\n    time.sleep(0.01)", tmp_path)
    assert terminal.wait() == 0
    assert terminal.screen == ["repro: done", ""]
    assert terminal.drawn[0].startswith("add: ")
    assert " files, " in terminal.drawn[0]
    assert terminal.drawn[0] != terminal.drawn[-1]


def test_it_is_drawn_ten_times_a_second_at_most_and_not_before_half_a_second(tmp_path: Path) -> None:
    body = "end = time.monotonic() + 1.5\nwhile time.monotonic() < end:\n    progress.advance(1, 1)"
    terminal = on_terminal(body, tmp_path)
    terminal.wait()
    assert 1 <= len(terminal.drawn) <= 10


def test_what_is_over_in_a_moment_shows_nothing(tmp_path: Path) -> None:
    terminal = on_terminal("for _ in range(1000):\n    progress.advance(1000, 1)", tmp_path)
    terminal.wait()
    assert terminal.written == b"repro: done\r\n"


def test_quiet_shows_nothing(tmp_path: Path) -> None:
    terminal = on_terminal("for _ in range(10):\n    progress.advance(1000, 1)\n    time.sleep(0.1)", tmp_path, talk=-1)
    terminal.wait()
    assert terminal.written == b""


def test_totals_give_the_time_left_and_a_new_phase_its_own_label(tmp_path: Path) -> None:
    body = """\
progress.begin("push", 10**6)
progress.total(files=100)
for _ in range(10):
    progress.advance(10**5, 10)
    time.sleep(0.1)
progress.begin("flush")
progress.advance(5, 1)
time.sleep(0.2)
progress.advance(5, 1)"""
    terminal = on_terminal(body, tmp_path)
    terminal.wait()
    assert any(" of 1.0 MB, " in text and " of 100 files, " in text and " left" in text for text in terminal.drawn)
    assert terminal.drawn[-1].startswith("flush: 10 B")


def test_what_is_said_meanwhile_stands_on_lines_of_its_own(tmp_path: Path) -> None:
    body = """\
for number in range(3):
    for _ in range(4):
        time.sleep(0.15)
        progress.advance(1, 1)
    terminal.say(f"step {number}")
    terminal.put(f"answer {number}")"""
    terminal = on_terminal(body, tmp_path)
    terminal.wait()
    said = [line for number in range(3) for line in (f"repro: step {number}", f"answer {number}")]
    assert terminal.screen == [*said, "repro: done", ""]
    assert len(terminal.drawn) >= 3


def test_a_pause_leaves_the_terminal_to_others(tmp_path: Path) -> None:
    body = """\
time.sleep(0.6)
progress.advance(1, 1)
progress.pause()
print("a child's words", flush=True)
time.sleep(0.2)
progress.advance(1, 1)"""
    terminal = on_terminal(body, tmp_path)
    terminal.wait()
    assert terminal.screen == ["a child's words", "repro: done", ""]
    assert len(terminal.drawn) == 2


def test_a_line_is_as_wide_as_the_terminal_is_now(tmp_path: Path) -> None:
    body = """\
progress.begin("push", 10**12, 10**9)
while True:
    progress.advance(10**6, 10**3)
    time.sleep(0.01)"""
    terminal = on_terminal(body, tmp_path, columns=100, clock="")
    terminal.read_until(b" left\x1b[K", times=2)
    terminal.resize(24)
    terminal.read_until(b"\x1b[K", times=8)
    terminal.type(b"\x03")
    terminal.wait()
    assert min(len(text) for text in terminal.drawn[:2]) > 50
    assert max(len(text) for text in terminal.drawn[5:]) < 24


def test_an_interrupt_leaves_a_clean_line(tmp_path: Path) -> None:
    body = """\
try:
    while True:
        progress.advance(10**6, 1)
        time.sleep(0.01)
except KeyboardInterrupt:
    raise SystemExit(130) from None"""
    terminal = on_terminal(body, tmp_path, clock="")
    terminal.read_until(b"MB/s")
    terminal.type(b"\x03")
    assert terminal.wait() == 130
    assert terminal.screen == [""]


def test_work_in_the_background_does_not_draw_on_the_terminal(tmp_path: Path) -> None:
    body = "import os\nos.setpgid(0, 0)\nfor _ in range(10):\n    progress.advance(1, 1)\n    time.sleep(0.1)"
    environ = {"PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parents[2])}
    program = PROGRAM.format(clock=OWN_CLOCK, talk=0, body="".join(f"    {line}\n" for line in body.splitlines()))
    terminal = Terminal("sh", "-c", '"$@"; exit 0', "sh", sys.executable, "-c", program, cwd=tmp_path, environ=environ)
    terminal.wait()
    assert terminal.written == b"repro: done\r\n"


def test_several_threads_are_counted_together() -> None:
    line = _Line("push")
    line._next = float("inf")  # there is no terminal here

    def work() -> None:
        for _ in range(20_000):
            line.advance(3, 1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    line.end()
    assert (line._size, line._files) == (240_000, 80_000)


def test_a_call_costs_about_a_microsecond_at_most() -> None:
    line = _Line("add")
    line._next = float("inf")
    best = min(timeit.repeat(lambda: line(10_000), number=20_000, repeat=10)) / 20_000
    line.end()
    assert best < 3e-6  # 0.3 microseconds on an idle machine


def test_a_pull_from_a_slow_server_shows_how_far_it_is(project: Person, tmp_path: Path) -> None:
    project.repro("push", "-r", str(tmp_path / "remote"))
    emptied = project.having(REPRO_STORE=str(tmp_path / "another"))
    (project.cwd / "data" / "numbers.csv").unlink()
    with web_server(tmp_path / "remote", delay_s=0.5) as port:
        url = f"http://127.0.0.1:{port}"
        for quiet in ([], ["-q"]):
            shutil.rmtree(tmp_path / "another", ignore_errors=True)
            terminal = Terminal(*REPRO, *quiet, "pull", "-r", url, cwd=project.cwd, environ=emptied.environ)
            assert terminal.wait() == 0
            assert bool(terminal.drawn) is not bool(quiet)
            assert all(text.startswith("pull: ") for text in terminal.drawn[:1])
            # On a busy machine what stands long enough to be seen may be the checkout as well.
            assert all(text.startswith(("pull: ", "checkout: ")) for text in terminal.drawn)
            assert terminal.screen[-1] == ""
            assert not any("pull:" in line for line in terminal.screen)


def test_a_dumb_terminal_and_a_pipe_get_no_progress(tmp_path: Path, project: Person) -> None:
    project.repro("push", "-r", str(tmp_path / "remote"))
    emptied = project.having(REPRO_STORE=str(tmp_path / "another"))
    with web_server(tmp_path / "remote", delay_s=0.5) as port:
        command = [*REPRO, "fetch", "-r", f"http://127.0.0.1:{port}"]
        done = subprocess.run(command, cwd=project.cwd, env=emptied.environ, capture_output=True, check=True)
        assert b"\r" not in done.stdout + done.stderr
        shutil.rmtree(tmp_path / "another")
        dumb = Terminal(*command, cwd=project.cwd, environ={**emptied.environ, "TERM": "dumb"})
        assert dumb.wait() == 0
        assert dumb.drawn == []
