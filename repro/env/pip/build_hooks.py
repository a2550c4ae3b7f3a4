"""Asks the build backends of a project's own packages what else they need to build them (PEP 517, PEP 660).

`pyproject.toml` says what a backend needs to start; a backend may ask for more: `get_requires_for_build_wheel`. It is
asked as who builds asks it: with what it needs installed in an environment of its own, in the package's folder.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence

from repro.env.kinds import ArchiveRequest
from repro.env.pip.install_failures import failure_of
from repro.env.pip.project_installs import folder_of
from repro.env.pip.uv_process import index_arguments, run_uv
from repro.errors import CannotProceed
from repro.model.environments.build_requirements import BuildSystem, build_system
from repro.model.environments.environment import ProjectInstall

# What the backend prints is its own: the answer goes into a file. The current directory is not on the path of a
# backend unless `backend-path` says so.
_ASK = """\
import importlib, json, os, sys
backend, paths, hook, answer = json.loads(sys.argv[1])
sys.path[:1] = [os.path.join(os.getcwd(), path) for path in paths]
module, _, names = backend.partition(":")
found = importlib.import_module(module)
for name in filter(None, names.split(".")):
    found = getattr(found, name)
asked = getattr(found, hook, None)
with open(answer, "w") as file:
    json.dump([] if asked is None else [str(line) for line in asked(None)], file)
"""
_SHOWN = 300


class BackendFailed(CannotProceed):
    """A build backend does not say what it needs."""

    id = "backend-failed"


def asked_by_backends(
    installs: Sequence[ProjectInstall], code: str, python: str, request: ArchiveRequest
) -> tuple[str, ...]:
    """Return the requirements that backends ask for beyond those of `pyproject.toml`, sorted.

    The backends, and with them the project's own code, are executed.

    Args:
        installs: the project's own packages.
        code: the folder with the project's code.
        python: the interpreter that builds.
        request: with what; environments are made in its folder.

    Raises:
        UnsafeInstall: a package lies outside the code.
        BackendFailed: one cannot be started, or fails.
        CannotProceed, RemoteError, IntegrityError: what it needs cannot be installed.
    """
    found: set[str] = set()
    for number, install in enumerate(installs):
        folder = folder_of(install, code)
        system = build_system(_read(os.path.join(folder, "pyproject.toml")))
        prefix = os.path.join(request.folder, f"build-{number}")
        _make(system, python, prefix, request)
        found.update(_ask(install, system, folder, prefix, request))
    return tuple(sorted(found))


def _make(system: BuildSystem, python: str, prefix: str, request: ArchiveRequest) -> None:
    doing = "install what builds the project's own packages"
    commands = [["venv", "--quiet", "--no-project", "--python", python, prefix]]
    if system.requires:
        flags = ["--quiet", "--python", os.path.join(prefix, "bin", "python")]
        index = index_arguments(request.environ, request.offline)
        commands.append(["pip", "install", *flags, *index, *system.requires])
    for command in commands:
        result = run_uv(command, request.environ, request.project_root or os.sep)
        if result.returncode:
            raise failure_of(result, doing)


def _ask(
    install: ProjectInstall, system: BuildSystem, folder: str, prefix: str, request: ArchiveRequest
) -> tuple[str, ...]:
    hook = f"get_requires_for_build_{'editable' if install.editable else 'wheel'}"
    answer = f"{prefix}.json"
    bin_dir = os.path.join(prefix, "bin")
    environ = {name: value for name, value in request.environ.items() if not name.startswith("PYTHON")}
    environ["PATH"] = f"{bin_dir}:{environ.get('PATH', os.defpath)}"
    question = json.dumps([system.backend, system.backend_path, hook, answer])
    command = [os.path.join(bin_dir, "python"), "-c", _ASK, question]
    done = subprocess.run(command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    try:
        if done.returncode == 0:
            with open(answer, encoding="utf-8") as file:
                return tuple(json.load(file))
    except (OSError, ValueError):
        pass  # it ended the process, or left half an answer: said below
    said = done.stderr.decode("utf-8", "replace").strip()[-_SHOWN:]
    raise BackendFailed(
        f"the build backend of {install.name} does not say what it needs: {said or 'it says nothing'}",
        f"`uv build` in the folder of {install.name} shows more",
    )


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
