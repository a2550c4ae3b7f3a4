"""The `pip:` part of an environment.yml, pinned: files by their hash, git by the commit, own folders as code."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from repro.env.conda.pip_constraints import contradicted
from repro.env.conda.pip_files import NoWheel, PipQuestion, PipTarget, best_file, locked_file, resolve
from repro.env.pip.installed import without_credentials
from repro.errors import UsageError
from repro.model.dataclass import dataclass, replace
from repro.model.environments.conda_lock import LockedFile, ProjectFolder
from repro.model.environments.conda_lock_commit import checked_commit_url, commit_url
from repro.model.environments.conda_url import hide_secrets
from repro.model.environments.wheel_tags import tags_for
from repro.model.names import check_path, name_to_text
from repro.model.pattern import pattern

_EDITABLE = pattern(r"(?:-e|--editable)(?:\s+|=)(.+)")
_HASH = pattern(r"\s+--hash(?:=|\s+)sha256:([0-9a-f]{64})(?=\s|$)")
_OTHER_VCS = pattern(r"(?:.*@\s*)?(?:hg|svn|bzr)\+")
_NAME = pattern(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_UNNAMED = pattern(r"git\+|[a-z]+://|\.{0,2}/|\.{1,2}(?:\[|$)|[^\s@]+\.(?:whl|zip|tar\.gz)$", re.IGNORECASE)


class BadPipPart(UsageError):
    """The `pip:` part of an environment.yml asks for what no lock can hold, or for what conda has already."""

    id = "bad-pip-part"


class ConstraintNotMet(BadPipPart):
    """A constraint holds for something that pip needs, and conda installs it otherwise. `line` is the constraint."""

    def __init__(self, line: str, name: str, version: str) -> None:
        """Take the constraint, and what conda installs."""
        super().__init__(
            f"{line!r} constrains what pip may use, and conda installs {name} {version}",
            "ask conda for a version that the constraint allows, or change the constraint",
        )
        self.line = line


@dataclass(frozen=True, slots=True)
class PipPart:
    """What pip has to add, pinned; both sorted by name."""

    packages: tuple[LockedFile, ...] = ()
    project: tuple[ProjectFolder, ...] = ()


def pin_pip_part(question: PipQuestion, target: PipTarget, provided: Mapping[str, str], root: str) -> PipPart:
    """Pin what an environment.yml asks of pip.

    Wheels are preferred; only where there is no solution of wheels alone, or where something is asked for that is no
    file of an index, packages may be built by the Python that repro runs on, to learn what they need.

    Args:
        question: what is asked for, as it is written.
        target: what it is to fit.
        provided: normalised names of what conda installs, with versions.
        root: the project's, an absolute path.

    Raises:
        BadPipPart: something is asked for that no lock can hold, or that conda contradicts.
        ConstraintNotMet: conda contradicts a constraint of something that pip needs.
        NoWheel: there is no solution, or a package has no file for the platform.
        IndexUnreachable, EnvironmentOffline and their siblings: an index or a git host cannot be asked.
    """
    hashes = _hashes(question.requirements)
    taken = {text: as_uv_takes_it(text, provided) for text in question.requirements}
    lines = [line for line in taken.values() if line is not None]
    asked = replace(question, requirements=lines, provided=tuple(provided))
    unnamed = [line for line in lines if line.startswith("-e ") or _UNNAMED.match(line)]
    build = bool(unnamed) or any(" @ " in line for line in lines)
    packages = _resolve(asked, target, build=build) if lines else []
    by_conda = [text for text, line in taken.items() if line is None]
    _check_constraints(asked, by_conda, target, provided, build=build)
    if not lines:
        return PipPart()
    elsewhere = [package for package in packages if package.keys() & {"vcs", "archive", "directory"}]
    if len(elsewhere) < len([line for line in unnamed if ";" not in line]):
        raise BadPipPart(
            f"`pip:` asks for {', '.join(unnamed)}, and conda installs a package of that name already",
            "ask for it in one place",
        )
    folders = [_folder(package, question.cwd, root) for package in packages if "directory" in package]
    tags = tags_for(target.platform, target.python, target.virtual, target.free_threaded)
    allowed = [_only(package, hashes) for package in packages if "directory" not in package]
    pinned = [_pinned(package, target, tags, question.cwd) for package in allowed]
    return PipPart(
        tuple(sorted(pinned, key=lambda one: one.name)),
        tuple(sorted(folders, key=lambda folder: folder.name)),
    )


def _check_constraints(
    asked: PipQuestion, by_conda: Sequence[str], target: PipTarget, provided: Mapping[str, str], *, build: bool
) -> None:
    """Compare what conda installs with the constraints of what pip needs; as with pip, others say nothing.

    Args:
        asked: what is looked for, without what conda installs.
        by_conda: requirements that conda meets.
        target, provided: as of `pin_pip_part`.
        build: whether packages may be built to learn what they need.

    Raises:
        ConstraintNotMet: there is one.
    """
    against = contradicted(asked.constraints, provided, target)
    if not against:
        return
    from packaging.utils import canonicalize_name

    needed = {str(canonicalize_name(found[0])) for text in by_conda if (found := _NAME.match(text))}
    if asked.requirements and not needed.intersection(against):
        others = [line for line in asked.constraints if line not in against.values()]
        left = tuple(name for name in provided if name not in against)
        try:
            packages = _resolve(replace(asked, provided=left, constraints=others), target, build=build)
        except NoWheel:  # it was found without these: pip needs one of them, and the index does not have it
            needed.update(against)
        else:
            needed.update(package["name"] for package in packages)
    for name in sorted(needed.intersection(against)):
        raise ConstraintNotMet(against[name], name, provided[name])


def without_hashes(text: str) -> str:
    """Return a line of a requirements file without its `--hash=sha256:…`."""
    return _HASH.sub("", text).strip()


def _hashes(texts: Sequence[str]) -> dict[str, set[str]]:
    """Return the hashes that lines give, by the normalised name of what they ask for."""
    from packaging.utils import canonicalize_name

    named = ((_NAME.match(text), _HASH.findall(text)) for text in texts)
    return {canonicalize_name(name[0]): set(found) for name, found in named if name and found}


def _only(package: dict[str, Any], hashes: Mapping[str, set[str]]) -> dict[str, Any]:
    """Return a package with those of its files alone that have one of the hashes that were given for it.

    Raises:
        BadPipPart: no file has one.
    """
    allowed = hashes.get(package["name"])
    if allowed is None:
        return package

    def has(file: Mapping[str, Any]) -> bool:
        return file.get("hashes", {}).get("sha256") in allowed

    kept = {key: file for key in ("sdist", "archive") if (file := package.get(key)) and has(file)}
    wheels = [wheel for wheel in package.get("wheels", ()) if has(wheel)]
    if not kept and not wheels:
        raise BadPipPart(
            f"no file of {package['name']} {package.get('version', '')} has a hash that `--hash` allows",
            "take the hashes from an index that you trust, or leave them out: the lock has its own",
        )
    others = {key: value for key, value in package.items() if key not in ("sdist", "archive", "wheels")}
    return {**others, **kept, "wheels": wheels}


def _resolve(question: PipQuestion, target: PipTarget, *, build: bool) -> list[dict[str, Any]]:
    if not build:
        try:
            return resolve(question, target, build=False)
        except NoWheel:
            pass  # perhaps the index has the source of what is missing
    return resolve(question, target, build=True)


def as_uv_takes_it(text: str, provided: Mapping[str, str]) -> str | None:
    """Return a requirement as uv takes it; None where conda has it already.

    Raises:
        BadPipPart: conda has it in a version that will not do; or nothing can be locked by it.
    """
    text = without_hashes(text)
    editable = _EDITABLE.fullmatch(text)
    if editable:
        what = editable.group(1).strip()
        return what if what.startswith("git+") else f"-e {what}"  # a commit is not edited
    if text.startswith("-"):
        raise BadPipPart(
            f"`pip:` has {hide_secrets(text)!r}, an option of pip",
            "an index is named by UV_INDEX=URL or in uv.toml",
        )
    if _OTHER_VCS.match(text):
        raise BadPipPart(
            f"`pip:` has {hide_secrets(text)!r}: of version control, git alone can be locked", "build a wheel of it"
        )
    return text if _UNNAMED.match(text) or not _is_provided(text, provided) else None


def _is_provided(text: str, provided: Mapping[str, str]) -> bool:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).partition("\n")[0]
        raise BadPipPart(
            f"`pip:` has {hide_secrets(text)!r}, which is no requirement: {hide_secrets(reason)}",
            "for example `numpy >=2`, `./libs/own`, `git+https://…`",
        ) from None
    version = provided.get(canonicalize_name(requirement.name))
    if version is None:
        return False
    if requirement.url or not requirement.specifier.contains(version, prereleases=True):
        raise BadPipPart(
            f"`pip:` asks for {text}, and conda installs {requirement.name} {version} already",
            "ask conda for the version that is needed, or leave it to pip alone",
        )
    return True


def _pinned(package: Mapping[str, Any], target: PipTarget, tags: Sequence[Any], cwd: str) -> LockedFile:
    if "vcs" in package:
        return _commit(package, target)
    archive = package.get("archive")
    files = [archive] if archive else package.get("wheels", [])
    found = best_file(package, target, tags, cwd, files)
    if found is not None:
        return found
    source: Mapping[str, Any] = archive or package.get("sdist") or {}
    name = str(source.get("url") or source.get("path") or "")
    if not name or name.endswith(".whl") or source.get("subdirectory"):
        raise NoWheel(
            f"{package['name']} {package.get('version', '')} has no file for {target.platform} with Python "
            f"{target.python}",
            "build one and put it on an index (UV_FIND_LINKS=DIR), or take the package from conda",
        )
    return locked_file(package, source, target, cwd)


def _commit(package: Mapping[str, Any], target: PipTarget) -> LockedFile:
    vcs = package["vcs"]
    try:
        url = commit_url(without_credentials(vcs["url"]), vcs["commit-id"], vcs.get("subdirectory"))
        checked_commit_url(url)
    except (ValueError, KeyError) as error:
        raise BadPipPart(f"{package['name']} cannot be locked by its commit: {error}") from None
    return LockedFile(package["name"], package.get("version") or "0", "pip", target.platform, url, vcs["commit-id"])


def _folder(package: Mapping[str, Any], cwd: str, root: str) -> ProjectFolder:
    directory = package["directory"]
    inside, folder = os.path.realpath(root), os.path.realpath(os.path.join(cwd, directory["path"]))
    if folder != inside and not folder.startswith(inside + os.sep):
        raise BadPipPart(
            f"`pip:` has the folder {directory['path']}, which is outside the project and of no commit",
            "commit and push it, and ask for it by git+https://…@REVISION",
        )
    path = "." if folder == inside else name_to_text(check_path(os.fsencode(os.path.relpath(folder, inside))))
    return ProjectFolder(package["name"], path, bool(directory.get("editable")))
