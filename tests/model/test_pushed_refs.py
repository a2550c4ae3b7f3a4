from __future__ import annotations

import pytest

from repro.errors import UsageError
from repro.model.git.pushed_refs import NOTHING, PushedRef, parse_post_rewrite, parse_pre_push, parse_pre_receive

A, B = "a" * 40, "b" * 40


def test_a_push_is_read_as_its_two_hooks_get_it() -> None:
    changed = PushedRef("refs/heads/main", A, B)
    assert parse_pre_push([f"refs/heads/x {B} refs/heads/main {A}\n"]) == [changed]
    assert parse_pre_receive([f"{A} {B} refs/heads/main\n"]) == [changed]


def test_new_and_deleted_refs_have_no_id_on_one_side() -> None:
    assert parse_pre_receive([f"{NOTHING} {B} refs/tags/v1\n"]) == [PushedRef("refs/tags/v1", None, B)]
    assert parse_pre_push([f"(delete) {NOTHING} refs/heads/x {A}\n"]) == [PushedRef("refs/heads/x", A, None)]


def test_only_a_branch_has_a_branchs_name() -> None:
    assert PushedRef("refs/heads/a/b", A, B).branch == "a/b"
    assert PushedRef("refs/tags/v1", A, B).branch is None


@pytest.mark.parametrize("line", ["", "x", f"{A} {B}", f"{A} --help refs/heads/x", f"{A} {B} ref\u0000 more words"])
def test_anything_else_is_refused(line: str) -> None:
    with pytest.raises(UsageError):
        parse_pre_receive([line])
    with pytest.raises(UsageError):
        parse_pre_push([line])


def test_rewritten_commits_may_have_more_said_of_them() -> None:
    assert parse_post_rewrite([f"{A} {B}\n", f"{B} {A} more\n"]) == [(A, B), (B, A)]
    with pytest.raises(UsageError):
        parse_post_rewrite(["x y"])
