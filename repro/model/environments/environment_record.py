"""An environment as it stands in a manifest's recipe."""

from __future__ import annotations

from typing import Any

from repro.errors import CannotProceed
from repro.model.canonical import canonical_digest
from repro.model.data.content_record import ref_from_fields, ref_to_plain
from repro.model.digest import Digest, parse_digest
from repro.model.environments.distribution_names import (
    distribution_name,
    folder_in_repository,
    git_commit,
    git_url,
    image_platform,
    image_reference,
    platform_word,
    python_version,
    sha256_digits,
    version_text,
)
from repro.model.environments.environment import (
    BuiltFrom,
    CondaEnvironment,
    Environment,
    ImageEnvironment,
    Interpreter,
    PipEnvironment,
    ProjectInstall,
    VcsInstall,
    WheelInstall,
)
from repro.model.names import parse_path
from repro.model.pattern import pattern
from repro.model.record import Fields

KINDS = ("pip", "conda", "image")
_WHEEL = pattern(r"[A-Za-z0-9_][A-Za-z0-9._+!-]{0,250}\.whl")


class UnknownEnvironmentKind(CannotProceed):
    """A record names a kind of environment that this repro does not know."""

    id = "unknown-environment-kind"


def environment_to_plain(environment: Environment) -> dict[str, Any]:
    """Return the environment as plain values; empty lists and mappings are left out."""
    match environment:
        case PipEnvironment():
            return _pip_to_plain(environment)
        case CondaEnvironment():
            return _conda_to_plain(environment)
        case ImageEnvironment():
            return _image_to_plain(environment)


def environment_from_fields(fields: Fields) -> Environment:
    """Read an environment.

    Raises:
        BadRecord: a field is missing or impossible.
        UnknownEnvironmentKind: a kind that this repro does not know.
    """
    kind = fields.text("kind")
    match kind:
        case "pip":
            return _pip_from_fields(fields)
        case "conda":
            return _conda_from_fields(fields)
        case "image":
            return _image_from_fields(fields)
    raise UnknownEnvironmentKind(
        f"the environment is of kind {kind[:40]!r}; this repro knows {', '.join(KINDS)}", "install a newer repro"
    )


def environment_id(environment: Environment) -> Digest:
    """Return the digest of an environment's canonical JSON: what an archive of it is found by."""
    return canonical_digest(environment_to_plain(environment))


def _pip_to_plain(environment: PipEnvironment) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": environment.kind, "python": _interpreter_to_plain(environment.python)}
    if environment.lock:
        plain["lock"] = ref_to_plain(environment.lock)
    plain |= _installs_to_plain(environment)
    plain["packages"] = dict(environment.packages)
    return plain


def _pip_from_fields(fields: Fields) -> PipEnvironment:
    lock = fields.optional_fields("lock")
    return PipEnvironment(
        python=_interpreter(fields.fields("python")),
        packages=_pairs(fields, "packages"),
        lock=ref_from_fields(lock) if lock else None,
        project=fields.records("project", _project_from_fields),
        vcs=fields.records("vcs", _vcs_from_fields),
        wheels=fields.records("wheels", _wheel_from_fields),
        unlocked=fields.texts("unlocked"),
    )


def _conda_to_plain(environment: CondaEnvironment) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": environment.kind, "platform": environment.platform}
    if environment.python:
        plain["python"] = _interpreter_to_plain(environment.python)
    plain["lock"] = ref_to_plain(environment.lock)
    if environment.virtual:
        plain["virtual"] = dict(environment.virtual)
    plain |= _installs_to_plain(environment)
    plain["packages"] = dict(environment.packages)
    return plain | ({"pip": dict(environment.pip)} if environment.pip else {})


def _conda_from_fields(fields: Fields) -> CondaEnvironment:
    python = fields.optional_fields("python")
    return CondaEnvironment(
        platform=fields.checked("platform", platform_word),
        lock=ref_from_fields(fields.fields("lock")),
        packages=_pairs(fields, "packages"),
        pip=_pairs(fields, "pip"),
        virtual=_pairs(fields, "virtual"),
        python=_interpreter(python) if python else None,
        project=fields.records("project", _project_from_fields),
        vcs=fields.records("vcs", _vcs_from_fields),
        wheels=fields.records("wheels", _wheel_from_fields),
        unlocked=fields.texts("unlocked"),
    )


def _image_to_plain(environment: ImageEnvironment) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": environment.kind, "image": environment.image, "platform": environment.platform}
    if environment.references:
        plain["references"] = list(environment.references)
    if environment.built_from:
        built = environment.built_from
        plain["built_from"] = {"file": ref_to_plain(built.file)}
        plain["built_from"] |= {"context": built.context} if built.context else {}
        plain["built_from"] |= {"bases": dict(built.bases)} if built.bases else {}
        plain["built_from"] |= {"arguments": dict(built.arguments)} if built.arguments else {}
        plain["built_from"] |= {"target": built.target} if built.target else {}
    if environment.unlocked:
        plain["unlocked"] = list(environment.unlocked)
    return plain | ({"packages": dict(environment.packages)} if environment.packages else {})


def _image_from_fields(fields: Fields) -> ImageEnvironment:
    built = fields.optional_fields("built_from")
    return ImageEnvironment(
        image=fields.checked("image", sha256_digits),
        platform=fields.checked("platform", image_platform),
        references=fields.checked_texts("references", image_reference),
        built_from=_built_from_fields(built) if built else None,
        packages=_pairs(fields, "packages"),
        unlocked=fields.texts("unlocked"),
    )


def _built_from_fields(fields: Fields) -> BuiltFrom:
    context = fields.optional_text("context")
    return BuiltFrom(
        ref_from_fields(fields.fields("file")),
        _pairs(fields, "bases"),
        _pairs(fields, "arguments"),
        fields.checked("context", parse_digest) if context is not None else None,
        fields.optional_text("target"),
    )


def _pairs(fields: Fields, key: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(fields.text_map(key).items()))


def _interpreter_to_plain(python: Interpreter) -> dict[str, str]:
    return {
        "implementation": python.implementation,
        "version": python.version,
        "abi": python.abi,
        "platform": python.platform,
    }


def _installs_to_plain(environment: PipEnvironment | CondaEnvironment) -> dict[str, Any]:
    """Return what no index and no channel serves, and what could not be pinned."""
    plain: dict[str, Any] = {}
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
    return plain


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
