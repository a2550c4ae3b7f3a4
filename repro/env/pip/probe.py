"""Asks an interpreter what it is and what is installed in it: one subprocess, the standard library of any 3.6+."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from repro.env.pip.lock_file import canonical_version
from repro.errors import CannotProceed
from repro.model.dataclass import dataclass
from repro.model.environments.environment import Interpreter

if TYPE_CHECKING:
    from subprocess import CompletedProcess

_MARK = "@repro-probe@"
_TIMEOUT_S = 60
_HINT = "name a working interpreter as environment.python in repro.yaml"
_ASK_VERSION = f"import sys; sys.stdout.write('{_MARK}%d.%d' % sys.version_info[:2])"  # Python 2 understands it


class BrokenInterpreter(CannotProceed):
    """An interpreter cannot be run, or does not answer as a Python does."""

    id = "broken-interpreter"


@dataclass(frozen=True, slots=True)
class InterpreterObservations:
    """What was seen of the interpreter and is shown, never compared.

    Attributes:
        executable, base_executable, prefix: absolute paths on this machine; `base_executable` is the interpreter
            that a venv was made from.
        build: `sys.version` in one line.
        libc: `glibc 2.36`, or empty where the platform does not say.
        tags: normalised name and the wheel tags of each distribution that has a `WHEEL` file.
    """

    executable: str
    base_executable: str
    prefix: str
    build: str
    libc: str
    tags: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class InstalledDistribution:
    """A distribution as its metadata files say.

    Attributes:
        name: normalised (PEP 503).
        version: normalised (PEP 440); as in the metadata where that is no version.
        location: the folder on `sys.path` that it was found in.
        info: its `.dist-info` or `.egg-info`.
        direct_url: the text of `direct_url.json` (PEP 610), None for what came from an index.
        tags: of its `WHEEL` file.
        installer: the text of its `INSTALLER` file.
    """

    name: str
    version: str
    location: str
    info: str
    direct_url: str | None = None
    tags: tuple[str, ...] = ()
    installer: str = ""

    @property
    def in_site(self) -> bool:
        """Whether it was installed, and not merely found in a source folder that is on the path."""
        return os.path.basename(self.location) in ("site-packages", "dist-packages")


@dataclass(frozen=True, slots=True)
class Probe:
    """What an interpreter answered: facts, observations, PEP 508 markers, distributions sorted by name."""

    interpreter: Interpreter
    observations: InterpreterObservations
    markers: tuple[tuple[str, str], ...]
    distributions: tuple[InstalledDistribution, ...]


def probe(python: str, environ: Mapping[str, str], cwd: str) -> Probe:
    """Run `python` once and return what it says about itself.

    Args:
        python: path of the interpreter.
        environ: what the command would have; PYTHONPATH in it counts.
        cwd: where the command would start; relative entries of PYTHONPATH count from there.

    Raises:
        BrokenInterpreter: it cannot be executed, takes over a minute, is Python 2, fails, or answers
            something else.
    """
    import json

    with open(os.path.join(os.path.dirname(__file__), "probe_script.py"), encoding="utf-8") as file:
        script = file.read()
    done = _run(python, script, environ, cwd)
    if done.returncode:
        version = _run(python, _ASK_VERSION, environ, cwd).stdout.decode("utf-8", "replace").partition(_MARK)[2]
        if version.startswith("2."):
            raise BrokenInterpreter(f"{python} is Python {version}, and only 3.6 and later are locked", _HINT)
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise BrokenInterpreter(f"{python} failed: {said[-1] if said else f'exit code {done.returncode}'}", _HINT)
    # The last line: what sitecustomize or a .pth file may print comes before it.
    answer = done.stdout.decode("utf-8", "replace").rpartition(_MARK)[2]
    try:
        return _read_answer(json.loads(answer))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenInterpreter(f"{python} does not answer as a Python does: {error}", _HINT) from error


def _run(python: str, script: str, environ: Mapping[str, str], cwd: str) -> CompletedProcess[bytes]:
    import subprocess

    try:
        return subprocess.run(
            [python, "-c", script],
            cwd=cwd,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise BrokenInterpreter(f"{python} cannot be executed: {error.strerror}", _HINT) from error
    except subprocess.TimeoutExpired:
        raise BrokenInterpreter(f"{python} did not answer within {_TIMEOUT_S} s", _HINT) from None


def _read_answer(answer: Any) -> Probe:
    distributions = _first_of_each([_read_distribution(d) for d in answer["distributions"]])
    return Probe(
        Interpreter(
            _text(answer["implementation"]),
            _text(answer["version"]),
            _text(answer["abi"]),
            _text(answer["platform"]),
        ),
        InterpreterObservations(
            executable=_text(answer["executable"]),
            base_executable=_text(answer["base_executable"]),
            prefix=_text(answer["prefix"]),
            build=_text(answer["build"]),
            libc=_text(answer["libc"]),
            tags=tuple((d.name, d.tags) for d in distributions if d.tags),
        ),
        tuple(sorted((_text(key), _text(value)) for key, value in answer["markers"].items())),
        distributions,
    )


def _read_distribution(plain: Any) -> InstalledDistribution:
    from packaging.utils import canonicalize_name

    direct_url = plain["direct_url"]
    return InstalledDistribution(
        name=canonicalize_name(_text(plain["name"])),
        version=canonical_version(_text(plain["version"])),
        location=_text(plain["location"]),
        info=_text(plain["info"]),
        direct_url=None if direct_url is None else _text(direct_url),
        tags=tuple(sorted(_text(tag) for tag in plain["tags"])),
        installer=_text(plain["installer"]),
    )


def _first_of_each(found: list[InstalledDistribution]) -> tuple[InstalledDistribution, ...]:
    """The first on the path is the one that is imported.

    But a left-over `.egg-info` in a source folder on PYTHONPATH says less than the editable install of that folder.
    """
    first: dict[str, InstalledDistribution] = {}
    for one in found:
        known = first.setdefault(one.name, one)
        left_over = known.info.endswith(".egg-info") and not known.in_site and known.direct_url is None
        if left_over and one.in_site and one.direct_url is not None:
            first[one.name] = one
    return tuple(first[name] for name in sorted(first))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value
