"""Interpreters that uv can install: where none of the recorded version is on this machine."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from repro.env.pip.install_failures import EnvironmentNotMade, IndexUnreachable
from repro.env.pip.uv_process import UvFailure, run_uv
from repro.env.unobtainable import EnvironmentOffline
from repro.model.environments.environment import Interpreter

_TO_INSTALL = "uv:"


def installable(wanted: Interpreter, request: str, environ: Mapping[str, str]) -> str | None:
    """Return the means of a plan that has uv install an interpreter; None where it cannot, or may not.

    Nothing is downloaded: uv knows what there is, or asks the list that the user named.

    Args:
        wanted: the recorded interpreter.
        request: what uv calls it, `cpython@3.11.7`.
        environ: the user's variables; `UV_PYTHON_DOWNLOADS` may forbid it.
    """
    if environ.get("UV_PYTHON_DOWNLOADS", "").lower() in ("never", "manual", "false"):
        return None
    command = ["python", "list", "--only-downloads", "--all-versions", "--output-format", "json", request]
    result = run_uv(command, environ, os.sep)
    if result.returncode:
        return None
    try:
        versions = {entry["version"] for entry in json.loads(result.stdout)}
    except (ValueError, KeyError, TypeError):
        return None
    return _TO_INSTALL + request if wanted.version in versions else None


def interpreter_of(means: str, environ: Mapping[str, str], *, offline: bool) -> str:
    """Return the path of the interpreter that a plan named; what is to be installed is installed now.

    Raises:
        EnvironmentOffline: it would have to be fetched.
        IndexUnreachable: where uv takes it from cannot be reached.
        EnvironmentNotMade: uv cannot install it.
    """
    if not means.startswith(_TO_INSTALL):
        return means
    request = means.removeprefix(_TO_INSTALL)
    there = _find(request, environ)
    if there is not None:
        return there
    hint = f"uv python install {request.rpartition('@')[2]} where the network is, or --python PATH"
    if offline:
        raise EnvironmentOffline(f"{request} is not on this machine, and the network is not to be used", hint)
    result = run_uv(["python", "install", "--quiet", "--no-bin", request], environ, os.sep)
    there = _find(request, environ) if result.returncode == 0 else None
    if there is None:
        message = f"uv cannot install {request}: {result.reason}"
        if result.failure is UvFailure.UNREACHABLE:
            raise IndexUnreachable(message, hint)
        raise EnvironmentNotMade(message, hint)
    return there


def _find(request: str, environ: Mapping[str, str]) -> str | None:
    command = ["python", "find", "--no-project", "--managed-python", request]
    asked = run_uv(command, environ, os.sep)
    return asked.stdout.strip() or None if asked.returncode == 0 else None
