"""A container engine and a registry of the tests' own, on the loopback, with nothing of the machine's set-up changed.

One engine serves all workers of a session. A process of its own keeps it until the session's last process is gone, and
takes away what it left.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.base_image import write_base_image

BASE = "repro-test-base:1"
_READY_S = 60.0
_TWO_STORES = 25  # the first version of Docker that has containerd's store beside its own
_NEWER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "repro-tests/docker-debian-13"


@dataclass(frozen=True)
class TestEngine:
    """An engine that serves: its folder, and its address for `DOCKER_HOST`."""

    __test__ = False
    folder: Path

    @property
    def address(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    @property
    def base_archive(self) -> Path:
        """The base image as an archive for `docker load`."""
        return Path((self.folder / "base").read_text())


class Dockerd:
    """A Docker engine in a folder: without bridge, without rules for the network, with its own containerd."""

    def __init__(self, folder: Path, *, containerds_store: bool = False) -> None:
        self.folder = folder
        settings = {"features": {"containerd-snapshotter": True}} if containerds_store else {}
        (folder / "settings.json").write_text(json.dumps(settings))
        self._path = _path_of_two_stores() if containerds_store else os.environ.get("PATH", os.defpath)
        self._start()

    def _start(self) -> None:
        program = str(shutil.which("dockerd", path=self._path))
        command = [
            *(program, "--data-root", str(self.folder / "data"), "--exec-root", str(self.folder / "exec")),
            *("--host", f"unix://{self.folder}/docker.sock", "--pidfile", str(self.folder / "pid")),
            *("--config-file", str(self.folder / "settings.json"), "--iptables=false", "--ip6tables=false"),
            *("--bridge=none", "--ip-masq=false", "--userland-proxy=false", "--log-level=error"),
        ]
        with (self.folder / "log").open("ab") as log:
            environ = {**os.environ, "PATH": str(self._path)}
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=environ)
        deadline = time.monotonic() + _READY_S
        while not answers(self.folder / "docker.sock"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("dockerd does not start: " + (self.folder / "log").read_text()[-2000:])
            time.sleep(0.05)
        os.chmod(self.folder / "docker.sock", 0o666)  # its folder is what says who may use it

    def kill(self) -> None:
        """As a crash would: containers go on running without it."""
        self._process.kill()
        self._process.wait()
        containerd = self.folder / "exec" / "containerd" / "containerd.pid"
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int(containerd.read_text()), signal.SIGKILL)
        containerd.unlink(missing_ok=True)

    def start_again(self) -> None:
        """It ends what it had been running."""
        (self.folder / "pid").unlink(missing_ok=True)
        self._start()

    def stop(self) -> None:
        """End it with its containers, and take away what is mounted."""
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self._process.kill()
        self._process.wait()
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            place = line.split()[1]
            if place.startswith(f"{self.folder}/"):
                subprocess.run(["umount", "-l", place], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def private_engine() -> Iterator[tuple[TestEngine, Dockerd]]:
    """An engine that a test may kill; it has no image."""
    _require()
    dockerd = Dockerd(short_folder())
    try:
        yield TestEngine(dockerd.folder), dockerd
    finally:
        dockerd.stop()


def shared_engine(shared: Path) -> TestEngine:
    """The session's engine with the base image in it; the first who asks starts it. `shared` is all workers' folder."""
    _require()
    return _shared(shared / "engine")


def shared_engine_with_containerds_store(shared: Path, other: TestEngine) -> TestEngine:
    """Another, which keeps images as new installations of Docker do; it has the base image of the `other`."""
    if _path_of_two_stores() is None:
        missing(f"neither is dockerd {_TWO_STORES} or later, nor is there one in {_NEWER} (tests/run puts it there)")
    return _shared(shared / "engine-with-containerds-store", str(other.base_archive))


def _shared(place: Path, *base: str) -> TestEngine:
    with place.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            folder = short_folder()
            watched = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
            command = [sys.executable, "-m", "tests.container_engine", str(folder), str(watched), *base]
            root = Path(__file__).parents[1]
            process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
            assert process.stdout
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("the tests' engine does not start")
            process.stdout.close()
            process.returncode = 0  # it outlives this one on purpose, and nobody waits for it
            place.write_text(str(folder))
        return TestEngine(Path(place.read_text()))


@contextlib.contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Debian's registry; its address, `127.0.0.1:PORT`."""
    program = shutil.which("docker-registry")
    if program is None:
        missing("docker-registry is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    folder.mkdir(exist_ok=True)
    config = folder / "registry.yml"
    storage = f"storage: {{filesystem: {{rootdirectory: {folder}/data}}}}"
    config.write_text(f"version: 0.1\nlog: {{level: error}}\n{storage}\nhttp: {{addr: {address}}}\n")
    process = subprocess.Popen(
        [str(program), "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://{address}/v2/").close()
                break
            assert time.monotonic() < deadline, "the registry does not answer"
            time.sleep(0.02)
        yield address
    finally:
        process.kill()
        process.wait()


def _require() -> None:
    if os.getuid() != 0:
        pytest.skip("an engine of the tests' own needs root")
    for program in ("dockerd", "apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            missing(f"{program} is not installed")


def _path_of_two_stores() -> str | None:
    """A PATH whose `dockerd` has containerd's store; None where there is none."""
    usual = os.environ.get("PATH", os.defpath)
    for path in (usual, f"{_NEWER}/bin:{usual}"):
        program = shutil.which("dockerd", path=path)
        if program is None:
            continue
        said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
        version = re.search(r"version (\d+)\.", said)
        if version and int(version[1]) >= _TWO_STORES:
            return path
    return None


def missing(what: str) -> None:
    """Say what a test lacks: it is skipped, or fails where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


def short_folder() -> Path:
    """A path short enough for sockets below it."""
    return Path(tempfile.mkdtemp(prefix="rpe-", dir="/tmp"))


def answers(path: Path) -> bool:
    """Whether an engine answers at a socket."""
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(str(path))
            asking.sendall(b"GET /_ping HTTP/1.0\r\nHost: x\r\n\r\n")
            return b"200" in asking.recv(64)
        except OSError:
            return False


def _keep(folder: Path, watched: int, base: Path | None = None) -> None:
    """Keep an engine until a process is gone; one that gets another's base image has containerd's store."""
    os.setsid()
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    dockerd = Dockerd(folder, containerds_store=base is not None)
    try:
        made = folder / "made"
        made.mkdir()
        archive = base or write_base_image(made, BASE)[0]
        (folder / "base").write_text(str(archive))
        import docker

        with contextlib.closing(docker.DockerClient(base_url=f"unix://{folder}/docker.sock")) as client:
            client.images.load(archive.read_bytes())
        folder.chmod(0o755)
        print("ready", flush=True)
        os.close(1)
        while Path(f"/proc/{watched}").exists():
            time.sleep(0.5)
    finally:
        dockerd.stop()


if __name__ == "__main__":
    _keep(Path(sys.argv[1]), int(sys.argv[2]), *map(Path, sys.argv[3:]))
