"""Which bytes of a pack are asked for together: a request costs more than some bytes that nobody wants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from repro.model.dataclass import dataclass

MAX_GAP = 256 * 1024
"""Bytes between two records up to which both come with one request: some 20 ms of a line of 100 Mbit/s."""

MAX_RANGE = 4 * 1024 * 1024
"""Bytes after which a request takes no more records, so that several at a time fit into memory."""


class Extent(Protocol):
    """Something that lies in a file."""

    @property
    def start(self) -> int:
        """The offset of its first byte."""
        ...

    @property
    def end(self) -> int:
        """The offset after its last byte."""
        ...


E = TypeVar("E", bound=Extent)


@dataclass(frozen=True, slots=True)
class Range(Generic[E]):
    """The bytes from `start` to before `end`, with what is wanted of them."""

    start: int
    end: int
    extents: tuple[E, ...]


def joined(extents: Iterable[E]) -> Iterator[Range[E]]:
    """Yield the ranges to ask for; `extents` come sorted by their starts."""
    held: list[E] = []
    end = 0
    for extent in extents:
        if held and (extent.start > end + MAX_GAP or extent.end > held[0].start + MAX_RANGE):
            yield Range(held[0].start, end, tuple(held))
            held = []
        end = max(end, extent.end) if held else extent.end
        held.append(extent)
    if held:
        yield Range(held[0].start, end, tuple(held))


def is_mostly(wanted: int, length: int) -> bool:
    """Whether `wanted` bytes are more than half of a file of `length` bytes."""
    return 2 * wanted > length
