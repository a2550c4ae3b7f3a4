"""Numbers sorted into groups: most of many lie in a file."""

from __future__ import annotations

import random
import tempfile
import tracemalloc
from pathlib import Path

import pytest

from repro.store.packs.kept_numbers import KeptNumbers


def numbered(kept: KeptNumbers, count: int) -> dict[int, list[int]]:
    draw = random.Random(count)
    groups: dict[int, list[int]] = {}
    for number in range(count):
        group = draw.randrange(len(groups) + 1) if len(groups) < 50 else draw.randrange(50)
        groups.setdefault(group, []).append(number * 2**20)
        kept.add(group, number * 2**20)
    return groups


@pytest.mark.parametrize("held", [1, 7, 100, 100_000])
def test_each_group_has_what_was_added_in_its_order(held: int) -> None:
    kept = KeptNumbers(held)
    groups = numbered(kept, 3000)
    assert {group: list(kept.of(group)) for group in groups} == groups


def test_where_there_is_no_room_for_a_file_they_are_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "not there"))
    kept = KeptNumbers(10)
    groups = numbered(kept, 3000)
    assert {group: list(kept.of(group)) for group in groups} == groups


def test_ten_times_the_numbers_take_no_more_memory() -> None:
    taken = []
    for count in (40_000, 400_000):
        tracemalloc.start()
        kept = KeptNumbers()
        for number in range(count):
            kept.add(0 if not number else number % 30 if number > 30 else number, number)
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        taken.append(held)
    assert taken[1] < taken[0] + 100_000
