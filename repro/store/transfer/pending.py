"""What is on its way to a remote, and no index names yet, by its digest."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from repro.model.packs.digest_table import DigestTable
from repro.model.packs.pack import RecordKind
from repro.store.packs.spots import digests_of
from repro.store.transfer.sent_packs import SentPack


class Pending:
    """Digests are their 32 bytes. Several threads may ask, and say what was named."""

    def __init__(self) -> None:
        """Nothing is on its way."""
        self._lock = threading.Lock()
        self._kinds: dict[bytes, RecordKind] = {}
        self._not_asked: list[SentPack] = []  # whose records are not in `_kinds`, since nobody has asked for any
        self._trees = DigestTable()

    def add(self, digest: bytes, kind: RecordKind) -> None:
        """Note one record, which is no tree."""
        with self._lock:
            self._kinds[digest] = kind

    def add_pack(self, sent: SentPack) -> None:
        """Note the records of a pack that are no trees, nor lists of chunks."""
        with self._lock:
            self._not_asked.append(sent)

    def add_trees(self, digests: Iterable[bytes]) -> None:
        """Note trees that are on their way with all that they need."""
        for digest in digests:
            self._trees.set(digest, 0)

    def kind(self, digest: bytes) -> RecordKind | None:
        """Return what the record of an object is that is no tree; of a pack as it is, that it is no list of chunks."""
        with self._lock:
            self._know()
            return self._kinds.get(digest)

    def has(self, digest: bytes) -> bool:
        """Whether an object is on its way; a tree, with all that it needs."""
        return self.kind(digest) is not None or self._trees.get(digest) is not None

    def name(self, sent: SentPack) -> None:
        """Forget the records of a pack, which an index names now."""
        with self._lock:
            if sent in self._not_asked:
                self._not_asked.remove(sent)
                return
            for digest in digests_of(sent.records):
                self._kinds.pop(digest, None)

    def name_trees(self) -> None:
        """Forget all trees, which indexes name now."""
        self._trees = DigestTable()

    def _know(self) -> None:
        # By digest they take twice the room, and a push that sends all at once does not ask.
        for sent in self._not_asked:
            self._kinds |= dict.fromkeys(digests_of(sent.records), RecordKind.RAW)
        self._not_asked = []
