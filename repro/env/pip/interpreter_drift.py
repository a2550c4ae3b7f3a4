"""Whether the interpreter is still the one that its virtual environment, or the project's lock, was made with."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from repro.env.pip.probe import Probe
from repro.model.environments.environment import Interpreter
from repro.model.finding import Finding
from repro.model.pattern import pattern

_COMMENT = pattern(r"^# python: (\S+) (\S+) (\S+)$", re.MULTILINE)
_VERSION = pattern(r"^version(?:_info)? *= *(\d+\.\d+\.\d+)", re.MULTILINE)
_HEAD = 4096


def interpreter_comment(interpreter: Interpreter) -> str:
    """Return the comment by which `repro env lock` says in a lock file which interpreter it was made with."""
    return f"# python: {interpreter.implementation} {interpreter.version} {interpreter.abi}"


def interpreter_findings(probe: Probe, project_root: str, lock: str | None) -> Iterator[Finding]:
    """Yield findings of kind `environment-drift`.

    Args:
        probe: of the interpreter in use.
        project_root: an absolute path.
        lock: the project's lock, relative to the root; None where there is none.
    """
    here = probe.interpreter
    made = _VERSION.search(_head(os.path.join(probe.observations.prefix, "pyvenv.cfg")))
    if made and made.group(1) != _plain(here.version):
        detail = (
            f"the virtual environment was made with Python {made.group(1)}, and its interpreter "
            f"{probe.observations.base_executable} is {here.version} now"
        )
        hint = f"make it again: `uv venv --clear --python {made.group(1)}`, and install what the lock says"
        yield Finding("environment-drift", detail, hint=hint)
    said = _COMMENT.search(_head(os.path.join(project_root, lock))) if lock is not None else None
    if said and lock is not None:
        wanted = Interpreter(said.group(1), said.group(2), said.group(3), here.platform)
        if wanted != here:
            detail = (
                f"the interpreter is {here.implementation} {here.version} ({here.abi}), {lock} was made with "
                f"{wanted.implementation} {wanted.version} ({wanted.abi})"
            )
            hint = f"use that one (`uv python install {wanted.version}`), or `repro env lock` if this one is meant"
            yield Finding("environment-drift", detail, path=lock, hint=hint)


def _plain(version: str) -> str:
    """Return the numbers of a version: a configuration file has no `rc1` and no `+`."""
    found = re.match(r"\d+\.\d+\.\d+", version)
    return found.group() if found else version


def _head(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(_HEAD)
    except OSError:
        return ""
