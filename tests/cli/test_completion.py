"""Completion as a shell asks for it: by the variable `_REPRO_COMPLETE`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_line import Person


def offered(person: Person, line: str) -> list[str]:
    """What bash's completion would be given for a command line that ends where the cursor is."""
    words = line.split(" ")
    asking = person.having(_REPRO_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    done = asking.repro()
    return [answer.partition(",")[2] for answer in done.stdout.splitlines()]


@pytest.mark.parametrize(("shell", "mark"), [("bash", "complete -"), ("zsh", "#compdef repro"), ("fish", "complete ")])
def test_a_script_is_printed_for_each_shell(ann: Person, shell: str, mark: str) -> None:
    script = ann.repro("completion", shell).stdout
    assert mark in script
    assert f"_REPRO_COMPLETE={shell}_complete" in script


def test_commands_subcommands_and_options_are_offered(ann: Person) -> None:
    assert offered(ann, "repro re") == ["rebuild", "remote"]
    assert offered(ann, "repro remote ") == ["add", "key", "list", "remove"]
    assert {"--from", "--into", "--keep"} <= set(offered(ann, "repro rebuild --"))


def test_runs_and_remotes_of_the_project_are_offered(project: Person) -> None:
    run = project.repro("snapshot", "--offline").stdout.strip()
    project.write("repro.yaml", "remotes:\n  store: {url: /srv/repro}\n")
    assert offered(project, "repro show 2") == [run]
    assert offered(project, "repro show @") == ["@last"]
    assert offered(project, "repro push -r s") == ["store"]


def test_outside_a_project_no_run_is_offered_and_nothing_is_said(ann: Person) -> None:
    asking = ann.having(_REPRO_COMPLETE="bash_complete", COMP_WORDS="repro show 2", COMP_CWORD="2")
    done = asking.repro()
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_bash_itself_completes_a_command(ann: Person, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None, "bash must be installed"
    program = tmp_path / "bin" / "repro"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m repro "$@"\n')
    program.chmod(0o755)
    script = """
        eval "$(repro completion bash)"
        COMP_WORDS=(repro re); COMP_CWORD=1; COMP_LINE="repro re"; COMP_POINT=8
        name=$(complete -p repro | sed 's/.*-F \\([^ ]*\\) repro/\\1/')
        "$name" repro re repro
        echo "${COMPREPLY[@]}"
    """
    environ = {**ann.environ, "PATH": f"{program.parent}{os.pathsep}{ann.environ['PATH']}"}
    done = subprocess.run([bash, "-c", script], cwd=ann.cwd, env=environ, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["rebuild", "remote"], done.stderr
