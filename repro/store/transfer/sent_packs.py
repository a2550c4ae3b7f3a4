"""Packs on their way to a remote: those that an index will name, and those of which that is not known yet."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future

from repro.model.dataclass import dataclass
from repro.model.digest import Digest
from repro.model.packs.pack_index_format import ENTRY_BYTES, PackFile
from repro.store.transfer.in_making import PackInMaking


@dataclass(slots=True, eq=False)
class SentPack:
    """A pack on its way, and what an index will name of it; its name is known when it has arrived.

    What an index names is as `decode_spots` takes it. `begun` are trees of which it is not known yet whether all that
    they need was added.
    """

    records: bytes
    begun: bytes
    arrives: Future[PackFile]
    made: PackInMaking | None = None
    trees: bytes = b""

    @property
    def count(self) -> int:
        """How many records an index will name."""
        return (len(self.records) + len(self.begun) + len(self.trees)) // ENTRY_BYTES

    @property
    def has_arrived(self) -> bool:
        """Whether it is on the remote."""
        return self.arrives.done() and not self.arrives.cancelled() and self.arrives.exception() is None


class SentAhead:
    """Packs that are sent before it is known whether all that names them is here.

    One thread calls `send` at a time, one calls the rest; each pack is taken after it was sent.
    """

    def __init__(self, uploads: Executor, put: Callable[[PackFile, str], None], most: int) -> None:
        """Send nothing yet.

        Args:
            uploads: where it is sent.
            put: returns when the pack in a file has arrived.
            most: packs that may be on their way or wait at a time.
        """
        self._uploads = uploads
        self._put = put
        self._most = most
        self._begun: dict[Digest, Future[None]] = {}

    def send(self, pack: PackFile, path: str) -> None:
        """Send a pack that lies in a file, unless so many are on their way that it would not begin soon."""
        waiting = sum(not one.done() for one in list(self._begun.values()))
        if pack.digest not in self._begun and waiting < self._most:
            self._begun[pack.digest] = self._uploads.submit(self._put, pack, path)

    def take(self, pack: PackFile, told: Callable[[], None]) -> Future[PackFile] | None:
        """Return what ends when a pack has arrived, None where it was not sent.

        Args:
            pack: to be named now.
            told: called when it has arrived.
        """
        begun = self._begun.pop(pack.digest, None)
        if begun is None:
            return None
        arrives: Future[PackFile] = Future()

        def follow(one: Future[None]) -> None:
            if one.cancelled():
                arrives.cancel()
                return
            error = one.exception()
            if error is not None:
                arrives.set_exception(error)
                return
            told()
            arrives.set_result(pack)

        begun.add_done_callback(follow)
        return arrives

    def stop(self) -> None:
        """Send no more of what has not begun to be sent; the rest counts when it is taken, or for the next push."""
        self._begun = {digest: one for digest, one in self._begun.items() if not one.cancel()}
