"""The walk over all objects: in order, bounded, and ended by the first failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from repro.store.cache.cache import Cache
from repro.store.cache.object_files import FilesHere, look_at_all
from repro.store.parallel import Stop, run_in_order


def test_results_come_in_the_order_of_the_items_and_few_are_taken_ahead() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    results = run_in_order(lambda number, stop: number * 2, items(), 3)
    assert [next(results) for _ in range(10)] == [number * 2 for number in range(10)]
    assert len(taken) <= 10 + 2 * 3
    assert list(results) == [number * 2 for number in range(10, 1000)]


def test_who_stops_taking_results_ends_the_work() -> None:
    ended = threading.Event()

    def work(number: int, stop: Stop) -> int:
        while number:
            try:
                stop.check()
            except Exception:
                ended.set()
                raise
        return number

    results = run_in_order(work, range(4), 2)
    assert next(results) == 0
    results.close()
    assert ended.is_set()


def test_a_failure_of_one_ends_all() -> None:
    def work(number: int, stop: Stop) -> int:
        if number == 5:
            raise ValueError(number)
        return number

    with pytest.raises(ValueError, match="5"):
        list(run_in_order(work, range(1000), 4))


@pytest.mark.parametrize("jobs", [1, 8])
def test_every_object_is_read_in_the_order_of_the_names(tmp_path: Path, jobs: int) -> None:
    cache = Cache(str(tmp_path))
    refs = [cache.add_bytes(b"%d" % number * number) for number in range(1, 300)]
    told: list[int] = []
    found = list(look_at_all(FilesHere(cache), jobs, told.append))
    assert [looked.found for looked in found] == sorted(refs, key=lambda ref: ref.digest)
    assert [looked.name for looked in found] == sorted(looked.name for looked in found)
    assert sum(told) == sum(ref.size for ref in refs)


def test_a_store_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    assert list(look_at_all(FilesHere(Cache(str(tmp_path / "none"))), 4, lambda count: None)) == []
