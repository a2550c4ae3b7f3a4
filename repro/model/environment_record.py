"""An environment as it stands in a manifest's recipe."""

from __future__ import annotations

from typing import Any

from repro.errors import CannotProceed
from repro.model.content_record import ref_from_fields, ref_to_plain
from repro.model.environment import Environment, Interpreter, ProjectInstall, VcsInstall, WheelInstall
from repro.model.names import parse_path
from repro.model.record import Fields

KINDS = ("pip",)


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
    python = fields.fields("python")
    lock = fields.optional_fields("lock")
    return Environment(
        kind=kind,
        python=Interpreter(
            python.text("implementation"), python.text("version"), python.text("abi"), python.text("platform")
        ),
        packages=tuple(sorted(fields.text_map("packages").items())),
        lock=ref_from_fields(lock) if lock else None,
        project=fields.records("project", _project_from_fields),
        vcs=fields.records("vcs", _vcs_from_fields),
        wheels=fields.records("wheels", _wheel_from_fields),
        unlocked=fields.texts("unlocked"),
    )


def _vcs_to_plain(install: VcsInstall) -> dict[str, Any]:
    plain = {"name": install.name, "version": install.version, "vcs": install.vcs}
    plain |= {"url": install.url, "commit": install.commit}
    return plain | ({"subdirectory": install.subdirectory} if install.subdirectory else {})


def _project_from_fields(fields: Fields) -> ProjectInstall:
    path = fields.text("path")
    if path != ".":
        fields.checked("path", parse_path)
    return ProjectInstall(fields.text("name"), fields.text("version"), path, fields.boolean("editable"))


def _vcs_from_fields(fields: Fields) -> VcsInstall:
    return VcsInstall(
        fields.text("name"),
        fields.text("version"),
        fields.text("vcs"),
        fields.text("url"),
        fields.text("commit"),
        fields.optional_text("subdirectory"),
    )


def _wheel_from_fields(fields: Fields) -> WheelInstall:
    file = fields.text("file")
    if "/" in file or not file.endswith(".whl"):
        raise fields.bad(f"file is {file!r}, not the name of a wheel")
    return WheelInstall(
        fields.text("name"),
        fields.text("version"),
        file,
        fields.text("sha256"),
        ref_from_fields(fields.fields("object")),
    )
