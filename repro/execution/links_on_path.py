"""The symbolic links that a path goes through."""

from __future__ import annotations

import os
import stat

_MOST = 40  # links in one path, as the kernel counts (path_resolution(7))


def links_on_path(path: bytes) -> list[bytes]:
    """Return the symbolic links that are followed on the way to `path`, itself included if it is one.

    Args:
        path: absolute.

    Returns:
        Absolute paths, each with the links above it resolved; empty where the path does not lead anywhere.
    """
    found: list[bytes] = []
    done, rest = b"/", [part for part in path.split(b"/") if part]
    while rest:
        part = rest.pop(0)
        if part in (b"", b"."):
            continue
        if part == b"..":
            done = os.path.dirname(done)
            continue
        here = os.path.join(done, part)
        try:
            is_link = stat.S_ISLNK(os.lstat(here).st_mode)
            target = os.readlink(here) if is_link else b""
        except OSError:
            return []
        if not is_link:
            done = here
            continue
        found.append(here)
        if len(found) > _MOST:
            return []
        if target.startswith(b"/"):
            done = b"/"
        rest = [*target.split(b"/"), *rest]
    return found
