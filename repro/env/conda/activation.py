"""What starts a command in an activated conda environment: the packages' own scripts, then the command in their place.

The scripts (`etc/conda/activate.d/*.sh`) are code of packages. So they run where the command runs and nowhere else: in
a rebuild's sandbox, under the same watch. Source: conda's `activate.py` (order of the scripts) and its documentation
for makers of packages, by which they are sourced by Bash or another shell of its kind.
"""

from __future__ import annotations

import os
from glob import glob

_FOLDER = os.path.join("etc", "conda", "activate.d")
# `exec` keeps the process: signals, terminal, exit code. What a script prints is no output of the command.
_ACTIVATE = """\
repro_scripts=$1; shift
for repro_script in "$repro_scripts"/*.sh; do . "$repro_script" >&2 </dev/null; done
unset repro_scripts repro_script
exec "$@"
"""


def starter(prefix: str) -> tuple[str, ...]:
    """Return the words that go before a command so that it starts activated; none where no package has a script."""
    folder = os.path.join(prefix, _FOLDER)
    if not glob("*.sh", root_dir=folder):
        return ()
    return (*_shell(prefix), "-c", _ACTIVATE, "activate", folder)


def _shell(prefix: str) -> tuple[str, ...]:
    """Return the shell that sources the scripts: Bash, which compilers' scripts are written for, else the system's."""
    for bash in ("/bin/bash", "/usr/bin/bash", os.path.join(prefix, "bin", "bash")):
        if os.path.exists(bash):
            return (bash, "--noprofile", "--norc")
    return ("/bin/sh",)
