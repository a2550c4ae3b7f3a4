"""What a layer's entries mean over the layers below it, and the one way in which repro writes them.

Engines write the same change of files in several ways: Docker's own store marks a directory that was made anew as
opaque where containerd's names each file that is gone, and the entries that say so have whatever mode, time and link an
engine left in them. Source: OCI image specification 1.0, `layer.md`, "Whiteouts".
"""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterable, Sequence

from repro.model.dataclass import dataclass, field

_GONE = ".wh."
_OPAQUE = ".wh..wh..opq"
_MODE = 0o600


@dataclass(slots=True)
class Below:
    """The paths that the layers so far make together, and whether each is a directory."""

    _entries: dict[str, bool] = field(default_factory=dict)

    def add(self, members: Iterable[tarfile.TarInfo]) -> None:
        """Put a layer on top."""
        entries = {_path(member): member.isdir() for member in members}
        for path, is_dir in entries.items():
            folder, name = posixpath.split(path)
            if name == _OPAQUE:
                self._remove(folder, itself=False)
            elif name.startswith(_GONE):
                self._remove(posixpath.join(folder, name.removeprefix(_GONE)), itself=True)
            elif not is_dir and self._entries.get(path):
                self._remove(path, itself=True)
        self._entries |= {path: is_dir for path, is_dir in entries.items() if not _is_whiteout(path)}
        for path in entries:  # a layer need not have the directories that its files are in
            while (path := posixpath.dirname(path)) and path not in self._entries:
                self._entries[path] = True

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
        if path not in self._entries:
            return
        if self._entries[path]:
            for other in [other for other in self._entries if other.startswith(f"{path}/")]:
                del self._entries[other]
        if itself:
            del self._entries[path]


def needs_below(members: Sequence[tarfile.TarInfo]) -> bool:
    """Whether `plain_members` has to know what is below a layer."""
    return any(posixpath.basename(_path(member)) == _OPAQUE for member in members)


def plain_members(members: Sequence[tarfile.TarInfo], below: Below, epoch: int) -> list[tarfile.TarInfo]:
    """Return a layer's entries as repro writes them.

    What is gone is named one by one, by an entry that has the name and no more.

    Args:
        members: as an engine wrote them.
        below: what lies below the layer; it may be empty where `needs_below` says no.
        epoch: the time that what is gone gets, in seconds since 1970.
    """
    layer = {_path(member): member.isdir() for member in members}
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
        else:
            found[path] = member
    return list(found.values())


def _whiteout(path: str, epoch: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.mode, info.mtime = _MODE, epoch
    return info


def _is_whiteout(path: str) -> bool:
    return posixpath.basename(path).startswith(_GONE)


def _path(member: tarfile.TarInfo) -> str:
    return posixpath.normpath(member.name)
