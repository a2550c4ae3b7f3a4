"""What the command of a rebuild can run in: all that settings need to know of sandboxes."""

from __future__ import annotations

from enum import StrEnum


class SandboxKind(StrEnum):
    """What a rebuild's command runs in; `AUTO` is the first of the others that works, or, for an environment of kind
    image, the container."""

    AUTO = "auto"
    BWRAP = "bwrap"
    LANDLOCK = "landlock"
    CONTAINER = "container"
    NONE = "none"
