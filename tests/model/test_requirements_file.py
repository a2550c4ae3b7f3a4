"""Lines of requirements files, as pip reads them."""

from __future__ import annotations

import importlib

import pytest

from repro.model.environments.requirements_file import Included, included, requirement_lines

TEXT = """\
# what is needed
alpha >=1  # the first
beta==2 \\
    --hash=sha256:00 \\
    --hash=sha256:11
gamma @ https://example.org/gamma.zip#sha256=22

   \t
delta \\
  # a comment ends it
epsilon\\
"""


def test_comments_go_and_a_backslash_joins() -> None:
    assert list(requirement_lines(TEXT)) == [
        (2, "alpha >=1"),
        (3, "beta==2     --hash=sha256:00     --hash=sha256:11"),
        (6, "gamma @ https://example.org/gamma.zip#sha256=22"),
        (9, "delta"),
        (11, "epsilon"),
    ]


def test_pip_reads_the_same_lines() -> None:
    pip = importlib.import_module("pip._internal.req.req_file")
    assert [(number, line.strip()) for number, line in pip.preprocess(TEXT)] == list(requirement_lines(TEXT))


@pytest.mark.parametrize(
    ("line", "path", "constrains"),
    [
        ("-r more.txt", "more.txt", False),
        ("-rmore.txt", "more.txt", False),
        ("--requirement more.txt", "more.txt", False),
        ("--requirement=../more.txt", "../more.txt", False),
        ("-c 'with space.txt'", "with space.txt", True),
        ("--constraint=pins.txt", "pins.txt", True),
    ],
)
def test_a_line_that_names_a_file(line: str, path: str, constrains: bool) -> None:
    assert included(line) == Included(path, constrains)


@pytest.mark.parametrize("line", ["requests", "-e .", "-e ./r", "--require-hashes", "-r", "--requirements x", "r -r x"])
def test_other_lines_name_none(line: str) -> None:
    assert included(line) is None
