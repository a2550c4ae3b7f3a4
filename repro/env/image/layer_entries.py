"""What a layer's entries mean over the layers below it, and the one way in which repro writes them.

Engines write the same change of files in several ways: Docker's own store marks a directory that was made anew as
opaque where containerd's names each file that is gone, and the entries that say so have whatever mode, time and link an
engine left in them. Source: OCI image specification 1.0, `layer.md`, "Whiteouts".
"""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_GONE = ".wh."
_OPAQUE = ".wh..wh..opq"
_XATTR = "SCHILY.xattr."
_MODE = 0o600
# What an engine mounts its own files into: BuildKit of Docker 20.10 leaves the directories in every layer.
_MOUNTED_INTO = ("dev", "etc", "proc", "run", "sys")


@dataclass(frozen=True, slots=True)
class _Entry:
    is_dir: bool
    kept: tuple[object, ...]


@dataclass(slots=True)
class Below:
    """The files that the layers so far make together."""

    _entries: dict[str, _Entry] = field(default_factory=dict)

    def add(self, members: Iterable[tarfile.TarInfo]) -> None:
        """Put a layer on top."""
        entries = {_path(member): _Entry(member.isdir(), _kept(member)) for member in members}
        for path, entry in entries.items():
            folder, name = posixpath.split(path)
            if name == _OPAQUE:
                self._remove(folder, itself=False)
            elif name.startswith(_GONE):
                self._remove(posixpath.join(folder, name.removeprefix(_GONE)), itself=True)
            elif not entry.is_dir and path in self._entries and self._entries[path].is_dir:
                self._remove(path, itself=True)
        self._entries |= {path: entry for path, entry in entries.items() if not _is_whiteout(path)}

    def has_same_directory(self, member: tarfile.TarInfo) -> bool:
        """Whether a directory's entry changes nothing but its time."""
        return self._entries.get(_path(member)) == _Entry(True, _kept(member))

    def hidden_by(self, opaque: str, layer: dict[str, bool]) -> list[str]:
        """Return what a directory that is made anew hides, the topmost paths alone, sorted.

        Args:
            opaque: the directory's path.
            layer: the paths of the layer that makes it, and whether each is a directory.
        """
        return sorted(
            path
            for path in self._entries
            if path.startswith(f"{opaque}/")
            and path not in layer
            and ((parent := posixpath.dirname(path)) == opaque or layer.get(parent, False))
        )

    def _remove(self, path: str, *, itself: bool) -> None:
        entry = self._entries.get(path)
        if entry is None:
            return
        if entry.is_dir:
            for other in [other for other in self._entries if other.startswith(f"{path}/")]:
                del self._entries[other]
        if itself:
            del self._entries[path]


def needs_below(members: Sequence[tarfile.TarInfo]) -> bool:
    """Whether `plain_members` has to know what is below a layer."""
    return any(posixpath.basename(_path(member)) == _OPAQUE for member in members) or bool(_only_mounted_into(members))


def plain_members(members: Sequence[tarfile.TarInfo], below: Below, epoch: int) -> list[tarfile.TarInfo]:
    """Return a layer's entries as repro writes them.

    What is gone is named one by one, by an entry that has the name and no more; a directory that an engine has only
    mounted something into is left out.

    Args:
        members: as an engine wrote them.
        below: what lies below the layer; it may be empty where `needs_below` says no.
        epoch: the time that what is gone gets, in seconds since 1970.
    """
    layer = {_path(member): member.isdir() for member in members}
    unchanged = {_path(member) for member in _only_mounted_into(members) if below.has_same_directory(member)}
    found: dict[str, tarfile.TarInfo] = {}
    for member in members:
        path = _path(member)
        folder, name = posixpath.split(path)
        if name == _OPAQUE:
            for hidden in below.hidden_by(folder, layer):
                gone = posixpath.join(posixpath.dirname(hidden), _GONE + posixpath.basename(hidden))
                found[gone] = _whiteout(gone, epoch)
        elif name.startswith(_GONE):
            found[path] = _whiteout(path, epoch)
        elif path not in unchanged:
            found[path] = member
    return list(found.values())


def _only_mounted_into(members: Sequence[tarfile.TarInfo]) -> list[tarfile.TarInfo]:
    parents = {posixpath.dirname(_path(member)) for member in members}
    return [m for m in members if m.isdir() and _path(m) in _MOUNTED_INTO and _path(m) not in parents]


def _whiteout(path: str, epoch: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.mode, info.mtime = _MODE, epoch
    return info


def _is_whiteout(path: str) -> bool:
    return posixpath.basename(path).startswith(_GONE)


def _path(member: tarfile.TarInfo) -> str:
    return posixpath.normpath(member.name)


def _kept(member: tarfile.TarInfo) -> tuple[object, ...]:
    extended = sorted(item for item in member.pax_headers.items() if item[0].startswith(_XATTR))
    return member.mode, member.uid, member.gid, tuple(extended)
