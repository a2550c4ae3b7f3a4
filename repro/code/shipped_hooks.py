"""The git hooks as shipped: in the installed package, or beside it in a clone of repro itself."""

from __future__ import annotations

import os

import repro


def shipped(name: str) -> bytes:
    """Return the bytes of a file of `hooks/`."""
    package = os.path.dirname(os.path.abspath(repro.__file__))
    inside = os.path.join(package, "hooks", name)
    place = inside if os.path.exists(inside) else os.path.join(os.path.dirname(package), "hooks", name)
    with open(place, "rb") as file:
        return file.read()
