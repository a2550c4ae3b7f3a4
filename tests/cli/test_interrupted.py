"""Ctrl-C at any time, on a real terminal, where it reaches repro and its command alike; and SIGTERM to repro alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.refusals import standing
from tests.command_line import REPRO, Person

# What a shell does for its foreground job: a session of its own whose terminal is stdin.
_ON_TERMINAL = "import fcntl,os,sys,termios; fcntl.ioctl(0,termios.TIOCSCTTY,0); os.execv(sys.argv[1],sys.argv[1:])"


class Terminal:
    """Repro in the foreground of a pseudo-terminal."""

    def __init__(self, person: Person, *arguments: str) -> None:
        self._keyboard, screen = os.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-ISc", _ON_TERMINAL, *REPRO, *arguments],
            cwd=person.cwd,
            env=person.environ,
            stdin=screen,
            stdout=screen,
            stderr=screen,
            start_new_session=True,
        )
        os.close(screen)

    @property
    def pid(self) -> int:
        return self._process.pid

    def press_ctrl_c(self) -> None:
        os.write(self._keyboard, b"\x03")

    def end(self) -> tuple[int, str]:
        """Return the exit code and all that stood on the screen."""
        shown = b""
        while True:
            try:
                block = os.read(self._keyboard, 65536)
            except OSError:  # Linux: EIO when the last process on the terminal has ended
                break
            if not block:
                break
            shown += block
        code = self._process.wait(timeout=60)
        os.close(self._keyboard)
        return code, shown.decode("utf-8", "replace").replace("\r\n", "\n")


def until(holds: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def plain(ann: Person, tmp_path: Path) -> Person:
    """Ann in a git repository with a script that says when it has started, and waits for as long as `wait` is there."""
    ann.git("init", "--quiet", "--initial-branch=main")
    started, wait = tmp_path / "started", tmp_path / "wait"
    ann.write(
        "job.py",
        f"import os, time\nopen('out.txt', 'w').write('1')\nopen({str(started)!r}, 'w').close()\n"
        f"while os.path.exists({str(wait)!r}): time.sleep(0.02)\n",
    )
    ann.git("add", "--all")
    ann.git("commit", "--quiet", "--message", "begin")
    ann.repro("init")
    wait.touch()
    return ann


def test_ctrl_c_while_a_run_is_frozen_leaves_no_run(plain: Person, tmp_path: Path) -> None:
    slow = tmp_path / "bin" / "python"
    slow.parent.mkdir()
    slow.write_text(f"#!/bin/sh\n: > {tmp_path}/started\nwhile [ -e {tmp_path}/wait ]; do sleep 0.05; done\n")
    slow.chmod(0o755)
    before, refs = standing(plain.cwd), plain.git("for-each-ref")
    path = f"{slow.parent}:{plain.environ['PATH']}"
    terminal = Terminal(plain.having(PATH=path), "run", "--", "python", "job.py")
    until((tmp_path / "started").exists)
    terminal.press_ctrl_c()
    code, shown = terminal.end()
    assert (code, shown) == (130, "^Crepro: interrupted\n")
    assert (standing(plain.cwd), plain.git("for-each-ref")) == (before, refs)
    (tmp_path / "wait").unlink()
    plain.repro("run", "--", "python", "job.py")


def test_ctrl_c_reaches_the_command_and_the_run_is_recorded_as_failed(plain: Person, tmp_path: Path) -> None:
    terminal = Terminal(plain, "run", "-o", "out.txt", "--", "python", "-S", "job.py")
    until((tmp_path / "started").exists)
    terminal.press_ctrl_c()
    code, shown = terminal.end()
    assert code == 130, shown
    manifest = plain.manifest()
    assert (manifest["state"], manifest["observations"]["signal"]) == ("failed", "SIGINT")
    assert [output["path"] for output in manifest["facts"]["outputs"]] == ["out.txt"]
    assert "failed (SIGINT)" in shown


def test_a_command_that_handles_ctrl_c_decides_the_exit_code(plain: Person, tmp_path: Path) -> None:
    # As a training that saves its state: half a second after Ctrl-C it ends by itself, with a code of its own.
    script = f"trap 'sleep 0.5; echo saved > out.txt; exit 3' INT; : > {tmp_path}/started; while :; do sleep 0.02; done"
    terminal = Terminal(plain, "run", "--", "sh", "-c", script)
    until((tmp_path / "started").exists)
    terminal.press_ctrl_c()
    code, shown = terminal.end()
    assert code == 3, shown
    manifest = plain.manifest()
    assert (manifest["state"], manifest["observations"]["exit_code"]) == ("failed", 3)
    assert (plain.cwd / "out.txt").read_text() == "saved\n"
    assert [output["path"] for output in manifest["facts"]["outputs"]] == ["out.txt"]


def test_sigterm_to_repro_is_handed_on_to_the_command(plain: Person, tmp_path: Path) -> None:
    terminal = Terminal(plain, "run", "--", "python", "-S", "job.py")
    until((tmp_path / "started").exists)
    os.kill(terminal.pid, signal.SIGTERM)
    code, shown = terminal.end()
    assert code == 143, shown
    manifest = plain.manifest()
    assert (manifest["state"], manifest["observations"]["signal"]) == ("failed", "SIGTERM")


@pytest.mark.parametrize("how", ["ctrl-c", "sigterm"])
def test_an_interrupted_rebuild_is_no_verdict_and_leaves_no_directory(plain: Person, tmp_path: Path, how: str) -> None:
    (tmp_path / "wait").unlink()
    plain.repro("run", "--", "python", "job.py")
    (tmp_path / "wait").touch()
    (tmp_path / "started").unlink()
    # Without a sandbox: in one, the command sees nothing of the folder that tells us that it has started.
    terminal = Terminal(plain, "rebuild", "@last", "--sandbox", "none")
    until((tmp_path / "started").exists)
    if how == "ctrl-c":
        terminal.press_ctrl_c()
    else:
        os.kill(terminal.pid, signal.SIGTERM)
    code, shown = terminal.end()
    assert code == 130, shown
    assert shown.endswith("repro: interrupted\n")
    assert "verdict" not in shown
    assert plain.repro_json("log")["runs"][0]["verdicts"] == []
    assert list((plain.home / ".cache" / "repro" / "rebuilds").iterdir()) == []
    (tmp_path / "wait").unlink()
    assert plain.repro_json("rebuild", "@last", "--sandbox", "none")["verdict"] == "identical"


def test_ctrl_c_during_a_push_leaves_a_remote_without_the_run_and_the_next_push_ends_it(
    plain: Person, bob: Person, tmp_path: Path
) -> None:
    (plain.cwd / "data").mkdir(exist_ok=True)
    with (plain.cwd / "data/large").open("wb") as file:
        for _ in range(40):
            file.write(os.urandom(10_000_000))
    plain.repro("add", "data")
    (tmp_path / "wait").unlink()
    plain.repro("run", "--", "python", "job.py")
    remote = tmp_path / "remote"
    terminal = Terminal(plain, "push", "-r", str(remote), "-j", "1")
    until(lambda: any(remote.glob(".repro-tmp-workshop/*")))
    terminal.press_ctrl_c()
    code, shown = terminal.end()
    assert (code, shown) == (130, "^Crepro: interrupted\n")
    assert not (remote / "runs").exists()
    assert bob.repro_json("verify", "--from", str(remote), "@last", expect=3)["error"]["id"] == "no-such-run"
    again = plain.repro_json("push", "-r", str(remote))
    assert again["runs"] == plain.runs()
    assert bob.repro_json("verify", "--from", str(remote), "@last")["findings"] == []


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # it has its name by now
        return 0


def test_ctrl_c_during_an_add_writes_no_pointer(plain: Person) -> None:
    big = plain.cwd / "big"
    with big.open("wb") as file:
        file.truncate(8 << 30)  # a sparse file: no room on the disk, and seconds to read
    before = standing_names(plain)
    terminal = Terminal(plain, "add", "big")
    # Bytes in it: one that has just been made is left for the next sweep, if Ctrl-C comes before anybody knows of it.
    until(lambda: any(map(_length, (plain.home / ".local").rglob("tmp/*"))))
    terminal.press_ctrl_c()
    code, shown = terminal.end()
    assert code == 130, shown
    assert shown.splitlines()[-1].endswith("repro: interrupted")
    assert standing_names(plain) == before
    assert [path for path in (plain.home / ".local").rglob("tmp/*") if path.is_file()] == []


def test_ctrl_c_while_outputs_are_recorded_leaves_an_open_run_that_can_be_sealed(plain: Person) -> None:
    terminal = Terminal(plain, "run", "-o", "big", "--", "truncate", "-s", "8G", "big")
    until(lambda: (plain.cwd / "big").exists() and any((plain.home / ".local").rglob("tmp/*")))
    terminal.press_ctrl_c()
    code, shown = terminal.end()
    [run] = plain.repro_json("status")["runs"]
    assert (code, run["state"]) == (130, "open"), shown
    said, hint = shown.splitlines()[-2:]
    assert said.endswith("repro: interrupted")
    assert hint == f"hint: the command has ended: `repro seal {run['run']}` completes the record"
    os.truncate(plain.cwd / "big", 10)
    assert [output["size"] for output in plain.repro_json("seal", run["run"])["outputs"]] == [10]


def test_ctrl_c_before_anything_has_begun_is_told_the_same(plain: Person, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\n"
        "class Presses:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'repro.cli.invoke': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Presses())\n"
    )
    done = plain.having(PYTHONPATH=str(tmp_path)).repro("log", expect=130)
    assert done.stderr == "repro: interrupted\n"


def standing_names(person: Person) -> list[str]:
    return sorted(path.name for path in person.cwd.iterdir())
