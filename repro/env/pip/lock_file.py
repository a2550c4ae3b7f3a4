"""The lock of kind `pip`: hashed requirements, one canonical text for one set of packages.

Specified in `docs/reference/format.md`. `pip install --require-hashes -r` and `uv pip sync --require-hashes` read it
without repro. It comes from elsewhere when a run is rebuilt, so reading it is strict: a requirements file may name
other files, options and variables, a lock may not.
"""

from __future__ import annotations

from repro.errors import IntegrityError
from repro.model.dataclass import dataclass
from repro.model.pattern import pattern

HEADER = "# repro pip lock 1"

_NAME = pattern(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_VERSION = pattern(r"[A-Za-z0-9](?:[A-Za-z0-9.!+_-]*[A-Za-z0-9])?")
_RELEASE = pattern(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*")  # of PEP 440: there is no other way to write it
_URL = pattern(r"https://[A-Za-z0-9._~:/?@!&'()*+,;=%\[\]-]+")
_SHA256 = pattern(r"[0-9a-f]{64}")
_HASH_PREFIX = "    --hash=sha256:"
_NEWER = pattern(r"# repro pip lock (\d+)")


class BadLock(IntegrityError):
    """A lock that is not what a lock may be."""

    id = "bad-lock"


@dataclass(frozen=True, slots=True)
class LockedPackage:
    """One package of a lock.

    Attributes:
        name: normalised.
        version: of a package that an index serves; None for an archive at `url`.
        url: https, without credentials; None for a package that an index serves.
        hashes: SHA-256 of every file that may be installed, 64 lower-case hex digits each.
    """

    name: str
    version: str | None
    url: str | None
    hashes: tuple[str, ...]

    @property
    def requirement(self) -> str:
        """`name==version` or `name @ url`."""
        return f"{self.name} @ {self.url}" if self.url is not None else f"{self.name}=={self.version}"


def lock_text(packages: tuple[LockedPackage, ...]) -> str:
    """Return the one text of these packages: sorted by name, hashes sorted, LF at each end."""
    lines = [HEADER]
    for package in sorted(packages, key=lambda p: p.name):
        hashes = sorted(set(package.hashes))
        lines.append(f"{package.requirement} \\")
        lines += [f"{_HASH_PREFIX}{digest} \\" for digest in hashes[:-1]]
        lines.append(f"{_HASH_PREFIX}{hashes[-1]}")
    return "\n".join(lines) + "\n"


def parse_lock(data: bytes) -> tuple[LockedPackage, ...]:
    """Return the packages of a lock.

    Raises:
        BadLock: anything but the canonical text: an option, a path, a package without a hash, a wrong order.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadLock("the lock is not UTF-8") from None
    header, _, body = text.partition("\n")
    if header != HEADER:
        newer = _NEWER.fullmatch(header)
        raise BadLock(
            f"the lock begins with {header[:60]!r}, not with {HEADER!r}",
            "install a newer repro" if newer else None,
        )
    # One logical line a package, as pip joins them.
    lines = body.replace(" \\\n", " ").splitlines()
    packages = tuple(_parse_line(line) for line in lines)
    if lock_text(packages) != text:
        raise BadLock("the lock is not written in the one canonical way: order, doubles or white space")
    names = [package.name for package in packages]
    if len(set(names)) != len(names):
        raise BadLock("the lock names a package twice")
    return packages


def canonical_version(version: str) -> str:
    """Return a version as PEP 440 normalises it, as indexes and uv write it; what is no version comes back as it is."""
    if _RELEASE.fullmatch(version):
        return version
    from packaging.version import InvalidVersion, Version

    try:
        return str(Version(version))
    except InvalidVersion:
        return version


def is_lockable_version(version: str) -> bool:
    """Whether a version is one (PEP 440), and can stand in a lock."""
    if _RELEASE.fullmatch(version):
        return True
    from packaging.version import InvalidVersion, Version

    try:
        return str(Version(version)) == version and _VERSION.fullmatch(version) is not None
    except InvalidVersion:
        return False


def is_lockable_url(url: str) -> bool:
    """Whether a URL can stand in a lock: https, without credentials, variables or fragments."""
    if not _URL.fullmatch(url):
        return False
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and parts.username is None and parts.password is None


def _parse_line(line: str) -> LockedPackage:
    shown = line[:80]
    requirement, *options = line.split(_HASH_PREFIX.replace("    ", "     "))
    if not options or not all(_SHA256.fullmatch(digest.strip(" ")) for digest in options):
        raise BadLock(f"the lock's line {shown!r} is not a package with sha256 hashes")
    hashes = tuple(digest.strip(" ") for digest in options)
    name, separator, url = requirement.partition(" @ ")
    if separator and _NAME.fullmatch(name) and is_lockable_url(url):
        return LockedPackage(name, None, url, hashes)
    name, separator, version = requirement.partition("==")
    if separator and _NAME.fullmatch(name) and is_lockable_version(version):
        return LockedPackage(name, version, None, hashes)
    raise BadLock(f"the lock's line {shown!r} is neither name==version nor name @ https://…")
