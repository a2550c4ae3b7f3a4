"""Which Python a command uses, found without starting anything."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from repro.errors import CannotProceed
from repro.model.pattern import pattern

_PYTHON_NAME = pattern(r"(?:python|pypy)(?:\d+(?:\.\d+)*t?)?")
_SHELL_TRAMPOLINE = pattern(r"'''exec' (?:\"([^\"]+)\"|'([^']+)'|(\S+))")
_BESIDE_THE_SCRIPT = pattern(r"dirname .*realpath .*\)\"/'?([\w.]+)'?")
_SHEBANG_BYTES = 4096


class NoPython(CannotProceed):
    """No Python interpreter was found for a command."""

    id = "no-python"


def find_python(
    command: Sequence[str], cwd: str, environ: Mapping[str, str], project_root: str, configured: str | None = None
) -> str:
    """Return the absolute path of the interpreter that `command` uses, symlinks not resolved.

    In this order: `configured` (`environment.python` of `repro.yaml`); the command itself where it is a Python; the
    Python that the command's `#!` line names; `$VIRTUAL_ENV`; the project's `.venv`; `python3` and `python` on PATH.

    Args:
        command: the command and its arguments; may be empty.
        cwd: where the command starts, an absolute path.
        environ: the variables of the command.
        project_root: an absolute path.
        configured: a name looked up on PATH, or a path relative to `project_root`.

    Raises:
        NoPython: `configured` does not exist, or nothing was found.
    """
    path = environ.get("PATH", os.defpath)
    if configured is not None:
        found = which(configured, project_root, path)
        if found is None:
            raise NoPython(
                f"the Python {configured!r} does not exist or cannot be executed",
                "correct --python, or environment.python in repro.yaml",
            )
        return found
    found = _of_command(command, cwd, path)
    if found is not None:
        return found
    candidates = [os.path.join(environ["VIRTUAL_ENV"], "bin/python")] if environ.get("VIRTUAL_ENV") else []
    candidates += [os.path.join(project_root, ".venv/bin/python"), "python3", "python"]
    for candidate in candidates:
        found = which(candidate, cwd, path)
        if found is not None:
            return found
    raise NoPython(
        "no Python interpreter was found: not in $VIRTUAL_ENV, not in .venv, not on PATH",
        "activate the project's environment, or name its Python as environment.python in repro.yaml",
    )


def command_for_record(command: Sequence[str], prefix: str, cwd: str) -> tuple[str, ...]:
    """Return `command` as it is recorded: a program of the environment by its base name alone.

    `.venv/bin/python` and `/home/ann/p/.venv/bin/pytest` exist on one machine only; `python` and `pytest` are found
    on the PATH of any realised environment. A program outside the environment stays as it was written, and so does
    one of an interpreter that is no environment of its own (`/usr/bin`), unless it is a Python.

    Args:
        command: as it was given.
        prefix: the interpreter's `sys.prefix`.
        cwd: where the command starts.
    """
    if not command or "/" not in command[0]:
        return tuple(command)
    folder, name = os.path.split(os.path.join(cwd, command[0]))
    of_environment = os.path.realpath(folder) == os.path.realpath(os.path.join(prefix, "bin"))
    isolated = any(os.path.exists(os.path.join(prefix, name)) for name in ("pyvenv.cfg", "conda-meta"))
    if of_environment and (isolated or _PYTHON_NAME.fullmatch(name)):
        return (name, *command[1:])
    return tuple(command)


def which(program: str, cwd: str, path: str) -> str | None:
    """Return the absolute path of an executable file, as `execvp` in `cwd` would find it; None where there is none."""
    folders = [cwd] if "/" in program else [os.path.join(cwd, folder) for folder in path.split(os.pathsep)]
    for folder in folders:
        candidate = os.path.normpath(os.path.join(folder, program))
        if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    return None


def _of_command(command: Sequence[str], cwd: str, path: str) -> str | None:
    words = list(command)
    if words and os.path.basename(words[0]) == "env":
        words = words[1:]
        while words and (words[0].startswith("-") or "=" in words[0]):
            words = words[1:]
    if not words:
        return None
    program = which(words[0], cwd, path)
    if program is None or _PYTHON_NAME.fullmatch(os.path.basename(program)):
        return program
    return _of_shebang(program, cwd, path)


def _of_shebang(script: str, cwd: str, path: str) -> str | None:
    with open(script, "rb") as file:
        head = file.read(_SHEBANG_BYTES)
    if not head.startswith(b"#!"):
        return None
    lines = head.decode("utf-8", "surrogateescape").splitlines()
    words = lines[0][2:].split()
    if not words:
        return None
    name = os.path.basename(words[0])
    if name == "env":
        named = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        return which(named[0], cwd, path) if named and _PYTHON_NAME.fullmatch(named[0]) else None
    if _PYTHON_NAME.fullmatch(name):
        return which(words[0], cwd, path)
    # Where the interpreter's path is too long for a #! line, or relative, installers write a shell line that is
    # also a Python string: '''exec' "/long/path/python" "$0" "$@".
    second = lines[1] if name == "sh" and len(lines) > 1 else ""
    beside = _BESIDE_THE_SCRIPT.search(second)
    if beside:
        return which(os.path.join(os.path.dirname(os.path.realpath(script)), beside.group(1)), cwd, path)
    trampoline = _SHELL_TRAMPOLINE.match(second)
    return which(next(g for g in trampoline.groups() if g), cwd, path) if trampoline else None
