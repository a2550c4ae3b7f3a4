"""Podman's engine as a user who is not root has it, started by root, with nothing of the machine's set-up changed.

It runs as nobody, with a range of user numbers that only it sees, among processes of its own, which end with it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command_line import REPRO, Person
from tests.container_engine import answers, missing, short_folder
from tests.plain_user import NOBODY

_READY_S = 30.0
_AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
# The Python of the tests can lie in root's home: it may be read, as if it were everybody's.
_READING = tuple(f"--{kind}=-all,+dac_read_search" for kind in ("inh-caps", "ambient-caps", "bounding-set"))
# The shell stays, as the first of the processes: the kernel forgets to end one with its parent that becomes nobody's.
_START = """\
mount --bind "$0/ranges" /etc/subuid && mount --bind "$0/ranges" /etc/subgid && cd "$0" && "$@"
exit 1
"""


@dataclass(frozen=True)
class RootlessPodman:
    """An engine of nobody's that serves, and a folder of nobody's that it may use."""

    folder: Path

    @property
    def address(self) -> str:
        return f"unix://{self.folder}/podman.sock"

    def repro(self, person: Person, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run repro as nobody with this engine; it must succeed."""
        subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(person.home)], check=True)
        done = person.having(DOCKER_HOST=self.address).call(*_AS_NOBODY, *_READING, *REPRO, *arguments)
        assert done.returncode == 0, done.stderr
        return done


@contextlib.contextmanager
def rootless_podman() -> Iterator[RootlessPodman]:
    """Start the engine, and end it; it has no image."""
    if os.getuid() != 0:
        pytest.skip("an engine of another user needs root")
    for program in ("podman", "newuidmap", "setpriv", "unshare", "runc"):
        if shutil.which(program) is None:
            missing(f"{program} is not installed")
    folder = short_folder()
    folder.chmod(0o755)
    _set_up(folder)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(_command(folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _READY_S
        while not answers(folder / "podman.sock"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("podman does not start: " + (folder / "log").read_text()[-2000:])
            time.sleep(0.05)
        yield RootlessPodman(folder)
    finally:
        process.kill()  # with it, the kernel ends the shell, and with that all others
        process.wait()
        _remove(folder)


def _remove(folder: Path) -> None:
    """Remove what processes had that are still ending."""
    for wait_s in (0.05, 0.2, 1, 5):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(wait_s)
    shutil.rmtree(folder)


def _set_up(folder: Path) -> None:
    for name in ("home", "run", "images", "state", "tmp"):
        (folder / name).mkdir()
    (folder / "ranges").write_text("nobody:300000:65536\n")
    engine = '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
    (folder / "containers.conf").write_text(engine)  # crun refuses the control groups of some machines
    (folder / "storage.conf").write_text('[storage]\ndriver = "overlay"\n')
    subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(folder)], check=True)


def _command(folder: Path) -> Sequence[str]:
    variables = {
        "HOME": folder / "home",
        "XDG_RUNTIME_DIR": folder / "run",
        "TMPDIR": folder / "tmp",
        "PATH": os.environ.get("PATH", os.defpath),
        "CONTAINERS_CONF": folder / "containers.conf",
        "CONTAINERS_STORAGE_CONF": folder / "storage.conf",
    }
    podman = ["podman", "--root", str(folder / "images"), "--runroot", str(folder / "state")]
    return (
        *("setpriv", "--pdeathsig=KILL"),  # nor does it outlive a test process that is killed
        *("unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *("sh", "-c", _START, str(folder)),
        *(*_AS_NOBODY, "env", "-i", *(f"{name}={value}" for name, value in variables.items())),
        *(*podman, "system", "service", "--time=0", f"unix://{folder}/podman.sock"),
    )
