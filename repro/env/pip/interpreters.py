"""Finds an interpreter on this machine that an environment can be realised with: the same, to the last digit."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping

from repro.env.kinds import EnvironmentPlan
from repro.env.which_python import which
from repro.model.environments.environment import Interpreter, PipEnvironment
from repro.model.finding import Finding
from repro.model.pattern import pattern

_BUILD_WHEEL = "lock it where the run was made (repro env lock tells how) and record the run again"
_FREE_THREADED = pattern(r"cpython-\d+t")
_SAFE_VERSION = pattern(r"\d+\.\d+\.\d+[0-9a-z+]*")


def plan(environment: PipEnvironment, *, environ: Mapping[str, str], python: str | None = None) -> EnvironmentPlan:
    """Say whether `environment` can be realised on this machine, and with which interpreter.

    Args:
        environment: what is to be realised.
        environ: the user's variables (PATH, PYENV_ROOT, HOME, uv's).
        python: an interpreter that the user insists on; a difference is then a warning.

    Returns:
        Blocking: `no-interpreter`, `environment-unlocked`. Warnings: `other-interpreter`, `other-platform`,
        `interpreter-to-install`.
    """
    blocking = [
        Finding("environment-unlocked", f"{name} was not pinned when the run was recorded", hint=_BUILD_WHEEL)
        for name in environment.unlocked
    ]
    wanted = environment.python
    found = _insisted(python, environ) if python is not None else find_interpreter(wanted, environ)
    if found is None:
        means = _to_install(wanted, environ) if python is None else None
        if means is not None:
            detail = f"no {_shown(wanted)} is on this machine: uv installs it"
            return EnvironmentPlan(means, tuple(blocking), (Finding("interpreter-to-install", detail),))
        asked = f"{python} cannot be run" if python is not None else f"no {_shown(wanted)} was found on this machine"
        hint = f"uv python install {wanted.version}, or --python PATH"
        return EnvironmentPlan("", (Finding("no-interpreter", asked, hint=hint), *blocking))
    path, here = found
    return EnvironmentPlan(path, tuple(blocking), tuple(_differences(wanted, here, path)))


def find_interpreter(wanted: Interpreter, environ: Mapping[str, str]) -> tuple[str, Interpreter] | None:
    """Return the path of an interpreter with `wanted`'s implementation, version and threading, and what it is.

    Looked for, cheapest first: the one that repro itself runs on, names on PATH, pyenv's, and what uv finds. Never
    a virtual environment: it would be taken for its base. Nothing is downloaded.
    """
    seen = set()
    for candidate in _candidates(wanted, environ):
        real = os.path.realpath(candidate)
        if real in seen:
            continue
        seen.add(real)
        here = _own_interpreter() if real == _own_base() else _probed(candidate, environ)
        if here is not None and _is_same_python(wanted, here):
            return candidate, here
    return None


def _candidates(wanted: Interpreter, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield paths, lazily: each step costs more than the one before."""
    if not _SAFE_VERSION.fullmatch(wanted.version):
        return  # from a record of elsewhere: it becomes part of paths and arguments
    if _is_same_python(wanted, _own_interpreter()):
        yield _own_base()
    name = "python" if wanted.implementation == "cpython" else "pypy"
    minor = ".".join(wanted.version.split(".")[:2])
    folders = environ.get("PATH", os.defpath).split(os.pathsep)
    # pyenv's shims are shell scripts that answer for one version and fail for the others.
    path = os.pathsep.join(f for f in folders if "/shims" not in f and not _in_venv(os.path.join(f, name)))
    for spelled in (f"{name}{minor}", f"{name}3"):
        found = which(spelled, os.sep, path)
        if found is not None and not _in_venv(found):
            yield found
    pyenv = environ.get("PYENV_ROOT") or os.path.join(environ.get("HOME", os.sep), ".pyenv")
    installed = os.path.join(pyenv, "versions", wanted.version, "bin", name)
    if name == "python" and os.access(installed, os.X_OK):
        yield installed
    from repro.env.pip.uv_process import run_uv

    asked = run_uv(["python", "find", "--no-project", "--system", _request(wanted)], environ, os.sep)
    if asked.returncode == 0 and asked.stdout.strip():
        yield asked.stdout.strip()


def _request(wanted: Interpreter) -> str:
    """Return what uv calls an interpreter."""
    threading = "+freethreaded" if _FREE_THREADED.match(wanted.abi) else ""
    return f"{wanted.implementation}@{wanted.version}{threading}"


def _is_same_python(wanted: Interpreter, here: Interpreter) -> bool:
    return (wanted.implementation, wanted.version, bool(_FREE_THREADED.match(wanted.abi))) == (
        here.implementation,
        here.version,
        bool(_FREE_THREADED.match(here.abi)),
    )


def _differences(wanted: Interpreter, here: Interpreter, path: str) -> Iterator[Finding]:
    if not _is_same_python(wanted, here):
        detail = f"recorded with {_shown(wanted)}, {path} is {_shown(here)}"
        yield Finding("other-interpreter", detail, hint=f"uv python install {wanted.version}")
    elif wanted.abi != here.abi and wanted.platform == here.platform:
        yield Finding("other-interpreter", f"recorded with ABI {wanted.abi}, {path} has {here.abi}")
    if wanted.platform != here.platform:
        detail = f"recorded on {wanted.platform}, this machine is {here.platform}"
        yield Finding("other-platform", detail, hint="other files of the same versions are installed")


def _to_install(wanted: Interpreter, environ: Mapping[str, str]) -> str | None:
    from repro.env.pip.managed_python import installable

    return installable(wanted, _request(wanted), environ)


def _insisted(python: str, environ: Mapping[str, str]) -> tuple[str, Interpreter] | None:
    path = which(python, os.getcwd(), environ.get("PATH", os.defpath))
    here = _probed(path, environ) if path is not None else None
    return (path, here) if path is not None and here is not None else None


def _probed(python: str, environ: Mapping[str, str]) -> Interpreter | None:
    """Return what an interpreter says it is; one that does not run is none. PYTHONHOME and its like do not count."""
    from repro.env.pip.probe import BrokenInterpreter, probe

    clean = {name: value for name, value in environ.items() if not name.startswith("PYTHON")}
    try:
        return probe(python, clean, os.sep).interpreter
    except BrokenInterpreter:
        return None


def _in_venv(python: str) -> bool:
    return os.path.exists(os.path.join(os.path.dirname(os.path.dirname(python)), "pyvenv.cfg"))


def _own_base() -> str:
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def _own_interpreter() -> Interpreter:
    """Return the interpreter that this runs on; on Linux without `sysconfig`, whose tables take 2 ms to read."""
    system = os.uname()
    if sys.implementation.name == "cpython" and system.sysname == "Linux":
        from importlib.machinery import EXTENSION_SUFFIXES

        # What an extension of exactly this ABI is called comes first: `.SOABI.so` (Python/dynload_shlib.c).
        abi = EXTENSION_SUFFIXES[0].removeprefix(".").removesuffix(".so")
        return Interpreter("cpython", sys.version.split()[0], abi, f"linux-{system.machine}")
    import sysconfig

    abi = sysconfig.get_config_var("SOABI") or sys.implementation.cache_tag or ""
    return Interpreter(sys.implementation.name, sys.version.split()[0], abi, sysconfig.get_platform())


def _shown(interpreter: Interpreter) -> str:
    return f"{interpreter.implementation} {interpreter.version}"
