"""What a killed command leaves in the store is no fault, unless it may be what a record lacks."""

from __future__ import annotations

import os
from pathlib import Path

from tests.command_line import Person


def _unindexed(person: Person) -> tuple[Path, bytes]:
    """Small files in a pack of their own, whose index is gone; the pointer to them, and its bytes."""
    store = person.home / ".local/share/repro"
    before = set(os.listdir(store / "indexes")) if (store / "indexes").exists() else set()
    for number in range(80):
        person.write(f"many/f{number}", f"{number} " * 300)
    person.repro("add", "many")
    for name in set(os.listdir(store / "indexes")) - before:
        (store / "indexes" / name).unlink()
    return person.cwd / "many.repro", (person.cwd / "many.repro").read_bytes()


def test_a_pack_that_no_index_names_is_information_where_records_lack_nothing(project: Person) -> None:
    pointer, record = _unindexed(project)
    pointer.unlink()  # as of an add that was killed before it wrote one
    left = project.repro_json("fsck")
    assert left["findings"] == []
    assert [one["kind"] for one in left["information"]] == ["unindexed-pack"]
    assert "--repair" in left["information"][0]["hint"]
    assert project.repro_json("fsck", "--repair")["findings"] == []
    assert project.repro_json("fsck")["information"] == []
    pointer.write_bytes(record)
    assert project.repro_json("fsck")["findings"] == []


def test_a_pack_that_no_index_names_is_a_finding_where_records_lack_anything(project: Person) -> None:
    _unindexed(project)
    found = project.repro_json("fsck", expect=1)
    assert {one["kind"] for one in found["findings"]} == {"missing-object", "unindexed-pack"}


def test_a_pack_that_no_index_names_is_a_finding_where_no_project_says_what_is_needed(project: Person) -> None:
    pointer, _ = _unindexed(project)
    pointer.unlink()
    outside = project.home / "outside"
    outside.mkdir()
    found = project.at(outside).repro_json("fsck", expect=1)
    assert [one["kind"] for one in found["findings"]] == ["unindexed-pack"]
