"""What the command of a rebuild is shown of the machine: which paths, where, and whether it may write there.

Pure: paths are compared as bytes, nothing is looked up. The tables of what a machine contributes stand in
`repro.model.watching.sandbox_rules`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from repro.model.dataclass import dataclass
from repro.model.pattern import pattern
from repro.model.watching.sandbox_kind import SandboxKind
from repro.model.watching.sandbox_rules import TAKEN

_NAME = pattern(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,62}")  # neither `:` nor a new line: it comes to stand in /etc/passwd
_MAX_ID = 2**32 - 2  # -1 is no user


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or directory of this machine, `source`, and where the command sees it. Both are absolute."""

    source: bytes
    target: bytes
    writable: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """All that the command sees beyond the system's own directories.

    Attributes:
        root: the project's root as the command sees it.
        home: its HOME.
        prefix: the environment's prefix as the command sees it; None without one.
        mounts: parents before children.
    """

    root: bytes
    home: bytes
    prefix: bytes | None
    mounts: tuple[Mount, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the command takes itself for, and where: `host` and `user` are names."""

    host: str
    user: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Guarantee:
    """In what a command ran, and in words what that could not keep from it or give to it."""

    kind: SandboxKind
    not_guaranteed: tuple[str, ...] = ()


def account_of(host: str, user: str, uid: int, gid: int) -> Account:
    """Return an account that a system can be told of: names that are none are replaced by `localhost` and `user`."""
    return Account(
        host if _NAME.fullmatch(host) else "localhost",
        user if _NAME.fullmatch(user) else "user",
        min(uid, _MAX_ID),
        min(gid, _MAX_ID),
    )


def is_usable(path: bytes) -> bool:
    """Whether something may be put at a recorded path: absolute, plain, and not in the way of the system's own."""
    parts = path.split(b"/")
    if not path.startswith(b"/") or len(path) > 4000 or b"\0" in path or path == b"/":
        return False
    if any(part in (b"", b".", b"..") or len(part) > 255 for part in parts[1:]):
        return False
    return parts[1] not in TAKEN


def is_inside(path: bytes, folder: bytes) -> bool:
    """Whether `path` is `folder` or below it."""
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def overlap(one: bytes, other: bytes) -> bool:
    """Whether one of two paths is the other, or inside it."""
    return is_inside(one, other) or is_inside(other, one)


def in_order(mounts: Iterable[Mount]) -> tuple[Mount, ...]:
    """Return the mounts so that what lies inside another comes after it; of one place, the last given counts."""
    by_target = {mount.target: mount for mount in mounts}
    return tuple(sorted(by_target.values(), key=lambda mount: mount.target.split(b"/")))


def place_inside(target: bytes, mounts: Iterable[Mount]) -> bytes | None:
    """Return where on this machine a path lies that the command sees inside a mount that it may write to; else None."""
    around = [mount for mount in mounts if mount.target != target and is_inside(target, mount.target)]
    innermost = max(around, key=lambda mount: len(mount.target), default=None)
    if innermost is None or not innermost.writable:
        return None
    return innermost.source + target[len(innermost.target) :]


def place_of(recorded: bytes | None, own: bytes, occupied: Sequence[bytes]) -> bytes:
    """Return where something is to stand: at its recorded path if that can be, else at its own.

    Args:
        recorded: the path in the run; None where it is not known.
        own: its path on this machine.
        occupied: paths that stay what they are; neither they nor anything around them may be covered.
    """
    if recorded is None or not is_usable(recorded):
        return own
    return own if any(overlap(recorded, path) for path in occupied) else recorded
