"""An environment as it stands in a manifest's recipe."""

from __future__ import annotations

import re
from typing import Any

from repro.errors import CannotProceed
from repro.model.content_record import ref_from_fields, ref_to_plain
from repro.model.distribution_names import (
    distribution_name,
    folder_in_repository,
    git_commit,
    git_url,
    platform_word,
    python_version,
    sha256_digits,
    version_text,
)
from repro.model.environment import Environment, Interpreter, ProjectInstall, VcsInstall, WheelInstall
from repro.model.names import parse_path
from repro.model.record import Fields

KINDS = ("pip",)
_WHEEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+!-]{0,250}\.whl")


class UnknownEnvironmentKind(CannotProceed):
    """A record names a kind of environment that this repro does not know."""

    id = "unknown-environment-kind"


def environment_to_plain(environment: Environment) -> dict[str, Any]:
    """Return the environment as plain values; empty lists are left out."""
    python = environment.python
    plain: dict[str, Any] = {
        "kind": environment.kind,
        "python": {
            "implementation": python.implementation,
            "version": python.version,
            "abi": python.abi,
            "platform": python.platform,
        },
    }
    if environment.lock:
        plain["lock"] = ref_to_plain(environment.lock)
    if environment.project:
        plain["project"] = [
            {"name": p.name, "version": p.version, "path": p.path, "editable": p.editable} for p in environment.project
        ]
    if environment.vcs:
        plain["vcs"] = [_vcs_to_plain(v) for v in environment.vcs]
    if environment.wheels:
        plain["wheels"] = [
            {"name": w.name, "version": w.version, "file": w.file, "sha256": w.sha256, "object": ref_to_plain(w.object)}
            for w in environment.wheels
        ]
    if environment.unlocked:
        plain["unlocked"] = list(environment.unlocked)
    plain["packages"] = dict(environment.packages)
    return plain


def environment_from_fields(fields: Fields) -> Environment:
    """Read an environment.

    Raises:
        BadRecord: a field is missing or impossible.
        UnknownEnvironmentKind: a kind that this repro does not know.
    """
    kind = fields.text("kind")
    if kind not in KINDS:
        raise UnknownEnvironmentKind(
            f"the environment is of kind {kind!r}; this repro knows {', '.join(KINDS)}", "install a newer repro"
        )
    lock = fields.optional_fields("lock")
    return Environment(
        kind=kind,
        python=_interpreter(fields.fields("python")),
        packages=tuple(sorted(fields.text_map("packages").items())),
        lock=ref_from_fields(lock) if lock else None,
        project=fields.records("project", _project_from_fields),
        vcs=fields.records("vcs", _vcs_from_fields),
        wheels=fields.records("wheels", _wheel_from_fields),
        unlocked=fields.texts("unlocked"),
    )


def _interpreter(fields: Fields) -> Interpreter:
    return Interpreter(
        implementation=fields.checked("implementation", platform_word),
        version=fields.checked("version", python_version),
        abi=fields.checked("abi", platform_word),
        platform=fields.checked("platform", platform_word),
    )


def _vcs_to_plain(install: VcsInstall) -> dict[str, Any]:
    plain = {"name": install.name, "version": install.version, "vcs": install.vcs}
    plain |= {"url": install.url, "commit": install.commit}
    return plain | ({"subdirectory": install.subdirectory} if install.subdirectory else {})


def _project_from_fields(fields: Fields) -> ProjectInstall:
    path = fields.text("path")
    if path != ".":
        fields.checked("path", parse_path)
    return ProjectInstall(*_name_and_version(fields), path, fields.boolean("editable"))


def _vcs_from_fields(fields: Fields) -> VcsInstall:
    vcs = fields.text("vcs")
    if vcs != "git":
        raise fields.bad(f"vcs is {vcs[:40]!r}; only git is known")
    folder = fields.optional_text("subdirectory")
    return VcsInstall(
        *_name_and_version(fields),
        vcs,
        fields.checked("url", git_url),
        fields.checked("commit", git_commit),
        fields.checked("subdirectory", folder_in_repository) if folder is not None else None,
    )


def _wheel_from_fields(fields: Fields) -> WheelInstall:
    file = fields.text("file")
    if not _WHEEL.fullmatch(file):
        raise fields.bad(f"file is {file[:100]!r}, not the name of a wheel")
    return WheelInstall(
        *_name_and_version(fields),
        file,
        fields.checked("sha256", sha256_digits),
        ref_from_fields(fields.fields("object")),
    )


def _name_and_version(fields: Fields) -> tuple[str, str]:
    return fields.checked("name", distribution_name), fields.checked("version", version_text)
