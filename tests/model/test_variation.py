from __future__ import annotations

import pytest

from repro.model.runs.recipe import Recipe
from repro.model.runs.variation import Aspect, aspects_of, suspects, varied

SEED, ZONE, CPUS = Aspect.HASH_SEED, Aspect.TIME_ZONE, Aspect.PROCESSORS
ALL = (SEED, ZONE, CPUS)


def recipe(cpus: int = 2, **variables: str) -> Recipe:
    return Recipe(("python",), b".", "0" * 40, (), None, variables=variables, cpus=cpus)


def test_each_aspect_changes_what_it_names_and_nothing_else() -> None:
    start = recipe(PYTHONHASHSEED="0", TZ="UTC", OTHER="x")
    assert varied(start, ()) == start
    assert varied(start, (SEED,)).variables == {"PYTHONHASHSEED": "1", "TZ": "UTC", "OTHER": "x"}
    assert varied(start, (ZONE,)).variables["TZ"] not in ("UTC", "")
    assert (varied(start, (CPUS,)).cpus, varied(start, (CPUS,)).variables) == (1, start.variables)


@pytest.mark.parametrize("aspect", [SEED, ZONE])
def test_what_is_varied_already_becomes_another_value_still(aspect: Aspect) -> None:
    once = varied(recipe(PYTHONHASHSEED="0", TZ="UTC"), (aspect,))
    assert varied(once, (aspect,)).variables != once.variables


def test_processors_are_varied_only_where_there_are_several() -> None:
    assert aspects_of(recipe(cpus=2)) == ALL
    assert aspects_of(recipe(cpus=1)) == (SEED, ZONE)


@pytest.mark.parametrize(
    ("makes_a_difference", "expected"),
    [
        ([()], ()),
        ([(ZONE,)], (ZONE,)),
        ([(SEED,), (CPUS,)], (SEED, CPUS)),
        ([], ALL),
    ],
    ids=["by itself", "one", "two, each alone", "only several together"],
)
def test_suspects(makes_a_difference: list[tuple[Aspect, ...]], expected: tuple[Aspect, ...]) -> None:
    assert suspects(ALL, lambda some: some in makes_a_difference) == expected
