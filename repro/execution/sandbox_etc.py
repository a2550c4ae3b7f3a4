"""The /etc of a sandbox: one folder with what is made for it and what the system's programs need of this machine's.

One folder is one mount; a mount for each file would take longer than all else of a sandbox's start.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping

from repro.model.watching.sandbox import Account
from repro.model.watching.sandbox_rules import ETC, ETC_PREFIXES, made_files

_ETC = "/etc"


def system_etc() -> list[str]:
    """Return what is shown of this machine's /etc, as paths; they need not exist."""
    versioned = (f"{_ETC}/{name}" for name in sorted(os.listdir(_ETC)) if name.startswith(ETC_PREFIXES))
    return [*ETC, *versioned]


def make_etc(folder: str, texts: Mapping[str, str]) -> None:
    """Fill a folder that is to stand for /etc.

    Files of the system are copied, links made again; of a directory there is only the place where it is mounted
    (`mounted_directories`).

    Args:
        folder: an existing folder; what is in it is replaced.
        texts: what is made for the sandbox, by name.
    """
    for path in system_etc():
        place = folder + path[len(_ETC) :]
        os.makedirs(os.path.dirname(place), exist_ok=True)
        if os.path.islink(path):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(place)
            os.symlink(os.readlink(path), place)
        elif os.path.isdir(path):
            os.makedirs(place, exist_ok=True)
        elif os.path.exists(path):
            with contextlib.suppress(PermissionError):  # what we may not read, the command may not either
                shutil.copyfile(path, place)
    for name, text in texts.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


def fill_etc(folder: str, account: Account, home: str) -> None:
    """Fill an existing folder that is to stand for /etc, so that it tells of this account and its home."""
    known = home if home.isprintable() and ":" not in home else "/"
    make_etc(folder, made_files(account.user, account.host, known, account.uid, account.gid))


def mounted_directories() -> list[str]:
    """Return the directories of this machine's /etc that are mounted into the sandbox's."""
    return [path for path in system_etc() if os.path.isdir(path) and not os.path.islink(path)]
