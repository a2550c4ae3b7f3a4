"""The project's own conda files: `environment.yml`, and the `conda-lock.yml` that is made from it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from repro.env.conda.channels import Channel, NoChannelSecret, open_channel
from repro.env.conda.file_names import find_lock, find_wish
from repro.env.conda.requirements_files import NoRequirementsFile, with_requirements_files
from repro.errors import CannotProceed
from repro.model.dataclass import replace
from repro.model.environments.conda_environment_yml import BadEnvironmentYml, CondaWish, parse_environment_yml
from repro.model.environments.conda_lock import CondaLock, LockedFile
from repro.model.environments.conda_lock_file import BadCondaLock, parse_conda_lock
from repro.model.environments.environment_settings import EnvironmentSettings
from repro.model.finding import Finding

if TYPE_CHECKING:  # a lock that is made knows neither
    from repro.env.kinds import LockRequest
    from repro.model.environments.environment import CondaEnvironment


class NoCondaFile(CannotProceed):
    """A file that settings name is not there, or what stands under a file's name is none."""

    id = "no-conda-file"


def read_wish(root: str, name: str, settings: EnvironmentSettings) -> CondaWish:
    """Read an environment.yml; channels and platforms of the settings take the place of its own.

    Raises:
        BadEnvironmentYml: it means nothing, and where.
        NoCondaFile, NoRequirementsFile: it is not there, or a requirements file that it names.
    """
    wish = with_requirements_files(parse_environment_yml(_read(root, name), name), root, name)
    return replace(wish, channels=settings.channels or wish.channels, platforms=settings.platforms or wish.platforms)


def read_lock(root: str, name: str) -> CondaLock:
    """Read a conda-lock.yml.

    Raises:
        BadCondaLock: it is none.
        NoCondaFile: it is not there.
    """
    return parse_conda_lock(_read(root, name), name)


def _read(root: str, name: str) -> bytes:
    try:
        with open(os.path.join(root, name), "rb") as file:
            return file.read()
    except IsADirectoryError:
        raise is_a_directory(name) from None
    except FileNotFoundError:
        raise NoCondaFile(f"{name} is not there", "correct environment.file in repro.yaml") from None


def is_a_directory(name: str) -> NoCondaFile:
    """Return the error that says of a file's name that a directory has it."""
    return NoCondaFile(
        f"{name} is a directory",
        "give it another name; `environment.file` in repro.yaml names an environment.yml or a lock of another name",
    )


def known_channels(
    root: str, settings: EnvironmentSettings, lock: CondaLock | None, environ: Mapping[str, str]
) -> tuple[Channel, ...]:
    """Return the channels whose credentials the project's files tell, as far as their variables are set."""
    named = [url for url, _ in lock.channels] if lock is not None else []
    wish = find_wish(root, settings)
    if wish is not None and os.path.isfile(os.path.join(root, wish)):
        named += settings.channels or parse_environment_yml(_read(root, wish), wish).channels
    found: dict[str, Channel] = {}
    for text in named:
        try:
            channel = open_channel(text, environ)
        except NoChannelSecret:
            continue  # it may be had from the cache, or from an archive; else the channel's refusal is told
        if channel.secret != channel.url:
            found[channel.url] = channel
    return tuple(found.values())


def drift_findings(
    packages: Sequence[LockedFile], platform: str, environment: CondaEnvironment, request: LockRequest
) -> Iterator[Finding]:
    """Yield a finding for each package that is not as the project's lock says, and one for a lock out of date."""
    root, settings = request.project_root, request.settings
    name = find_lock(root, settings)
    if name is None:
        return
    try:
        lock = read_lock(root, name)
    except BadCondaLock as error:
        yield Finding("unreadable-lock", error.message, path=name, hint="`repro env lock` writes it anew")
        return
    except NoCondaFile as error:
        yield Finding("unreadable-lock", error.message, path=name, hint=error.hint)
        return
    yield from _outdated(lock, name, platform, request)
    if platform not in lock.platforms:
        detail = f"{name} is for {', '.join(lock.platforms)}, this machine is {platform}"
        yield Finding("environment-drift", detail, path=name, hint=f"repro env lock --platform {platform}")
        return
    hint = "`repro env create` makes what is locked; `repro env lock` locks anew"
    for difference in _differences(lock, platform, packages, environment, name):
        yield Finding("environment-drift", difference, path=name, hint=hint)


def _differences(
    lock: CondaLock, platform: str, packages: Sequence[LockedFile], environment: CondaEnvironment, name: str
) -> Iterator[str]:
    built = {p.name: p for p in lock.of(platform) if p.is_built}
    wanted = {(p.manager, p.name): p for p in lock.of(platform) if p.name not in built}
    here = {(p.manager, p.name): p for p in packages if p.name not in built}
    unlocked = set(environment.unlocked)
    for key in sorted(wanted.keys() | here.keys()):
        difference = _difference(wanted.get(key), here.get(key), name)
        if difference and key[1] not in unlocked:
            yield difference
    yield from (text for p in built.values() if p.name not in unlocked and (text := _of_built(p, environment, name)))
    own = {(install.name, install.path) for install in environment.project}
    for folder in lock.project.get(platform, ()):
        if (folder.name, folder.path) not in own:
            yield f"{folder.name} not installed from the project's folder {folder.path}, {name} has it"


def _of_built(wanted: LockedFile, environment: CondaEnvironment, lock: str) -> str | None:
    """Say how what was built differs: a commit by its id, what a source became by its version."""
    commit = next((v.commit for v in environment.vcs if v.name == wanted.name), None)
    if wanted.is_commit and commit is not None:
        here, there = f"at commit {commit[:12]}", f"at commit {wanted.sha256[:12]}"
        return None if commit == wanted.sha256 else f"{wanted.name} {here} installed, {lock} has it {there}"
    version = dict(environment.pip).get(wanted.name)
    if version is None or wanted.is_commit:
        return f"{wanted.name} not installed, {lock} has {wanted.url.partition('#')[0].rpartition('/')[2]}"
    if wanted.version in ("0", version):  # an archive may not say its version
        return None
    return f"{wanted.name} {version} installed, {lock} has {wanted.version}"


def _difference(wanted: LockedFile | None, here: LockedFile | None, lock: str) -> str | None:
    if here is None and wanted is not None:
        return f"{wanted.name} not installed, {lock} has {_shown(wanted)}"
    if wanted is None and here is not None:
        return f"{here.name} {_shown(here)} installed, {lock} does not have it"
    if wanted is None or here is None or wanted.sha256 == here.sha256:
        return None
    if _shown(wanted) == _shown(here):
        return f"{here.name} {_shown(here)} is another file than {lock} has"
    return f"{here.name} {_shown(here)} installed, {lock} has {_shown(wanted)}"


def _shown(package: LockedFile) -> str:
    return f"{package.version} {package.build}".strip()


def _outdated(lock: CondaLock, name: str, platform: str, request: LockRequest) -> Iterator[Finding]:
    """Say that the environment.yml has changed since, where both are repro's to compare."""
    from repro.env.conda.lock_maker import channels_of, wish_digest

    wish_name = find_wish(request.project_root, request.settings)
    if wish_name is None or wish_name not in lock.sources or platform not in lock.content_hash:
        return
    try:
        wish = read_wish(request.project_root, wish_name, request.settings)
        digest = wish_digest(wish, channels_of(wish, request.environ), platform)
    except (BadEnvironmentYml, NoCondaFile, NoRequirementsFile, NoChannelSecret) as error:
        yield Finding("unreadable-lock", error.message, path=wish_name, hint=error.hint)
        return
    if lock.written_by_repro and digest != lock.content_hash[platform]:
        sources = " or ".join(dict.fromkeys((wish_name, *wish.files)))
        detail = f"{sources} has changed since {name} was made from it"
        yield Finding("environment-drift", detail, path=name, hint="repro env lock")
