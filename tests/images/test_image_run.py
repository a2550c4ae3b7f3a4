"""A command in a container behaves as without one: streams, exit codes, signals, a terminal, an end in any case."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from repro.actions.container import InContainer
from repro.model.environments.container import BindMount, ContainerUser
from tests.command_line import REPRO, Person
from tests.container_engine import BASE, TestEngine, private_engine
from tests.terminal_screen import Terminal

ABOUT = """
import os, sys
stdin = sys.stdin.read()
umask = os.umask(0)
os.umask(umask)
print(repr({"cwd": os.getcwd(), "uid": os.getuid(), "gid": os.getgid(), "umask": umask, "home": os.environ["HOME"],
    "user": os.environ["USER"], "recorded": os.environ.get("RECORDED"), "other": os.environ.get("OTHER"),
    "lr": os.environ["REPRO_PARAM_lr"], "run": os.environ["REPRO_RUN_ID"], "stdin": stdin, "host": os.uname().nodename,
    "interfaces": os.listdir("/sys/class/net"), "outside": os.path.exists(sys.argv[1]),
    "pid1": open("/proc/1/comm").read(),
    "ttys": [os.isatty(n) for n in (0, 1, 2)]}))
print("to stderr", file=sys.stderr)
os.mkdir("out")
open("out/made", "w").close()
"""


def popen(person: Person, *arguments: str, **options: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*REPRO, *arguments], cwd=person.cwd, env=person.environ, **options)  # type: ignore[call-overload,no-any-return]


def wait_until(true: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def of_project(client: docker.DockerClient, person: Person) -> list[str]:
    """The containers in which this person's project is, as other tests have theirs at the same time."""
    root = str(person.cwd)
    found = client.api.containers(all=True, filters={"label": "repro.run"})
    return [one["Id"] for one in found if any(mount.get("Source") == root for mount in one["Mounts"])]


def test_the_command_sees_the_project_and_the_record_and_nothing_else(locked: Person) -> None:
    person = locked.having(RECORDED="yes", OTHER="no")
    private = locked.home / "private"
    private.write_text("of this machine")
    code = f"import os; os.umask(0o027); os.execvp({sys.executable!r}, {[*REPRO]!r} + __import__('sys').argv[1:])"
    done = person.call(*(sys.executable, "-c", code, "run", "-p", "lr=3", "--", "python3", "-c", ABOUT, str(private)))
    assert done.returncode == 0, done.stderr
    seen = eval(done.stdout)
    assert seen == {
        "cwd": str(person.cwd), "uid": os.getuid(), "gid": os.getgid(), "umask": 0o027, "home": "/root",
        "user": "root", "recorded": "yes", "other": None, "lr": "3", "run": person.runs()[-1], "stdin": "",
        "host": os.uname().nodename, "interfaces": ["lo"], "outside": False, "pid1": "docker-init\n",
        "ttys": [False] * 3,
    }  # fmt: skip
    assert "to stderr" in done.stderr
    manifest = person.manifest()
    assert manifest["facts"]["recipe"]["environment"]["kind"] == "image"
    assert [output["path"] for output in manifest["facts"]["outputs"]] == ["out/made"]
    assert (person.cwd / "out" / "made").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(("script", "code"), [("kill -9 $$", 137), ("exit 127", 127)])
def test_the_exit_code_is_the_commands(locked: Person, script: str, code: int) -> None:
    locked.repro("run", "--", "sh", "-c", script, expect=code)
    assert locked.manifest()["observations"]["exit_code"] == code


def test_a_command_that_the_image_does_not_have_leaves_no_record(locked: Person) -> None:
    done = locked.repro("run", "--", "no-such-command", expect=127)
    assert "the image has no command 'no-such-command'" in done.stderr
    assert "tini" not in done.stderr
    locked.repro("run", "--", "./numbers.csv", expect=126)
    assert locked.runs() == []


def test_output_and_input_are_live_and_every_byte_passes(locked: Person) -> None:
    script = "while read line; do echo got $line; done; head -c 300000 /dev/zero"
    with popen(locked, "run", "--", "sh", "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        for word in (b"one", b"two"):
            process.stdin.write(word + b"\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"got " + word + b"\n"
        process.stdin.close()
        assert process.stdout.read() == b"\0" * 300000
        assert process.wait() == 0


def test_a_signal_reaches_the_command_which_decides_what_it_makes_of_it(locked: Person) -> None:
    script = "trap 'echo cleaned up; exit 9' TERM; echo ready; while true; do sleep 0.1; done"
    with popen(locked, "run", "--", "sh", "-c", script, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == b"cleaned up\n"
        assert process.wait() == 9


def test_a_reader_that_goes_away_ends_the_command(locked: Person) -> None:
    with popen(locked, "run", "--", "yes", stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 128 + signal.SIGPIPE


def test_on_a_terminal_the_command_has_one_with_ctrl_c_and_its_size(locked: Person) -> None:
    script = "tty; sleep 1; stty size; trap 'echo caught; exit 5' INT; echo ready; while true; do sleep 0.1; done"
    terminal = Terminal(*REPRO, "run", "--", "sh", "-c", script, cwd=locked.cwd, environ=locked.environ, columns=91)
    terminal.read_until(b"ready")
    assert b"/dev/pts/" in terminal.written
    assert b"24 91" in terminal.written
    terminal.type(b"\x03")
    terminal.read_until(b"caught")
    assert terminal.wait() == 5


@pytest.mark.parametrize("whom", ["repro", "its group"])
def test_a_kill_of_repro_takes_the_container_with_it(locked: Person, client: docker.DockerClient, whom: str) -> None:
    with popen(
        locked, "run", "--", "sh", "-c", "echo ready; sleep 600", stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        assert len(of_project(client, locked)) == 1
        if whom == "repro":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        wait_until(lambda: not of_project(client, locked))


def test_what_is_written_outside_the_project_is_said_to_be_gone(locked: Person) -> None:
    done = locked.repro(
        "run",
        "--",
        "sh",
        "-c",
        "mkdir -p /data && echo x > /data/lost && echo y > /tmp/scratch; python3 -c 'import greet'",
    )
    assert "made-outside: /data/lost: was written in the container" in done.stderr
    assert "scratch" not in done.stderr
    assert "__pycache__" not in done.stderr


def test_the_network_is_there_when_repro_yaml_says_so_and_the_run_tells(locked: Person, registry_at: str) -> None:
    host, port = registry_at.split(":")
    script = f"import _socket as s; c = s.socket(); c.connect(({host!r}, {port}))"
    locked.repro("run", "--", "python3", "-c", script, expect=1)
    locked.write("repro.yaml", "environment:\n  kind: image\n  network: host\n")
    done = locked.repro("run", "--", "python3", "-c", script)
    assert "network-open" in done.stderr
    assert locked.manifest()["observations"]["environment"]["network"] == "host"


@pytest.mark.parametrize(("gpus", "count"), [("all", -1), ("2", 2)])
def test_graphics_processors_are_asked_for_and_an_engine_without_any_says_so(
    locked: Person, engine: TestEngine, tmp_path: Path, gpus: str, count: int
) -> None:
    locked.write("repro.yaml", f"environment:\n  kind: image\n  gpus: {gpus}\n")
    with overheard(engine, tmp_path / "between.sock") as said:
        done = locked.having(DOCKER_HOST=f"unix://{tmp_path}/between.sock").repro("run", "--", "true", expect=125)
    found = re.search(rb'"DeviceRequests": (\[.*?\]\].*?\])', b"".join(said))
    assert found, "the engine was asked for a device"
    (asked,) = json.loads(found[1])
    assert (asked["Count"], asked["Capabilities"]) == (count, [["gpu"]])
    assert "could not select device driver" in done.stderr
    assert "environment.gpus" in done.stderr
    assert locked.runs() == []


@contextlib.contextmanager
def overheard(engine: TestEngine, at: Path) -> Iterator[list[bytes]]:
    """Stand between repro and the engine, and keep what repro says: the engine forgets what it refused."""
    said: list[bytes] = []
    opened: list[socket.socket] = []

    def hand_on(source: socket.socket, target: socket.socket, keep: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if keep:
                    said.append(data)
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the listener is closed in the end
            while True:
                near, far = listener.accept()[0], socket.socket(socket.AF_UNIX)
                opened.extend((near, far))
                far.connect(engine.address.removeprefix("unix://"))
                for ends in ((near, far, True), (far, near, False)):
                    threading.Thread(target=hand_on, args=ends, daemon=True).start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(at))
        listener.listen()
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield said
        listener.shutdown(socket.SHUT_RDWR)
        for one in opened:
            one.close()


def test_an_engine_that_dies_under_a_run_loses_nothing(imaged: Person, engine: TestEngine) -> None:
    archive = engine.base_archive
    with private_engine() as (own, dockerd):
        person = imaged.having(DOCKER_HOST=own.address)
        with contextlib.closing(docker.DockerClient(base_url=own.address)) as client:
            client.images.load(archive.read_bytes())
            script = "echo half > half; echo ready; sleep 20"
            with popen(
                person, "run", "--", "sh", "-c", script, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            ) as process:
                assert process.stdout
                assert process.stderr
                assert process.stdout.readline() == b"ready\n"
                dockerd.kill()
                said = process.stderr.read().decode()
                assert process.wait(60) == 125
            assert "the container engine went away while the command ran in it" in said
            run = person.runs()[-1]
            assert f"repro seal {run}" in said
            assert person.manifest()["state"] == "open"
            dockerd.start_again()
            person.repro("seal", "--exit-code", "1", run)
            assert [output["path"] for output in person.manifest()["facts"]["outputs"]] == ["half"]
            person.repro("run", "--", "true")
            assert client.containers.list(all=True) == [], "what the dead engine left was removed"


def test_a_projects_image_can_be_run_without_a_lock_file(imaged: Person) -> None:
    imaged.repro("run", "-o", "out", "--", "python3", "train.py")
    manifest = imaged.manifest()
    assert manifest["facts"]["recipe"]["environment"]["built_from"]["bases"].keys() == {BASE}
    assert json.dumps(manifest["observations"]["environment"]).count("Docker") == 1


def test_a_user_of_any_number_has_a_name_a_home_and_its_files(engine: TestEngine) -> None:
    folder = Path(tempfile.mkdtemp(prefix="rpu-", dir="/tmp"))
    try:
        os.chown(folder, 4321, 4322)
        with contextlib.closing(docker.DockerClient(base_url=engine.address)) as client:
            image = str(client.images.get(BASE).id).removeprefix("sha256:")
        user = ContainerUser("ann", 4321, 4322, "/home/ann")
        mount = BindMount(str(folder), str(folder), writable=True)
        container = InContainer(engine.address, image, user, "desk", (mount,), dict(os.environ))
        script = "id -un; echo $HOME; touch $HOME/mine && echo may write; ls /home/ann; touch made"
        script += "; touch /usr/x || echo may not"
        outcome, end = container.run(["sh", "-c", f"({script}) > told 2>/dev/null"], str(folder), {}, umask=0o077)
        assert outcome.exit_code == 0
        assert (folder / "told").read_text().split("\n") == ["ann", "/home/ann", "may write", "mine", "may not", ""]
        assert (folder / "made").stat().st_uid == 4321
        assert (folder / "made").stat().st_gid == 4322
        assert (folder / "made").stat().st_mode & 0o777 == 0o600
        assert end.changed == ()
    finally:
        shutil.rmtree(folder)
