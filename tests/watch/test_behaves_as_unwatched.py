"""A command under watch behaves as it does without: exit codes, signals, the terminal, stdin, what it leaves behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.command_line import REPRO
from tests.watch.conftest import Watched

# Ann's session of her own with a terminal, as a shell makes one for its foreground job.
_ON_TERMINAL = "import fcntl,os,sys,termios; fcntl.ioctl(0,termios.TIOCSCTTY,0); os.execv(sys.argv[1],sys.argv[1:])"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "kill -TERM $$"], 143),
        (["sh", "-c", "kill -KILL $$"], 137),
        (["false"], 1),
        (["no-such-program"], 127),
        (["./code.txt"], 126),
        (["./bad-interpreter"], 126),
        (["./no-first-line"], 126),
    ],
)
def test_exit_codes_are_the_commands(watched: Watched, command: list[str], code: int) -> None:
    watched.ann.write("bad-interpreter", "#!/no/such\n", 0o755)
    watched.ann.write("no-first-line", "exit 0\n", 0o755)
    watched.ann.repro("run", "--", *command, expect=code)
    if code < 126 or code > 127:
        seen = watched.manifest()["observations"]
        assert (seen["watched"], seen["exit_code"]) == ("strace", code)


def test_a_signal_to_repro_reaches_the_command_and_ctrl_c_ends_it(watched: Watched) -> None:
    script = "trap 'echo caught; exit 3' TERM; touch ready; while :; do sleep .05; done"
    process = subprocess.Popen(
        [*REPRO, "run", "--", "sh", "-c", script],
        cwd=watched.ann.cwd,
        env=watched.ann.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    _wait_for(watched, "ready")
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (3, b"caught\n")
    assert watched.manifest()["observations"]["exit_code"] == 3


def _wait_for(watched: Watched, name: str, text: str = "") -> None:
    """Wait until there is a file with this text in it."""
    deadline, path = time.monotonic() + 60, watched.ann.cwd / name
    while not (path.exists() and text in path.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _on_a_terminal(watched: Watched, script: str, keys: bytes, ready: bytes) -> tuple[int, str]:
    keyboard, screen = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-ISc", _ON_TERMINAL, *REPRO, "run", "--", "python", "-c", script],
        cwd=watched.ann.cwd,
        env=watched.ann.environ,
        stdin=screen,
        stdout=screen,
        stderr=screen,
        start_new_session=True,
    )
    os.close(screen)
    shown = b""
    while True:
        try:
            block = os.read(keyboard, 65536)
        except OSError:  # Linux: EIO when the last process on the terminal has ended
            break
        shown += block
        if ready in shown and keys:
            os.write(keyboard, keys)
            keys = b""
    code = process.wait(timeout=60)
    os.close(keyboard)
    return code, shown.decode(errors="replace").replace("\r\n", "\n")


def test_the_terminal_is_the_commands(watched: Watched) -> None:
    script = "import os, sys; print([os.isatty(n) for n in (0, 1, 2)], os.getpgrp() == os.tcgetpgrp(0))\n"
    code, shown = _on_a_terminal(watched, script + "print('got', input('name? '))", b"Ann\n", b"name? ")
    assert code == 0
    assert "[True, True, True] True\nname? " in shown
    assert "got Ann" in shown


def test_ctrl_c_reaches_the_command_and_the_run_is_sealed(watched: Watched) -> None:
    script = "import time; open('begun', 'w').write('x'); print('ready', flush=True); time.sleep(60)"
    code, _ = _on_a_terminal(watched, script, b"\x03", b"ready")
    assert code == 130
    assert (watched.manifest()["state"], watched.outputs()) == ("failed", ["begun"])


def test_stdin_is_the_commands(watched: Watched) -> None:
    done = subprocess.run(
        [*REPRO, "run", "--", "cat"], cwd=watched.ann.cwd, env=watched.ann.environ, input=b"hello", capture_output=True
    )
    assert done.stdout == b"hello"


def test_a_daemon_that_is_left_behind_is_not_waited_for_and_lives_on(watched: Watched) -> None:
    daemon = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    [os.close(n) for n in (0, 1, 2)]\n"
    daemon += (
        "    while not os.path.exists('stop.ignored'): time.sleep(.02)\n    open('late.ignored', 'w').write('x')\n"
    )
    daemon += "    os._exit(0)\nopen('result', 'w').write('x')\n"
    began = time.monotonic()
    watched.run(daemon)
    assert time.monotonic() - began < 30
    assert watched.outputs() == ["result"]
    assert len(watched.findings("processes-left")) == 1
    watched.ann.write("stop.ignored", "")
    _wait_for(watched, "late.ignored")  # it can still open files


def test_umask_and_variables_are_the_commands(watched: Watched) -> None:
    script = "umask; env | grep -c -e STRACE -e LD_PRELOAD -e REPRO_WATCH"
    done = watched.ann.repro("run", "--", "sh", "-c", script, expect=None, umask=0o027)
    assert done.stdout == "0027\n0\n"


def test_a_command_that_traces_others_is_watched_by_the_next_best_means(watched: Watched) -> None:
    watched.ann.repro("run", "--", "strace", "-o", "/dev/null", "true")
    seen = watched.manifest()["observations"]
    assert (seen["watched"], "traces others" in seen["watch"]["reason"]) == ("audit", True)
    assert len(watched.findings("not-watched")) == 1
    watched.ann.repro("run", "--watch", "strace", "--", "strace", "true", expect=125)


def test_a_child_that_traces_others_is_told_of(watched: Watched) -> None:
    watched.shell("strace -o /dev/null true || true")
    assert len(watched.findings("traced-itself")) == 1


def test_a_run_inside_a_traced_process_is_watched_by_the_next_best_means(watched: Watched) -> None:
    done = watched.ann.call(
        "strace", "-f", "-o", "/dev/null", "-e", "trace=none", *REPRO, "run", "--", "python", "-c", ""
    )
    assert done.returncode == 0
    assert watched.manifest()["observations"]["watched"] == "audit"


def test_without_strace_the_audit_hook_watches_and_says_what_it_cannot_see(watched: Watched) -> None:
    folder = watched.ann.home / "bin"
    folder.mkdir()
    for name in ("python", "sh", "cat", "git"):
        done = watched.ann.call("sh", "-c", f"command -v {name}")
        (folder / name).symlink_to(done.stdout.strip())
    ann = watched.ann.having(PATH=str(folder))
    own = ann.write("../site/sitecustomize.py", "import builtins; builtins.MINE = 1\n").parent
    ann.write("a.ignored", "1")
    code = "import os\nx = open('a.ignored').read()\nopen('result', 'w').write(x + str(MINE))\n"
    code += (
        "os.makedirs('out/made', exist_ok=True); [open(p, 'w').close() for p in ('out/made/x', 'ignored/stood/x')]\n"
    )
    ann.write("code.py", code)
    (ann.cwd / "ignored" / "stood").mkdir(parents=True)
    ann.having(PYTHONPATH=str(own)).repro("run", "--", "python", "code.py")
    seen = watched.manifest()["observations"]
    assert seen["watched"] == "audit"
    assert "strace is not installed" in seen["watch"]["reason"]
    assert any("C or C++" in text for text in seen["watch"]["blind"])
    assert "a.ignored" in watched.inputs()
    assert (watched.outputs()[-1], (ann.cwd / "result").read_text()) == ("result", "11")
    assert watched.manifest()["facts"]["folders"] == ["ignored/stood"]
    recorded = watched.manifest()["facts"]["recipe"]["variables"]["PYTHONPATH"]
    assert "audit_hook" not in recorded
    ann.repro("run", "--watch", "strace", "--", "cat", expect=125)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("#!/bin/sh\nexit 1\n", "cannot trace here"),
        ("#!/bin/sh\nexit 0\n", "is another program of that name"),
        ("#!/bin/sh\necho 'PTRACE_TRACEME: not permitted' >&2\nexit 1\n", "not permitted"),
        ("no program\n", "cannot be executed"),
    ],
)
def test_a_strace_that_is_none_or_does_not_work_is_not_relied_on(watched: Watched, program: str, reason: str) -> None:
    folder = watched.ann.write("../bin/strace", program, 0o755).parent
    ann = watched.ann.having(PATH=f"{folder}:{watched.ann.environ['PATH']}")
    ann.write("a.ignored", "1")
    ann.repro("run", "--", "python", "-c", "open('result', 'w').write(open('a.ignored').read())")
    seen = watched.manifest()["observations"]
    assert (seen["watched"], reason in seen["watch"]["reason"]) == ("audit", True)
    assert (watched.inputs()[0], watched.outputs()) == ("a.ignored", ["result"])


def test_a_strace_that_writes_nothing_down_is_found_out_in_the_end(watched: Watched) -> None:
    pretends = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift\n'
    pretends += 'case $2 in -V) echo strace -- version 6.9;; *) exec "$@"; esac\n'
    folder = watched.ann.write("../bin/strace", pretends, 0o755).parent
    ann = watched.ann.having(PATH=f"{folder}:{watched.ann.environ['PATH']}")
    ann.repro("run", "--", "python", "-c", "open('result', 'w').write('x')")
    assert (watched.manifest()["observations"]["watched"], watched.outputs()) == ("none", ["result"])
    assert "wrote nothing" in str(watched.manifest()["observations"]["findings"])


def test_a_strace_that_was_stopped_is_told_of_and_can_go_on(watched: Watched) -> None:
    with (watched.ann.cwd / "../said").open("w") as said:
        process = subprocess.Popen(
            [*REPRO, "run", "--", "sh", "-c", "touch ready; until [ -e go.ignored ]; do sleep .05; done"],
            cwd=watched.ann.cwd,
            env=watched.ann.environ,
            stdin=subprocess.DEVNULL,
            stderr=said,
        )
    _wait_for(watched, "ready")
    [command] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    [tracer] = re.findall(r"TracerPid:\t(\d+)", Path(f"/proc/{command}/status").read_text())
    os.kill(int(tracer), signal.SIGSTOP)
    try:
        _wait_for(watched, "../said", "does not go on")
        assert f"kill -CONT {tracer}" in (watched.ann.cwd / "../said").read_text()
    finally:
        watched.ann.write("go.ignored", "")
        os.kill(int(tracer), signal.SIGCONT)
        process.communicate(timeout=60)
    assert (process.returncode, watched.outputs()) == (0, ["ready"])


def test_a_run_that_is_not_watched_is_recorded_as_such(watched: Watched) -> None:
    watched.ann.write("a.ignored", "1")
    manifest = watched.run("open('a.ignored').read(); open('result', 'w').write('x')\n", "--watch", "off")
    assert manifest["observations"]["watched"] == "none"
    assert (watched.inputs(), watched.outputs()) == (["data"], ["result"])


def test_as_another_user_the_run_is_watched_too(watched: Watched) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    done = watched.ann.call(
        "sh", "-c", "strace -f --seccomp-bpf -DDD -e trace=openat -o /dev/null true", user=65534, group=65534
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_whose_recording_was_broken_off_is_sealed_later_with_what_was_seen(watched: Watched) -> None:
    watched.ann.write("a.ignored", "1")
    watched.ann.write(
        "train.py", "open('a.ignored').read(); open('result', 'w').write('x')\nimport os\nos.kill(os.getppid(), 9)\n"
    )
    done = watched.ann.call(*REPRO, "run", "--", "python", "train.py")
    assert done.returncode == -9
    watched.ann.repro("seal", "@last")
    assert (watched.inputs(), watched.outputs()) == (["a.ignored"], ["result"])
    assert not list((watched.ann.cwd / ".repro" / "local").glob("*.watch"))
