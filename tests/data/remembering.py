"""Captures that are remembered, for tests: as a command does it, at whatever time is wanted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from repro.data.capture import Captured, capture
from repro.data.memo import memo_file, new_memo, opened_memo
from repro.data.scan import StoreRoot
from repro.data.unchanged import is_unchanged
from repro.model.data.content import ObjectRef
from repro.model.data.tree_objects import KnowingSink
from repro.model.names import RelPath
from repro.store.files.digest_only import DigestOnly


class Counting(DigestOnly):
    """Counts what was read."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    def add_bytes(self, data: bytes) -> ObjectRef:
        self.read += not data.startswith(b"repro-tree ")
        return super().add_bytes(data)


class Remembering:
    """The memos of one project."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.memos = root / "memo"

    def capture(self, path: RelPath, sink: KnowingSink | None = None, store: StoreRoot | None = None) -> Captured:
        """Capture with what is remembered, and remember."""
        with opened_memo(str(self.memos), path) as memo, new_memo(str(self.memos), path) as writer:
            return capture(self.root, path, sink or DigestOnly(), memo, store=store, remember=writer)

    def capture_later(
        self, path: RelPath, monkeypatch: pytest.MonkeyPatch, sink: KnowingSink | None = None
    ) -> Captured:
        """Capture as if it were some seconds later, when the files' times can be trusted."""
        later = time.time_ns() + 10_000_000_000
        with monkeypatch.context() as patch:
            patch.setattr("repro.data.capture.now_ns", lambda: later)
            return self.capture(path, sink)

    def is_unchanged(self, path: RelPath) -> bool:
        """Ask, as a command does."""
        with opened_memo(str(self.memos), path) as memo:
            return memo is not None and is_unchanged(self.root, path, memo)

    def has_memo(self, path: RelPath) -> bool:
        """Whether there is a memo that can be used."""
        with opened_memo(str(self.memos), path) as memo:
            return memo is not None

    def file(self, path: RelPath) -> Path:
        """Where the memo is."""
        return Path(memo_file(str(self.memos), path))
