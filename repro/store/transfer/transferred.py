"""How much went from one place to another."""

from __future__ import annotations

from repro.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Transferred:
    """What actually travelled: objects, and their bytes before compression; of a large one, the chunks that did."""

    objects: int = 0
    bytes: int = 0

    def __add__(self, other: Transferred) -> Transferred:
        return Transferred(self.objects + other.objects, self.bytes + other.bytes)
