"""What a repetition varies on purpose, to find out what a result depends on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum

from repro.model.dataclass import replace
from repro.model.runs.recipe import Recipe


class Aspect(StrEnum):
    """One circumstance that a recipe pins and that a good result should not depend on."""

    HASH_SEED = "the hash seed"
    TIME_ZONE = "the time zone"
    PROCESSORS = "the number of processors"


def aspects_of(recipe: Recipe) -> tuple[Aspect, ...]:
    """Return what can be varied: with one processor, there is nothing to take away."""
    return tuple(aspect for aspect in Aspect if aspect is not Aspect.PROCESSORS or recipe.cpus > 1)


def varied(recipe: Recipe, aspects: Iterable[Aspect]) -> Recipe:
    """Return the recipe with these circumstances changed."""
    variables, cpus = dict(recipe.variables), recipe.cpus
    for aspect in aspects:
        if aspect is Aspect.HASH_SEED:
            variables["PYTHONHASHSEED"] = "1" if variables.get("PYTHONHASHSEED") != "1" else "2"
        elif aspect is Aspect.TIME_ZONE:
            # By POSIX rule, not by name: it needs no time zone data. Half an hour off, so that the minutes differ.
            variables["TZ"] = "VRY-11:30" if variables.get("TZ") != "VRY-11:30" else "VRY+9:30"
        else:
            cpus = 1
    return replace(recipe, variables=variables, cpus=cpus)


def suspects(aspects: tuple[Aspect, ...], differs: Callable[[tuple[Aspect, ...]], bool]) -> tuple[Aspect, ...]:
    """Return what a result depends on, if all of `aspects` varied together make it another.

    Args:
        aspects: what was varied.
        differs: executes with these varied alone, and tells whether the result is another. It is asked first
            with nothing varied: a result that differs even then depends on none of these, and nothing is returned.
    """
    if differs(()):
        return ()
    alone = tuple(aspect for aspect in aspects if differs((aspect,)))
    return alone or aspects  # none makes the difference alone: it takes several together
