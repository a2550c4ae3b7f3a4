"""repro itself in a container as Docker makes them by default: no namespaces, and its filter of system calls."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

import docker

from repro.execution import landlock
from tests.command_line import REPRO, Person
from tests.container_engine import BASE

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives")


def test_a_run_is_watched_there_and_a_rebuild_confined(ann: Person, client: docker.DockerClient) -> None:
    ann.git("init", "--quiet")
    ann.write(".gitignore", "*.ignored\n")
    ann.write("a.ignored", "1")
    ann.write("job.py", "open('made', 'w').write(open('a.ignored').read())")
    repro = shlex.join(REPRO)
    script = f"{repro} run -- python job.py && rm a.ignored && {repro} rebuild @last --json > answer.json"
    said = client.containers.run(
        BASE,
        ["/bin/sh", "-c", script],
        environment=ann.environ,
        working_dir=str(ann.cwd),
        network_mode="none",
        remove=True,
        stderr=True,
        volumes=_shown(ann),
    )
    answer = json.loads((ann.cwd / "answer.json").read_text())
    assert ann.manifest()["observations"]["watched"] == "strace", said
    kind = "landlock" if landlock.version() else "none"
    assert (answer["verdict"], answer["sandbox"]["kind"]) == ("identical", kind)


def _shown(ann: Person) -> dict[str, dict[str, str]]:
    """This machine's programs, libraries and Python, for the container's own are few; and Ann's home."""
    root = str(Path(__file__).resolve().parents[2])
    read = {*_SYSTEM, root, sys.prefix, sys.base_prefix, str(ann.venv)}
    shown = {path: {"bind": path, "mode": "ro"} for path in read if os.path.exists(path)}
    return shown | {str(ann.home): {"bind": str(ann.home), "mode": "rw"}}
