"""The dataclasses that are made quickly behave as those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from typing import Any

import pytest

from repro.model import dataclass as quick


@dataclasses.dataclass(frozen=True, slots=True)
class StandardPoint:
    x: int
    y: tuple[int, ...] = ()
    tags: dict[str, int] = dataclasses.field(default_factory=dict)
    secret: str = dataclasses.field(default="", repr=False)

    @property
    def double(self) -> int:
        return 2 * self.x


# A type checker takes the quick module for the standard one, and sees no difference either.
@quick.dataclass(frozen=True, slots=True)
class QuickPoint:
    x: int
    y: tuple[int, ...] = ()
    tags: dict[str, int] = quick.field(default_factory=dict)
    secret: str = quick.field(default="", repr=False)

    @property
    def double(self) -> int:
        return 2 * self.x


@dataclasses.dataclass(frozen=True, slots=True)
class StandardFar(StandardPoint):
    z: str = "z"


@quick.dataclass(frozen=True, slots=True)
class QuickFar(QuickPoint):
    z: str = "z"


@dataclasses.dataclass(slots=True)
class StandardCount:
    number: int = 0
    names: list[str] = dataclasses.field(default_factory=list)


@quick.dataclass(slots=True)
class QuickCount:
    number: int = 0
    names: list[str] = quick.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class StandardOpen:
    only: float = 1.5

    def __post_init__(self) -> None:
        if self.only < 0:
            raise ValueError("less than nothing")


@quick.dataclass(frozen=True)
class QuickOpen:
    only: float = 1.5

    def __post_init__(self) -> None:
        if self.only < 0:
            raise ValueError("less than nothing")


@dataclasses.dataclass(slots=True, eq=False)
class StandardSame:
    a: int


@quick.dataclass(slots=True, eq=False)
class QuickSame:
    a: int


@quick.dataclass(frozen=True, slots=True, order=True)
class QuickVersion:
    major: int
    minor: int


PAIRS: list[tuple[Any, Any, dict[str, Any]]] = [
    (StandardPoint, QuickPoint, {"x": 1}),
    (StandardFar, QuickFar, {"x": 1, "z": "far", "secret": "hidden"}),
    (StandardCount, QuickCount, {"names": ["a"]}),
    (StandardOpen, QuickOpen, {}),
]
EACH = pytest.mark.parametrize(("standard", "fast", "values"), PAIRS, ids=lambda value: getattr(value, "__name__", ""))


@EACH
def test_it_is_shown_compared_and_stored_as_the_standard_one(standard: Any, fast: Any, values: dict[str, Any]) -> None:
    one, other = standard(**values), fast(**values)
    assert repr(other) == repr(one).replace("Standard", "Quick")
    assert other == fast(**values)
    assert other != one
    assert other != fast(**{**values, next(iter(fast.__match_args__)): 7})
    assert fast.__match_args__ == standard.__match_args__
    assert getattr(fast, "__slots__", None) == getattr(standard, "__slots__", None)
    assert hasattr(other, "__dict__") == hasattr(one, "__dict__")
    assert dataclasses.asdict(other) == dataclasses.asdict(one)
    assert [field.name for field in dataclasses.fields(other)] == [field.name for field in dataclasses.fields(one)]


@EACH
def test_it_is_copied_pickled_and_replaced(standard: Any, fast: Any, values: dict[str, Any]) -> None:
    made = fast(**values)
    for again in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert again == made
        assert again is not made
    name = next(iter(fast.__match_args__))
    assert getattr(quick.replace(made, **{name: 9}), name) == 9
    assert quick.replace(made, **{name: 9}) == dataclasses.replace(made, **{name: 9})


@EACH
def test_the_first_objects_are_made_as_all_others(standard: Any, fast: Any, values: dict[str, Any]) -> None:
    @quick.dataclass(slots=True)
    class Fresh:
        first: int
        names: list[str] = quick.field(default_factory=list)
        last: str = "z"

    made = [Fresh(1, last="y") for _ in range(50)]
    assert {repr(one).rpartition(".")[2] for one in made} == {"Fresh(first=1, names=[], last='y')"}
    assert len({id(one.names) for one in made}) == 50
    assert [fast(**values) for _ in range(50)] == [quick.replace(fast(**values))] * 50


@EACH
def test_wrong_arguments_are_refused_in_the_same_words(standard: Any, fast: Any, values: dict[str, Any]) -> None:
    for wrong in ({**values, "unknown": 1}, {}):
        reasons = []
        for cls in (standard, fast):
            try:
                cls(**wrong)
                reasons.append("")
            except TypeError as error:
                reasons.append(str(error).replace("Standard", "Quick"))
        assert reasons[0] == reasons[1]


def test_a_frozen_object_cannot_be_changed_and_can_be_a_key() -> None:
    made = QuickPoint(1, (2,), tags=(), secret="s")  # type: ignore[arg-type]  # a dict would have no hash
    assert {made: 1}[QuickPoint(1, (2,), (), "s")] == 1  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'x'"):
        made.x = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'x'"):
        del made.x
    assert made.double == 2


def test_an_object_that_can_be_changed_has_no_hash_and_its_own_defaults() -> None:
    one, other = QuickCount(), QuickCount()
    one.names.append("a")
    one.number = 3
    assert (one, other) == (QuickCount(3, ["a"]), QuickCount(0, []))
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)
    with pytest.raises(AttributeError):
        one.unknown = 1  # type: ignore[attr-defined]


def test_what_has_an_order_is_sorted_by_its_fields_and_only_with_its_own_kind() -> None:
    assert sorted([QuickVersion(2, 1), QuickVersion(1, 5), QuickVersion(1, 2)]) == [
        QuickVersion(1, 2),
        QuickVersion(1, 5),
        QuickVersion(2, 1),
    ]
    assert QuickVersion(1, 1) <= QuickVersion(1, 1) < QuickVersion(1, 2)
    assert QuickVersion(1, 2) >= QuickVersion(1, 2) > QuickVersion(1, 1)
    with pytest.raises(TypeError, match="not supported between"):
        assert QuickVersion(1, 1) < QuickPoint(1)  # type: ignore[operator]


def test_what_is_compared_by_identity_is() -> None:
    assert QuickSame(1) != QuickSame(1)
    assert len({QuickSame(1), QuickSame(1)}) == 2


def test_what_runs_after_the_init_may_refuse() -> None:
    for cls in (StandardOpen, QuickOpen):
        with pytest.raises(ValueError, match="less than nothing"):
            cls(-1)


def test_a_pattern_takes_its_fields_by_position() -> None:
    match QuickPoint(4, (5,)):
        case QuickPoint(x, y):
            assert (x, y) == (4, (5,))


def test_neither_a_class_nor_its_objects_need_the_standard_module() -> None:
    code = (
        "import sys\nfrom repro.model.data.content import Content, ObjectRef\n"
        "from repro.model.settings.settings import Settings\nrepr(Settings()) and Settings() == Settings()\n"
        "print({'dataclasses', 'inspect'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
