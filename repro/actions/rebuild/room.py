"""Where a rebuild happens: a folder of ours that goes again, or a directory that the user named."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable

from repro.code.restore import TargetNotEmpty
from repro.model.dataclass import dataclass
from repro.model.run_id import RunId
from repro.project import Workspace


@dataclass(frozen=True, slots=True)
class Room:
    """Where a rebuild happens: `root` for the checkout; `folder`, which we made, holds all that is ours."""

    root: str
    folder: str

    @property
    def staging(self) -> str:
        """Where the data's files are written before they take their place."""
        return os.path.join(os.path.realpath(self.folder), "staging")

    @property
    def packs(self) -> str:
        """Where the code's packs lie while they are unpacked."""
        return os.path.join(self.folder, "packs")

    @property
    def home(self) -> str:
        """What the command has for its HOME, empty at first."""
        return os.path.join(self.folder, "home")

    @property
    def temporary(self) -> str:
        """What the command has for /tmp."""
        return os.path.join(self.folder, "tmp")

    @property
    def outside(self) -> str:
        """Where inputs from outside the project are kept, each at its absolute path below this folder."""
        return os.path.join(self.folder, "outside")

    @property
    def log(self) -> str:
        """What is written down of calls that fail; its folder is the command's too."""
        return os.path.join(self.folder, "log", "failed-calls")

    @property
    def etc(self) -> str:
        """What stands for the system's /etc."""
        return os.path.join(self.folder, "etc")

    def trim(self) -> None:
        """Take away what the kept files do not need: our folder, unless something is in it."""
        for name in ("wheels", "staging", "home", "tmp", "outside", "etc", "packs", "log"):
            _remove_tree(os.path.join(self.folder, name))
        with contextlib.suppress(OSError):
            os.rmdir(self.folder)

    def clear(self) -> None:
        """Take away what we made; a directory that was there before stays, empty."""
        if self.root != self.folder and not self.root.startswith(self.folder + os.sep):
            for name in os.listdir(self.root) if os.path.isdir(self.root) else ():
                _remove_tree(os.path.join(self.root, name))
        _remove_tree(self.folder)


def make_room(workspace: Workspace, run: RunId, into: str | None) -> Room:
    """Make a folder for a rebuild; with `into`, the checkout stands there instead.

    Raises:
        TargetNotEmpty: there is something in `into` already.
    """
    os.makedirs(workspace.places.rebuilds, exist_ok=True)
    folder = tempfile.mkdtemp(prefix=f"{run}-", dir=workspace.places.rebuilds)
    if into is None:
        return Room(os.path.join(folder, "project"), folder)
    root = os.path.realpath(os.path.join(workspace.cwd, into))
    if os.path.lexists(root) and not (os.path.isdir(root) and not os.listdir(root)):
        os.rmdir(folder)
        raise TargetNotEmpty(f"{into} is not an empty directory", "name another with --into")
    return Room(root, folder)


def _remove_tree(path: str) -> None:
    """Remove a directory of ours, also where the command has closed parts of it."""

    def open_up(function: Callable[[str], object], name: str, error: BaseException) -> None:
        if isinstance(error, FileNotFoundError):
            return
        os.chmod(os.path.dirname(name), 0o700)
        if os.path.isdir(name) and not os.path.islink(name):
            os.chmod(name, 0o700)
            shutil.rmtree(name)
        else:
            function(name)

    if os.path.isdir(path) and not os.path.islink(path):
        if sys.version_info >= (3, 12):
            shutil.rmtree(path, onexc=open_up)
        else:
            shutil.rmtree(path, onerror=lambda function, name, info: open_up(function, name, info[1]))
    elif os.path.lexists(path):
        os.unlink(path)
