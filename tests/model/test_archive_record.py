"""The record of an archived environment."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import yaml

from repro.model.data.content import ObjectRef
from repro.model.environments.archive import Archive, ArchivedFile, archive_file_name, parse_archive, render_archive
from repro.model.record import BadRecord, NewerFormat
from tests.model.some_records import digest

ARCHIVE = Archive(
    digest("1"),
    "pip",
    (
        ArchivedFile("alpha-1.0-py3-none-any.whl", "a" * 64, ObjectRef(digest("2"), 7)),
        ArchivedFile("linux-64/beta-1.0+cpu-h_0.conda", "b" * 64, ObjectRef(digest("3"), 8)),
    ),
)


def test_what_is_written_is_read_again_and_fields_of_later_versions_are_kept() -> None:
    data = render_archive(replace(ARCHIVE, extra={"later": {"a": 1}}))
    assert parse_archive(data, "x") == replace(ARCHIVE, extra={"later": {"a": 1}})
    assert render_archive(parse_archive(data, "x")) == data


def test_the_order_in_which_files_were_found_does_not_count() -> None:
    turned = render_archive(replace(ARCHIVE, files=ARCHIVE.files[::-1]))
    assert turned == render_archive(ARCHIVE)
    assert archive_file_name(turned) == archive_file_name(render_archive(ARCHIVE))


@pytest.mark.parametrize("name", ["", "../x", "/x", "a/../b", "a//b", ".hidden", "-rf", "a/b/c/d/e", "a\nb", "x" * 300])
def test_an_unsafe_name_is_refused(name: str) -> None:
    _refused(lambda plain: plain["files"][0].update(name=name))


def test_a_bad_hash_and_a_file_twice_are_refused() -> None:
    _refused(lambda plain: plain["files"][0].update(sha256="a" * 63))
    _refused(lambda plain: plain["files"].append(copy.deepcopy(plain["files"][0])))


def test_a_newer_version_is_refused_by_name() -> None:
    data = render_archive(ARCHIVE).replace(b"repro: 1", b"repro: 2")
    with pytest.raises(NewerFormat):
        parse_archive(data, "x")


def _refused(change: Any) -> None:
    plain = yaml.safe_load(render_archive(ARCHIVE))
    change(plain)
    with pytest.raises(BadRecord):
        parse_archive(yaml.safe_dump(plain).encode(), "x")
