"""Where repro keeps things on this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping

from repro.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Places:
    """Where repro keeps things of this user: absolute paths.

    `store` holds objects, possibly their only copy; `scratch` holds what can be made again (environments,
    memos, rebuilds' directories); `config` is the user's settings file.
    """

    store: str
    scratch: str
    config: str

    @property
    def environments(self) -> str:
        """Where realised environments are kept."""
        return os.path.join(self.scratch, "environments")

    @property
    def memos(self) -> str:
        """Where answers that cost time are remembered."""
        return os.path.join(self.scratch, "memos")

    @property
    def rebuilds(self) -> str:
        """Where rebuilds are made that were not given a directory."""
        return os.path.join(self.scratch, "rebuilds")

    @property
    def encrypting(self) -> str:
        """Where files are encrypted that are on their way to a remote."""
        return os.path.join(self.scratch, "encrypting")


def find_places(environ: Mapping[str, str]) -> Places:
    """Return the user's places, by the XDG base directory specification and `REPRO_STORE`, `REPRO_SCRATCH`."""
    home = environ.get("HOME") or os.path.expanduser("~")
    data = _xdg(environ, "XDG_DATA_HOME", os.path.join(home, ".local", "share"))
    scratch = _xdg(environ, "XDG_CACHE_HOME", os.path.join(home, ".cache"))
    config = _xdg(environ, "XDG_CONFIG_HOME", os.path.join(home, ".config"))
    return Places(
        store=os.path.abspath(environ.get("REPRO_STORE") or os.path.join(data, "repro")),
        scratch=os.path.abspath(environ.get("REPRO_SCRATCH") or os.path.join(scratch, "repro")),
        config=os.path.join(config, "repro", "config.yaml"),
    )


def _xdg(environ: Mapping[str, str], name: str, default: str) -> str:
    value = environ.get(name, "")
    return value if os.path.isabs(value) else default  # the specification: a relative path is to be ignored
