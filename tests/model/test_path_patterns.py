"""Patterns of paths mean what git's mean; git itself is asked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repro.model.path_patterns import PathPatterns, branch_pattern

PARTS = st.one_of(
    st.sampled_from(["a", "b", "ab", "*", "**", "***", "*a", "a*", "a**b", "?", "??", "*.b", ".", "a.b", "é", "\\a"]),
    st.sampled_from(
        ["[ab]", "[!a]", "[^b]", "[a-c]", "[]a]", "[[:alpha:]]", "[[:digit:]x]", "[a-]", "[\\]a]", "[!-a]"]
    ),
    st.just("[é]"),
)
PATTERN = st.builds(
    lambda takes_back, first, parts, last: takes_back + first + "/".join(parts) + last,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(PARTS, min_size=1, max_size=4),
    st.sampled_from(["", "", "/"]),
)
NAMES = st.sampled_from(["a", "b", "ab", "aab", "a.b", "c", "x.b", "]", "-", "1", "é", "B"])
PATH = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("patterns")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    return root


def ignored_by_git(root: Path, patterns: list[str], paths: list[str]) -> set[str]:
    (root / "patterns").write_text("".join(f"{pattern}\n" for pattern in patterns))
    asked = subprocess.run(
        ["git", "-c", f"core.excludesFile={root}/patterns", "check-ignore", "--no-index", "--stdin", "-z"],
        cwd=root,
        input="".join(f"{path}\0" for path in paths).encode(),
        capture_output=True,
    )
    assert asked.returncode in (0, 1), asked.stderr
    return set(asked.stdout.decode().split("\0")[:-1])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(patterns=st.lists(PATTERN, min_size=1, max_size=4), paths=st.lists(PATH, min_size=12, max_size=40, unique=True))
def test_a_path_is_matched_where_git_would_ignore_it(repository: Path, patterns: list[str], paths: list[str]) -> None:
    try:
        ours = PathPatterns(patterns)
    except ValueError:
        return  # a pattern that matches nothing is refused
    expected: set[str] = set()
    for pattern in patterns:  # `!` takes back what its pattern would match alone
        matched = ignored_by_git(repository, [pattern.removeprefix("!")], paths)
        expected = expected - matched if pattern.startswith("!") else expected | matched
    assert {path for path in paths if ours.matches(path.encode())} == expected
    if not any(pattern.startswith("!") for pattern in patterns):
        assert expected == ignored_by_git(repository, patterns, paths)


@settings(max_examples=200, deadline=None)
@given(pattern=PATTERN, path=PATH)
def test_where_a_file_is_matched_each_directory_above_may_hold_one(pattern: str, path: str) -> None:
    try:
        patterns = PathPatterns([pattern])
    except ValueError:
        return
    if patterns.matches(path.encode()):
        parts = path.split("/")
        assert all(patterns.may_match_below("/".join(parts[:end]).encode()) for end in range(1, len(parts)))


def test_a_directory_that_cannot_hold_a_match_is_told() -> None:
    patterns = PathPatterns(["results/*/model.bin", "/models/**"])
    assert patterns.may_match_below(b"results")
    assert patterns.may_match_below(b"results/one")
    assert patterns.may_match_below(b"models/any/depth")
    assert not patterns.may_match_below(b"results/one/two")
    assert not patterns.may_match_below(b"data")
    assert not PathPatterns(["!data/*"]).may_match_below(b"data")


def test_names_of_any_bytes_are_matched() -> None:
    patterns = PathPatterns(["out/**"])
    assert patterns.matches(b"out/a\nb\xff")
    assert PathPatterns(["*\n?"]).matches(b"x\ny")


@pytest.mark.parametrize("text", ["", "/", "!", "a//b", "[a", "a\\", "[[:nothing:]]", "[a\\"])
def test_what_can_match_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        PathPatterns([text])


def test_a_branch_is_matched_whole() -> None:
    assert branch_pattern("release/*").fullmatch(b"release/1")
    assert not branch_pattern("release/*").fullmatch(b"release/1/2")
    assert branch_pattern("release/**").fullmatch(b"release/1/2")
    assert not branch_pattern("main").fullmatch(b"feature/main")
