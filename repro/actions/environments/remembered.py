"""Which environment was made of a lock or a manifest, remembered: one that stands is found without reading that.

A memo is named by the bytes that decide what is installed, and by this machine's platform. It says under which key the
environment is kept, and, where an interpreter that is no part of it decides as well, which file that was and its state.
"""

from __future__ import annotations

import json
import os
import sys

from repro.env.environment_cache import cached_environment
from repro.model.digest import digest_of, hex_of
from repro.places import Places

_FORMAT = 1


def remembered(places: Places, kind: str, decisive: bytes) -> str | None:
    """Return the environment that was made of this, if it stands, and so does its interpreter.

    Args:
        places: where memos and environments are kept.
        kind: of what is decisive: `conda-lock`, `run`.
        decisive: the bytes of the lock or the manifest.
    """
    try:
        with open(_path(places, kind, decisive), encoding="utf-8") as file:
            known = json.load(file)
        key, interpreter = known["key"], known["interpreter"]
        if interpreter is not None and _state(interpreter[0]) != interpreter:
            return None
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None  # never made, or written by somebody else: the environment is looked for the long way
    is_key = isinstance(key, str) and len(key) == 32 and key.isalnum()
    return cached_environment(places.environments, key) if is_key else None


def remember(places: Places, kind: str, decisive: bytes, prefix: str, interpreter: str | None = None) -> None:
    """Remember that `prefix` was made of this.

    Args:
        places: where memos and environments are kept.
        kind: as for `remembered`.
        decisive: as for `remembered`.
        prefix: an environment that is kept, named by its key.
        interpreter: the one that it was made with; None where it brought its own.
    """
    from repro.env.memo_file import write_memo

    path = _path(places, kind, decisive)
    known = {"key": os.path.basename(prefix), "interpreter": _state(interpreter) if interpreter else None}
    write_memo(path, json.dumps(known))


def _path(places: Places, kind: str, decisive: bytes) -> str:
    machine = f"{_FORMAT} {kind} {sys.platform} {os.uname().machine}\0".encode()
    return os.path.join(places.memos, "environments", hex_of(digest_of(machine + decisive))[:32])


def _state(interpreter: str) -> list[str | int]:
    """Return what `repro.env.environment_cache.environment_key` takes of an interpreter's file."""
    real = os.path.realpath(interpreter)
    stat = os.stat(real)
    return [real, stat.st_size, stat.st_mtime_ns]
