"""Distributions that were built here from source, since the index has no wheel of them: kept as what they became.

Building again needs compilers, a network and luck, and gives other bytes. So the wheel is put together from what is
installed, and becomes part of the run; see `repro.env.pip.installed_wheel`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import tomllib
from collections.abc import Mapping, Sequence

from repro.env.memo_file import write_memo
from repro.env.pip.edited_distributions import signature_of
from repro.env.pip.installed_wheel import NotAWheel, wheel_name, write_wheel
from repro.env.pip.probe import InstalledDistribution
from repro.env.pip.uv_process import index_arguments, index_settings, run_uv
from repro.env.pip.wheel_files import sha256_of
from repro.model.data.objects import ObjectSink
from repro.model.environments.environment import WheelInstall
from repro.model.environments.wheel_names import is_wheel_of

_SOURCE, _WHEEL = "source", "wheel"


def built_from_source(
    distributions: Sequence[InstalledDistribution],
    *,
    python: str,
    project_root: str,
    environ: Mapping[str, str],
    memo_dir: str,
    offline: bool,
) -> frozenset[str]:
    """Return the names of those of which the index has no wheel for this interpreter.

    The answer is remembered for good. Where the index does not answer, nothing is said to be built.
    """
    settings = hashlib.sha256(json.dumps([python, index_settings(environ)]).encode()).hexdigest()[:16]
    folder = os.path.join(memo_dir, "built-from-source", settings)
    known = {d.name: answer for d in distributions if (answer := _read(os.path.join(folder, _question(d))))}
    asked = [d for d in distributions if d.name not in known]
    if asked:
        lines = "".join(f"{d.name}=={d.version}\n" for d in asked)
        command = ["pip", "compile", "-", "--quiet", "--no-deps", "--format", "pylock.toml", "--no-header"]
        flags = ["--python", python, *index_arguments(environ, offline)]
        result = run_uv([*command, *flags], environ, project_root, stdin=lines)
        if result.returncode == 0:
            found = {entry["name"]: entry for entry in tomllib.loads(result.stdout).get("packages", [])}
            for d in asked:
                entry = found.get(d.name, {})
                known[d.name] = _SOURCE if "sdist" in entry and not entry.get("wheels") else _WHEEL
                write_memo(os.path.join(folder, _question(d)), known[d.name])
    return frozenset(name for name, answer in known.items() if answer == _SOURCE)


def wheel_as_installed(
    distribution: InstalledDistribution, prefix: str, memo_dir: str, sink: ObjectSink
) -> WheelInstall | None:
    """Store the wheel of what is installed; None where that cannot be a wheel.

    It is made once, and found again as long as the installed files do not change.
    """
    folder = os.path.join(memo_dir, "built-wheels", signature_of(distribution))
    try:
        name = wheel_name(distribution.info)
        path = os.path.join(folder, name)
        if not is_wheel_of(name, distribution.name, distribution.version):
            return None
        if not os.path.isfile(path):
            os.makedirs(folder, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder) as temporary:
                made = os.path.join(temporary, name)
                write_wheel(distribution.info, prefix, made)
                os.replace(made, path)
    except NotAWheel:
        return None
    with open(path, "rb") as file:
        sha256 = sha256_of(file)
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        ref = sink.add_descriptor(file.fileno())
    return WheelInstall(distribution.name, distribution.version, name, sha256, ref)


def _question(distribution: InstalledDistribution) -> str:
    text = json.dumps([distribution.name, distribution.version, distribution.tags])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="ascii") as file:
            answer = file.read()
    except (OSError, UnicodeDecodeError):
        return None
    return answer if answer in (_SOURCE, _WHEEL) else None
