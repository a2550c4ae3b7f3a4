from __future__ import annotations

from pathlib import Path

import pytest

from repro.env.which_python import NoPython, command_for_record, find_python


def executable(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def find(command: list[str], root: Path, configured: str | None = None, **environ: str) -> str:
    return find_python(command, str(root), environ, str(root), configured)


def test_the_command_itself_is_the_python(tmp_path: Path) -> None:
    python = executable(tmp_path / "bin/python3.12")
    assert find(["python3.12", "train.py"], tmp_path, PATH=str(tmp_path / "bin")) == str(python)
    assert find(["bin/python3.12", "train.py"], tmp_path, PATH="/nowhere") == str(python)
    executable(tmp_path / "bin/env")
    assert find(["env", "-i", "A=1", "python3.12"], tmp_path, PATH=str(tmp_path / "bin")) == str(python)


def test_a_symlink_to_a_python_is_not_resolved(tmp_path: Path) -> None:
    executable(tmp_path / "base/python")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(tmp_path / "base/python")
    assert find([".venv/bin/python"], tmp_path, PATH="/nowhere") == str(tmp_path / ".venv/bin/python")


@pytest.mark.parametrize(
    "shebang",
    [
        "#!{bin}/python3\n",
        "#! {bin}/python3 -E\n",
        "#!/usr/bin/env python3\n",
        "#!/usr/bin/env -S python3 -u\n",
        "#!/bin/sh\n'''exec' \"{bin}/python3\" \"$0\" \"$@\"\n' '''\n",
        "#!/bin/sh\n'''exec' {bin}/python3 \"$0\" \"$@\"\n' '''\n",
        "#!/bin/sh\n'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/'python3' \"$0\" \"$@\"\n' '''\n",
    ],
)
def test_a_script_names_its_python(tmp_path: Path, shebang: str) -> None:
    folder = tmp_path / "bin"
    python = executable(folder / "python3")
    executable(folder / "pytest", shebang.format(bin=folder))
    assert find(["pytest", "-q"], tmp_path, PATH=str(folder)) == str(python)


def test_a_relocatable_script_is_beside_its_python_even_through_a_link(tmp_path: Path) -> None:
    python = executable(tmp_path / "venv/bin/python")
    line = '#!/bin/sh\n\'\'\'exec\' "$(dirname -- "$(realpath -- "$0")")"/\'python\' "$0" "$@"\n'
    script = executable(tmp_path / "venv/bin/tool", line)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/tool").symlink_to(script)
    assert find(["tool"], tmp_path, PATH=str(tmp_path / "bin")) == str(python)


def test_the_configured_python_wins(tmp_path: Path) -> None:
    executable(tmp_path / "bin/python3")
    chosen = executable(tmp_path / "other/bin/python")
    assert find(["python3"], tmp_path, "other/bin/python", PATH=str(tmp_path / "bin")) == str(chosen)


def test_a_configured_python_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoPython, match=r"other/bin/python.*does not exist") as caught:
        find(["python3"], tmp_path, "other/bin/python", PATH="/nowhere")
    assert caught.value.hint


def test_for_other_commands_the_activated_then_the_project_then_the_path_decide(tmp_path: Path) -> None:
    on_path = executable(tmp_path / "bin/python3")
    executable(tmp_path / "bin/make")
    path = str(tmp_path / "bin")
    assert find(["make"], tmp_path, PATH=path) == str(on_path)
    of_project = executable(tmp_path / ".venv/bin/python")
    assert find(["make"], tmp_path, PATH=path) == str(of_project)
    activated = executable(tmp_path / "active/bin/python")
    assert find(["make"], tmp_path, PATH=path, VIRTUAL_ENV=str(tmp_path / "active")) == str(activated)
    assert find([], tmp_path, PATH=path) == str(of_project)


def test_no_python_anywhere_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(NoPython) as caught:
        find(["make"], tmp_path, PATH="/nowhere")
    assert caught.value.exit_code == 3
    assert caught.value.hint


def test_a_program_of_the_environment_is_recorded_by_its_name(tmp_path: Path) -> None:
    executable(tmp_path / ".venv/bin/python")
    executable(tmp_path / ".venv/pyvenv.cfg", "")
    prefix, cwd = str(tmp_path / ".venv"), str(tmp_path)
    assert command_for_record([".venv/bin/python", "a.py"], prefix, cwd) == ("python", "a.py")
    assert command_for_record([f"{prefix}/bin/pytest", "-q"], prefix, cwd) == ("pytest", "-q")
    assert command_for_record(["python", "a.py"], prefix, cwd) == ("python", "a.py")
    assert command_for_record(["./train.sh"], prefix, cwd) == ("./train.sh",)
    assert command_for_record([], prefix, cwd) == ()


def test_a_system_program_is_recorded_as_it_was_written(tmp_path: Path) -> None:
    executable(tmp_path / "usr/bin/python3")
    prefix = str(tmp_path / "usr")
    assert command_for_record([f"{prefix}/bin/Rscript"], prefix, "/") == (f"{prefix}/bin/Rscript",)
    assert command_for_record([f"{prefix}/bin/python3"], prefix, "/") == ("python3",)
