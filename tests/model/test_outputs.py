"""What a run left is told from noise and from changed code: the table of `repro.model.runs.outputs`, row by row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.model.runs.outputs import Touched, classify_touched
from repro.model.watching.noise import NOISE_FOLDERS, is_noise

# path, touched?, bytes changed?, in the code?, an earlier run's output? -> what it is
ROWS = [
    (b"out/x", True, False, False, False, "known"),  # inside a declared output
    (b"data/x", True, True, True, False, "known"),  # inside an input
    (b"__pycache__/a.pyc", True, False, False, False, "nothing"),
    (b"a/b.log", True, False, False, False, "nothing"),  # matched by exclude
    (b"new.txt", True, False, False, False, "found"),
    (b"new.txt", True, True, False, False, "found"),
    (b"result.txt", True, True, True, True, "found"),
    (b"result.txt", True, False, True, True, "found"),  # written again with the same bytes
    (b"train.py", True, True, True, False, "tainted"),
    (b"train.py", False, True, True, False, "tainted"),  # deleted, or its mode changed
    (b"train.py", True, False, True, False, "nothing"),  # saved again as it was
    (b"outside", True, False, False, False, "found"),  # begins like a known path, and is another
]


@pytest.mark.parametrize(("path", "touched", "changed", "in_code", "was_output", "kind"), ROWS)
def test_each_row_of_the_table(
    path: bytes, touched: bool, changed: bool, in_code: bool, was_output: bool, kind: str
) -> None:
    found = classify_touched(
        [path] * touched,
        [path] * changed,
        lambda _: in_code,
        lambda _: was_output,
        known=[b"out", b"data"],
        exclude=["*.log"],
    )
    assert found == Touched((path,) if kind == "found" else (), (path,) if kind == "tainted" else ())  # type: ignore[arg-type]


names = st.sampled_from([b"a", b"b", b"train.py", b"out", b"out/x", b"x.pyc", b".git/index"])


@given(st.lists(names), st.lists(names), st.sets(names), st.sets(names))
def test_a_path_is_at_most_one_thing_and_lists_are_sorted(
    touched: list[bytes], changed: list[bytes], code: set[bytes], earlier: set[bytes]
) -> None:
    found = classify_touched(touched, changed, code.__contains__, earlier.__contains__, [b"out"])
    everything = [*found.found, *found.tainted]
    assert len(set(everything)) == len(everything)
    assert list(found.found) == sorted(found.found)
    assert list(found.tainted) == sorted(found.tainted)
    assert set(found.tainted) <= code - earlier
    assert not {b"out", b"out/x", b"x.pyc", b".git/index"} & set(everything)


@pytest.mark.parametrize("folder", sorted(NOISE_FOLDERS))
def test_a_folder_of_the_table_is_noise_at_any_depth(folder: bytes) -> None:
    assert is_noise(folder + b"/x")
    assert is_noise(b"a/" + folder + b"/b/c")
    assert not is_noise(b"a/my" + folder + b"/b")


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("*.log", [b"a.log", b"d/a.log", b"x.log/inside"], [b"a.log.txt", b"log"]),
        ("logs", [b"logs", b"logs/a", b"d/logs/a"], [b"logs2/a", b"mylogs"]),
        ("logs/", [b"logs/a", b"d/logs/a"], [b"logs2"]),
        ("wandb/**", [b"wandb/a", b"wandb/a/b"], [b"d/wandb/a", b"wandb2/a"]),
        ("/wandb/run", [b"wandb/run", b"wandb/run/x"], [b"wandb/runs", b"d/wandb/run"]),
        ("d/*.tmp", [b"d/a.tmp", b"d/e/a.tmp"], [b"a.tmp", b"d/a.tmp2"]),
        ("[ab].x", [b"a.x", b"b.x"], [b"c.x", b"A.x"]),
        ("*\\xff*", [b"a\xff"], [b"a"]),
        ("", [], [b"a", b"a/b"]),
        ("/", [], [b"a", b"a/b"]),
    ],
)
def test_a_pattern_of_exclude_matches(pattern: str, matching: list[bytes], others: list[bytes]) -> None:
    assert [path for path in (*matching, *others) if is_noise(path, [pattern])] == matching
