"""Comparing what a run made with what its rebuild made, and the verdict over both."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from repro.model.data.content import Content, Kind
from repro.model.data.tree import Entry
from repro.model.dataclass import dataclass
from repro.model.verdict import Verdict

_SEVERITY = {verdict: rank for rank, verdict in enumerate(Verdict)}


@dataclass(frozen=True, slots=True)
class ComparedOutput:
    """One output, or one member of an output directory: what was expected there and what was found.

    `expected` is None for something that only the rebuild made, `found` is None for something it did not make.
    """

    path: bytes
    verdict: Verdict
    expected: Content | None
    found: Content | None


class FormatReader(Protocol):
    """Tells whether two files of one format mean the same though their bytes differ.

    Readers are asked in turn for a file whose bytes differ; the first that answers decides.
    """

    def compare(self, path: bytes, expected: Content, found: Content) -> Verdict | None:
        """Return the verdict, or None where this is not the reader's format."""
        ...


def compare_content(
    path: bytes, expected: Content | None, found: Content | None, readers: Iterable[FormatReader] = ()
) -> ComparedOutput:
    """Compare what stands at one path by kind and digest, then by the formats' readers."""
    verdict = Verdict.DIFFERENT
    if expected == found:
        verdict = Verdict.IDENTICAL
    elif expected and found and Kind.FILE == expected.kind == found.kind:
        answers = (reader.compare(path, expected, found) for reader in readers)
        verdict = next((answer for answer in answers if answer is not None), Verdict.DIFFERENT)
    return ComparedOutput(path, verdict, expected, found)


def pair_entries(
    expected: Iterable[Entry], found: Iterable[Entry]
) -> list[tuple[bytes, Content | None, Content | None]]:
    """Return the names at which two trees differ, with what each has there, sorted by name."""
    left = {entry.name: entry.content for entry in expected}
    right = {entry.name: entry.content for entry in found}
    names = sorted(left.keys() | right.keys())
    return [(name, left.get(name), right.get(name)) for name in names if left.get(name) != right.get(name)]


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst verdict; of nothing, `undetermined`: where nothing was compared, nothing is known."""
    return max(verdicts, key=_SEVERITY.__getitem__, default=Verdict.UNDETERMINED)


def is_reproduced(verdict: Verdict) -> bool:
    """Whether a rebuild with this verdict gives the result again: exit code 0."""
    return verdict in (Verdict.IDENTICAL, Verdict.EQUIVALENT)
