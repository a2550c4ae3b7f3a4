"""Programs that run with more rights than who calls them, which the kernel does not give to a traced process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from repro.execution.watching import choose_watching
from repro.model.watching.watch_record import Means
from tests.plain_user import plain_users_folder, run_as_plain_user

# `id` with the mode of `su`: it says as whom it runs.
SCRIPT = """\
import dataclasses, json, os, sys
from repro.execution.programs import is_privileged
from repro.execution.watching import begin_watching, choose_watching, read_watching
seen = []
for command in (["./privileged-id", "-u"], ["sh", "-c", "./privileged-id -u"]):
    watching = choose_watching("auto", command, os.getcwd(), dict(os.environ))
    watching = dataclasses.replace(watching, folder=os.getcwd() + "/watch")
    begin_watching(watching, ())
    watching.execute(command, os.getcwd(), dict(os.environ), print)
    watched = read_watching(watching.folder, os.getcwd())
    refused = [os.fsdecode(path) for path in watched.trace.executed if is_privileged(path)]
    seen.append([watching.means, watching.reason, refused])
print(json.dumps(seen))
"""


def test_a_command_that_gains_privileges_does_so_and_is_watched_by_the_next_best_means() -> None:
    if os.geteuid() != 0:  # who is not root cannot make such a program, and has `su`
        watching = choose_watching("auto", ["su", "--version"], "/", dict(os.environ))
        assert (watching.means, "gains privileges" in (watching.reason or "")) == (Means.AUDIT, True)
        return
    with plain_users_folder() as folder:
        program = folder / "privileged-id"
        shutil.copyfile(shutil.which("id") or "/usr/bin/id", program)
        program.chmod(0o4755)
        if subprocess.run([str(program), "-u"], user=65534, capture_output=True, text=True).stdout != "0\n":
            pytest.skip("this file system gives no privileges (nosuid)")
        first, second, said = run_as_plain_user(folder, SCRIPT).splitlines()
        command, child = json.loads(said)
    assert (first, command[0]) == ("0", "audit")
    assert "gains privileges" in command[1]
    # What a watched command starts cannot gain any, and is named.
    assert (second, child[0], child[2]) == ("65534", "strace", [str(program)])
