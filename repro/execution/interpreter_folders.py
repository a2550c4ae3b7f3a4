"""Which folders a Python needs that stands in an environment, beyond what every sandbox shows."""

from __future__ import annotations

import os

from repro.model.watching.sandbox import is_inside
from repro.model.watching.sandbox_rules import SYSTEM


def interpreter_folders(prefix: str) -> list[str]:
    """Return where the interpreter that an environment was made from is installed, by all names that lead there.

    What is in the folders that every sandbox shows is left out.
    """
    python = os.path.join(prefix, "bin", "python")
    found = []
    config = os.path.join(prefix, "pyvenv.cfg")
    if not os.path.exists(config):
        return []  # an environment of conda's has its interpreter inside
    with open(config, encoding="utf-8") as file:
        for line in file:
            key, _, value = line.partition("=")
            if key.strip() == "home":
                found.append(os.path.dirname(os.path.normpath(value.strip())))
    found.append(os.path.dirname(os.path.dirname(os.path.realpath(python))))
    return [path for path in dict.fromkeys(found) if os.path.isdir(path) and not is_of_system(path)]


def is_of_system(path: str) -> bool:
    """Whether a path is in what every sandbox shows."""
    real = os.path.realpath(path)
    return any(
        is_inside(os.fsencode(real), os.fsencode(os.path.realpath(folder)))
        for folder in SYSTEM
        if os.path.isdir(folder)
    )
