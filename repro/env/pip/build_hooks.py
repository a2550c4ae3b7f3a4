"""Asks the build backends of a project's own packages what else they need to build them (PEP 517, PEP 660).

`pyproject.toml` says what a backend needs to start; a backend may ask for more: `get_requires_for_build_wheel`. It is
asked as who builds asks it: with what it needs installed in an environment of its own, in the package's folder. That is
code of a run, and of whoever wrote it: it runs confined, as the request says.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from repro.env.kinds import ArchiveRequest, ConfinedCommand, RunCode
from repro.env.pip.install_failures import failure_of
from repro.env.pip.project_installs import folder_of
from repro.env.pip.uv_process import index_arguments, run_uv
from repro.errors import CannotProceed
from repro.model.dataclass import replace
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
# What it says goes into a file too: a command that is confined has this process's streams.
_SAYING = ("/bin/sh", "-c", 'exec "$@" </dev/null >"$0" 2>&1')
_SHOWN = 300


class BackendFailed(CannotProceed):
    """A build backend does not say what it needs."""

    id = "backend-failed"


def with_what_backends_ask(installs: Sequence[ProjectInstall], python: str, request: ArchiveRequest) -> ArchiveRequest:
    """Return the request with the requirements that backends ask for beyond those of `pyproject.toml`.

    The backends, and with them the project's own code, are executed.

    Args:
        installs: the project's own packages.
        python: the interpreter that builds.
        request: with what; environments are made in its folder. Where it has no code, nobody is asked.

    Raises:
        UnsafeInstall: a package lies outside the code.
        BackendFailed: one cannot be started, or fails.
        CannotProceed, RemoteError, IntegrityError: what it needs cannot be installed.
    """
    if request.code is None:
        return request
    found: set[str] = set()
    for number, install in enumerate(installs):
        folder = folder_of(install, request.code.folder)
        system = build_system(_read(os.path.join(folder, "pyproject.toml")))
        prefix = os.path.join(request.folder, f"build-{number}")
        _make(system, python, prefix, request)
        found.update(_ask(install, system, folder, prefix, request.code, request))
    return replace(request, build=(*request.build, *sorted(found.difference(request.build))))


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
    install: ProjectInstall, system: BuildSystem, folder: str, prefix: str, code: RunCode, request: ArchiveRequest
) -> tuple[str, ...]:
    hook = f"get_requires_for_build_{'editable' if install.editable else 'wheel'}"
    answers = f"{prefix}-answers"
    os.mkdir(answers)
    answer, said = os.path.join(answers, "asked.json"), os.path.join(answers, "said.txt")
    bin_dir = os.path.join(prefix, "bin")
    environ = {name: value for name, value in request.environ.items() if not name.startswith("PYTHON")}
    environ["PATH"] = f"{bin_dir}:{environ.get('PATH', os.defpath)}"
    question = json.dumps([system.backend, system.backend_path, hook, answer])
    command = [*_SAYING, said, os.path.join(bin_dir, "python"), "-c", _ASK, question]
    exit_code = code.execute(ConfinedCommand(command, folder, environ, prefix, (code.folder, answers)))
    try:
        if exit_code == 0:
            with open(answer, encoding="utf-8") as file:
                return tuple(json.load(file))
    except (OSError, ValueError):
        pass  # it ended the process, or left half an answer: said below
    words = (_read(said) or b"").decode("utf-8", "replace").strip()[-_SHOWN:]
    raise BackendFailed(
        f"the build backend of {install.name} does not say what it needs: {words or 'it says nothing'}",
        f"`uv build` in the folder of {install.name} shows more; `sandbox: none` in repro.yaml gives it the network",
    )


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
