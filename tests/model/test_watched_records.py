"""What a watched run adds to a manifest: written and read back, and refused where it is unsafe."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.errors import IntegrityError
from repro.model.names import UnsafePath, name_to_text
from repro.model.runs.manifest import parse_manifest, render_manifest
from repro.model.runs.outside import absolute_path, check_outside, outside_path, parse_outside
from repro.model.runs.pieces import pieces_of
from repro.model.runs.recipe import recipe_id
from repro.model.runs.run_diff import diff_runs
from repro.model.watching.watch_record import decode_names, encode_names
from tests.model.some_records import OPEN, WATCHED


def test_a_watched_run_is_read_back_as_it_was_written() -> None:
    data = render_manifest(WATCHED)
    assert parse_manifest(data, "it") == WATCHED
    assert render_manifest(parse_manifest(data, "it")) == data


def test_a_run_that_was_not_watched_says_nothing_of_it() -> None:
    text = render_manifest(OPEN).decode()
    assert not [word for word in ("outside", "unstored", "reads", "watch:") if word in text]


def test_inputs_outside_are_part_of_the_recipe_and_pieces_unless_only_their_digest_is_kept() -> None:
    less = replace(WATCHED, recipe=replace(WATCHED.recipe, outside=WATCHED.recipe.outside[1:]))
    assert recipe_id(less.recipe) != recipe_id(WATCHED.recipe)
    assert [(found.part, found.name) for found in diff_runs(WATCHED, less)] == [("data", "/data/set")]
    shown = [piece.path for piece in pieces_of(WATCHED)]
    assert shown == ["code", "data", "/data/set", "/etc/tool.conf", "list of what was read of data"]


@pytest.mark.parametrize(
    "path", ["relative", "/proc/self/maps", "/dev/null", "/sys", "/a/../b", "/a//b", "~", "~ann/x", "/", "/a/"]
)
def test_an_unsafe_outside_path_is_refused(path: str) -> None:
    with pytest.raises(UnsafePath):
        parse_outside(path)
    edited = render_manifest(WATCHED).decode().replace("/etc/tool.conf", path)
    with pytest.raises(IntegrityError):
        parse_manifest(edited.encode(), "it")


def test_a_file_in_the_home_directory_has_the_same_recorded_path_for_everybody() -> None:
    assert outside_path(b"/home/ann/.config/x", b"/home/ann") == b"~/.config/x"
    assert outside_path(b"/home/annabel/x", b"/home/ann") == b"/home/annabel/x"
    assert outside_path(b"/root/x", None) == b"/root/x"
    assert absolute_path(b"~/.config/x", b"/home/bob/") == b"/home/bob/.config/x"
    assert absolute_path(b"/data/x", b"/home/bob") == b"/data/x"


@given(st.binary(max_size=20))
def test_outside_paths_have_one_text_form(raw: bytes) -> None:
    try:
        path = check_outside(b"/" + raw)
    except UnsafePath:
        return
    assert parse_outside(name_to_text(path)) == path


@given(st.sets(st.binary(min_size=1, max_size=5).filter(lambda name: b"\0" not in name)))
def test_a_list_of_names_is_read_back(names: set[bytes]) -> None:
    assert decode_names(encode_names(names)) == names


@pytest.mark.parametrize("data", [b"", b"repro-names 2\0", b"repro-names 1\0a", b"repro-names 1\0b\0a\0"])
def test_what_is_no_list_of_names_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no list"):
        decode_names(data)
