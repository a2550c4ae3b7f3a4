"""`conda-lock.yml`, version 1, as conda-lock writes and reads it: pure functions from bytes to packages, and back.

Source: conda-lock's `lockfile/v1/models.py` and `conda-lock-v1.schema.json` (conda-lock 4.0). Its models refuse every
key that they do not know, so what repro has to say beside it stands in `metadata.custom_metadata`, a map of texts.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping

from repro.errors import IntegrityError
from repro.model.canonical import canonical_digest
from repro.model.environments.conda_lock import CondaLock, LockedFile, ProjectFolder
from repro.model.environments.conda_lock_commit import checked_commit_url
from repro.model.environments.conda_lock_shape import by_shape, list_lines, mapping_lines, scalar
from repro.model.environments.conda_url import is_plain_url
from repro.model.pattern import pattern
from repro.model.record import BadRecord, Fields
from repro.model.yaml.strict import BadYaml, load_yaml

HEADER = "# conda-lock.yml, version 1, written by repro: conda-lock and repro read it. Do not edit.\n"
VERSION = 1
_AGAIN = "lock it again: `repro env lock`"

_NAME = pattern(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_WORD = pattern(r"[A-Za-z0-9_.+!~-]+")
_SUBDIR = pattern(r"[a-z0-9]+-[a-z0-9_]+")
_SHA256 = pattern(r"[0-9a-f]{64}")
_MD5 = pattern(r"[0-9a-f]{32}")
_FILE = pattern(r"[A-Za-z0-9_.+!%~-]+\.(?:conda|tar\.bz2)")
_DISTRIBUTION = pattern(r"[A-Za-z0-9_.+!%~-]+\.(?:whl|zip|tgz|tar\.gz|tar\.bz2)")
_VIRTUAL = pattern(r"__[a-z0-9_]+=[^=\s]+(?:=[^=\s]+)?")
_MAX_TEXT = 4096
_PROJECT = "project-install."
_EDITABLE = "--editable "


class BadCondaLock(IntegrityError):
    """A conda-lock.yml is not what one may be, or has a package without a SHA-256."""

    id = "bad-conda-lock"


def lock_of_one(platform: str, packages: tuple[LockedFile, ...], needs: tuple[str, ...], site: str | None) -> bytes:
    """Return the lock that stands for an installed environment: one text for one set of packages.

    What it was asked for, by which file, and for which virtual packages it was solved is not in it.
    """
    channels = sorted({package.channel for package in packages if package.manager == "conda"})
    identity = canonical_digest([[p.manager, p.name, p.sha256] for p in _sorted(packages)])
    lock = CondaLock(
        (platform,),
        tuple((channel, ()) for channel in channels),
        packages,
        {},
        {platform: needs} if needs else {},
        {platform: identity.removeprefix("b3:")},
        {platform: site} if site else {},
    )
    return dump_conda_lock(lock)


def part_of(lock: CondaLock, platform: str) -> bytes:
    """Return what a lock has of one platform, as `lock_of_one` writes it: what is a file, as of a run."""
    files = tuple(package for package in lock.of(platform) if not package.is_commit)
    return lock_of_one(platform, files, lock.needs.get(platform, ()), lock.site_packages.get(platform))


def dump_conda_lock(lock: CondaLock) -> bytes:
    """Return the file's bytes: the same for the same lock, whatever YAML library is installed."""
    custom = {"repro": "1"}
    custom |= {f"virtual-packages.{p}": " ".join(lock.virtual[p]) for p in sorted(lock.virtual)}
    custom |= {f"virtual-needs.{p}": "; ".join(lock.needs[p]) for p in sorted(lock.needs)}
    custom |= {f"site-packages.{p}": lock.site_packages[p] for p in sorted(lock.site_packages)}
    for p in sorted(lock.project):
        custom |= {f"{_PROJECT}{p}.{f.name}": _EDITABLE * f.editable + f.path for f in lock.project[p]}
    lines = [f"version: {VERSION}", "metadata:"]
    lines += mapping_lines("content_hash", sorted(lock.content_hash.items()), "  ")
    lines.append("  channels:" if lock.channels else "  channels: []")
    for url, names in lock.channels:
        lines.append(f"  - url: {scalar(url)}")
        lines += list_lines("used_env_vars", names, "    ")
    lines += list_lines("platforms", sorted(lock.platforms), "  ")
    lines += list_lines("sources", lock.sources, "  ")
    lines += mapping_lines("custom_metadata", custom.items(), "  ")
    lines.append("package:" if lock.packages else "package: []")
    for package in _sorted(lock.packages):
        lines += _package_lines(package)
    return (HEADER + "\n".join(lines) + "\n").encode()


def parse_conda_lock(data: bytes, what: str) -> CondaLock:
    """Read a lock, repro's or conda-lock's.

    Raises:
        BadCondaLock: not YAML, another version, a package without a SHA-256, a URL with a secret in it, or not http,
            https or file.
    """
    found = _as_written(data, what)
    if found is not None:
        return found
    try:
        plain = load_yaml(data, what)
    except BadYaml as error:
        raise BadCondaLock(error.message, _AGAIN) from None
    return _lock(plain, what)


def _as_written(data: bytes, what: str) -> CondaLock | None:
    """Return the lock that is written as these very bytes, None where there is none, or where it is not found."""
    plain = by_shape(data)
    if plain is None:
        return None
    with contextlib.suppress(BadCondaLock):  # the parser says what is wrong
        lock = _lock(plain, what)
        return lock if dump_conda_lock(lock) == data else None
    return None


def _lock(plain: object, what: str) -> CondaLock:
    try:
        fields = Fields(plain, what)
        version = fields.take("version")
        if version != VERSION:
            raise BadCondaLock(f"{what} is of version {version!r}; version {VERSION} is read", "lock it again")
        metadata = fields.fields("metadata")
        custom = _texts(metadata.take("custom_metadata") or {}, what, "custom_metadata")
        packages = _sorted(fields.records("package", _package))
        platforms = tuple(sorted(metadata.texts("platforms")))
        lock = CondaLock(
            platforms=platforms,
            channels=metadata.records("channels", _channel),
            packages=packages,
            virtual={p: _virtual(text, what) for p, text in _by_platform(custom, "virtual-packages.")},
            needs={p: tuple(text.split("; ")) for p, text in _by_platform(custom, "virtual-needs.")},
            content_hash=_texts(metadata.take("content_hash") or {}, what, "content_hash"),
            site_packages=dict(_by_platform(custom, "site-packages.")),
            sources=metadata.texts("sources"),
            project=_project(custom, what),
            written_by_repro="repro" in custom,
        )
    except BadRecord as error:
        raise BadCondaLock(error.message, _AGAIN) from None
    _check_doubles(lock, what)
    return lock


def _sorted(packages: tuple[LockedFile, ...]) -> tuple[LockedFile, ...]:
    return tuple(sorted(packages, key=lambda p: (p.manager, p.name, p.platform)))


def _package_lines(package: LockedFile) -> Iterator[str]:
    yield f"- name: {scalar(package.name)}"
    yield f"  version: {scalar(package.version)}"
    yield f"  manager: {package.manager}"
    yield f"  platform: {scalar(package.platform)}"
    yield from mapping_lines("dependencies", package.dependencies, "  ")
    yield f"  url: {scalar(package.url)}"
    hashes = [("md5", package.md5)] if package.md5 else []
    yield from mapping_lines("hash", [*hashes, ("sha256", package.sha256)], "  ")
    if package.is_commit:  # or conda-lock would take the hash for that of a file
        yield from mapping_lines("source", [("type", "url"), ("url", package.url)], "  ")
    if package.build:
        yield f"  build: {scalar(package.build)}"
    yield "  category: main"
    yield "  optional: false"


def _package(fields: Fields) -> LockedFile:
    name = fields.checked("name", _matching(_NAME, "name of a package"))
    manager = fields.text("manager")
    if manager not in ("conda", "pip"):
        raise fields.bad(f"manager is {manager[:40]!r}, neither conda nor pip")
    url = fields.checked("url", _url(_FILE) if manager == "conda" else _url_of_pip)
    hashes = fields.fields("hash")
    if hashes.take("sha256") is None:
        raise fields.bad(f"{name} has no SHA-256, so it could not be told from another file")
    md5 = hashes.checked("md5", _matching(_MD5, "MD5")) if hashes.take("md5") is not None else None
    build = fields.optional_text("build")
    if manager == "conda" and not build:
        build = re.sub(r"\.(?:conda|tar\.bz2)$", "", url).rpartition("-")[2]
    dependencies = _texts(fields.take("dependencies") or {}, name, "dependencies")
    return LockedFile(
        name=name,
        version=fields.checked("version", _matching(_WORD, "version")),
        manager=manager,
        platform=fields.checked("platform", _matching(_SUBDIR, "platform")),
        url=url,
        sha256=hashes.checked("sha256", _commit_of(url) if url.startswith("git+") else _matching(_SHA256, "SHA-256")),
        md5=md5,
        build=_matching(_WORD, "build")(build) if build else "",
        dependencies=tuple(sorted(dependencies.items())),
    )


def _channel(fields: Fields) -> tuple[str, tuple[str, ...]]:
    return fields.text("url"), fields.texts("used_env_vars")


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if len(text) > _MAX_TEXT or not pattern.fullmatch(text):
            raise ValueError(f"{text[:100]!r} is no {what}")
        return text

    return check


def _url(file_name: re.Pattern[str]) -> Callable[[str], str]:
    def check(text: str) -> str:
        plain = text.partition("#")[0]  # conda-lock leaves the hash of an index page there
        if len(plain) > _MAX_TEXT or not is_plain_url(plain) or not file_name.fullmatch(plain.rpartition("/")[2]):
            raise ValueError("is no URL of a package: http, https or file, without user, password or token")
        return plain

    return check


def _url_of_pip(text: str) -> str:
    return checked_commit_url(text) if text.startswith("git+") else _url(_DISTRIBUTION)(text)


def _commit_of(url: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not url.partition("#")[0].endswith(f"@{text}"):
            raise ValueError(f"{text[:100]!r} is not the commit of the URL")
        return text

    return check


def _project(custom: Mapping[str, str], what: str) -> dict[str, tuple[ProjectFolder, ...]]:
    found: dict[str, list[ProjectFolder]] = {}
    for key, text in _by_platform(custom, _PROJECT):
        platform, _, name = key.partition(".")
        path = text.removeprefix(_EDITABLE)
        if not _NAME.fullmatch(name) or path.startswith(("-", "/")) or ".." in path.split("/"):
            raise BadCondaLock(f"{what}: {text[:100]!r} is no folder of the project", _AGAIN)
        found.setdefault(platform, []).append(ProjectFolder(name, path, text.startswith(_EDITABLE)))
    return {platform: tuple(sorted(folders, key=lambda f: f.name)) for platform, folders in found.items()}


def _texts(value: object, what: str, where: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise BadCondaLock(f"{what}: {where} must be names with texts")
    return value


def _by_platform(custom: Mapping[str, str], prefix: str) -> list[tuple[str, str]]:
    return [(key.removeprefix(prefix), text) for key, text in custom.items() if key.startswith(prefix)]


def _virtual(text: str, what: str) -> tuple[str, ...]:
    words = tuple(text.split())
    for word in words:
        if not _VIRTUAL.fullmatch(word):
            raise BadCondaLock(f"{what}: {word[:60]!r} is no virtual package")
    return words


def _check_doubles(lock: CondaLock, what: str) -> None:
    seen: set[tuple[str, str, str]] = set()
    for package in lock.packages:
        key = (package.manager, package.name, package.platform)
        if key in seen:
            raise BadCondaLock(f"{what} names {package.name} twice for {package.platform}")
        seen.add(key)
