"""Where a value stands in a YAML file, as both readers of YAML say it."""

from __future__ import annotations

KeyPath = tuple[str | int, ...]
"""The keys, and in lists the indices, that lead from the top to a value."""

Position = tuple[int, int]
"""Line and column, both counted from 1."""
