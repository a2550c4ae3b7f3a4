"""Which paths git tracks."""

from __future__ import annotations

from repro.code.git_index import read_tracked
from repro.code.repository import open_repository


def tracked_paths(root: str) -> list[bytes]:
    """Return the paths in the index, sorted.

    Raises:
        NotARepository, BareRepository, UnsupportedRepository: see `open_repository` and `read_tracked`.
    """
    with open_repository(root) as repo:
        return sorted(read_tracked(repo).files)
