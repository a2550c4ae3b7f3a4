from __future__ import annotations

import json
from dataclasses import replace

import pytest

from repro.model.data.content import ObjectRef
from repro.model.digest import digest_of
from repro.model.environments.edited_file import (
    NAMED,
    EditedFile,
    EditedFiles,
    compare_edited,
    compare_totals,
    edited_files,
    edited_from_fields,
    edited_to_plain,
)
from repro.model.environments.environment import Interpreter, PipEnvironment, ProjectInstall, VcsInstall
from repro.model.environments.environment_diff import (
    Changed,
    Contents,
    EnvironmentDifference,
    compare,
    compare_contents,
    contents_of,
)
from repro.model.record import BadRecord, Fields

PYTHON = Interpreter("cpython", "3.11.7", "cpython-311-x86_64-linux-gnu", "linux-x86_64")
LOCK = ObjectRef(digest_of(b"lock"), 4)
BASE = PipEnvironment(PYTHON, (("numpy", "2.0.0"), ("six", "1.16.0")), LOCK)


def test_an_environment_does_not_differ_from_itself() -> None:
    assert compare(BASE, BASE) == EnvironmentDifference()
    assert not compare(BASE, BASE)


def test_packages_are_added_removed_and_changed() -> None:
    other = replace(BASE, packages=(("idna", "3.10"), ("numpy", "2.1.0")), lock=ObjectRef(digest_of(b"x"), 1))
    assert compare(BASE, other) == EnvironmentDifference(
        added=(("idna", "3.10"),), removed=(("six", "1.16.0"),), changed=(Changed("numpy", "2.0.0", "2.1.0"),)
    )


def test_another_interpreter_is_told_by_field() -> None:
    other = replace(BASE, python=replace(PYTHON, version="3.12.1", abi="cpython-312-x86_64-linux-gnu"))
    assert [change.name for change in compare(BASE, other).base] == ["python abi", "python version"]


def test_the_same_version_from_elsewhere_is_a_difference() -> None:
    commit = VcsInstall("six", "1.16.0", "git", "https://example.org/six.git", "a" * 40)
    one, two = replace(BASE, vcs=(commit,)), replace(BASE, vcs=(replace(commit, commit="b" * 40),))
    assert compare(BASE, one).sources == (Changed("six", "index", f"git+https://example.org/six.git@{'a' * 40}"),)
    assert compare(one, two).sources[0].after.endswith("b" * 40)
    folder = replace(BASE, project=(ProjectInstall("six", "1.16.0", ".", True),))
    assert compare(BASE, folder).sources == (Changed("six", "index", "editable ."),)


def test_the_same_packages_with_other_hashes_are_a_difference() -> None:
    assert compare(BASE, replace(BASE, lock=None)) == EnvironmentDifference(lock=True)


EDITED = EditedFile("six", "1.16.0", "six.py", "a" * 64)


def test_a_file_edited_for_one_of_two_is_named_with_its_package() -> None:
    found = compare_contents(contents_of(BASE), contents_of(BASE, EditedFiles((EDITED,))))
    assert found
    [file] = found.edited
    assert (file.package, file.path) == ("six", "six.py")
    assert (file.before, file.after) == ("as installed", f"edited, sha256 {'a' * 64}")


def test_the_same_edit_in_both_is_no_difference_and_another_edit_or_a_removal_is() -> None:
    one, other, gone = (EditedFiles((replace(EDITED, sha256=found),)) for found in ("a" * 64, "b" * 64, None))
    assert compare_edited(one, one) == ()
    assert [file.after for file in compare_edited(one, other)] == [f"edited, sha256 {'b' * 64}"]
    assert [file.after for file in compare_edited(one, gone)] == ["removed"]
    assert compare_totals(one, other) is None  # each of them is named


def test_of_a_lock_file_no_edits_are_known_and_none_are_compared() -> None:
    lock = Contents(None, dict(BASE.packages), None)
    assert not compare_contents(lock, contents_of(BASE, EditedFiles((EDITED,))))


def test_the_hash_of_an_edited_file_is_one() -> None:
    plain = edited_to_plain(EditedFiles((EDITED,)))
    assert edited_from_fields(Fields(plain, "x")) == EditedFiles((EDITED,))
    with pytest.raises(BadRecord, match="sha256"):
        edited_from_fields(Fields({"edited": [{**plain["edited"][0], "sha256": "A" * 64}]}, "x"))


def many(count: int, **changes: str) -> list[EditedFile]:
    """Return edited files of a package, with another content of some: `f00007="b"`."""
    paths = [f"f{number:05d}" for number in range(count)]
    return [EditedFile("six", "1.16.0", path, changes.get(path, "a") * 64) for path in paths]


def test_of_many_edited_files_the_first_are_named_and_all_are_counted() -> None:
    kept = edited_files(reversed(many(20_000)))
    assert kept.named == tuple(many(NAMED))
    assert kept.count == 20_000
    assert edited_files(many(NAMED)) == EditedFiles(tuple(many(NAMED)))
    plain = edited_to_plain(kept)
    assert len(plain["edited"]) == NAMED
    assert plain["edited_total"]["files"] == 20_000
    assert edited_from_fields(Fields(plain, "x")) == kept
    for few in (0, NAMED):
        with pytest.raises(BadRecord, match=f"there are {few} in all, and {NAMED} are named"):
            edited_from_fields(Fields(plain | {"edited_total": plain["edited_total"] | {"files": few}}, "x"))


def test_a_difference_behind_the_named_files_is_told_by_the_digest_of_all() -> None:
    one, other = edited_files(many(300)), edited_files(many(300, f00299="b"))
    found = compare_contents(contents_of(BASE, one), contents_of(BASE, other))
    assert found
    assert found.edited == ()
    assert found.edited_total == (one.total, other.total)
    assert not compare_contents(contents_of(BASE, one), contents_of(BASE, edited_files(many(300))))


def test_what_was_edited_in_the_same_way_in_another_version_is_no_difference() -> None:
    newer = edited_files(replace(file, version="1.17.0") for file in many(300))
    assert compare_edited(edited_files(many(300)), newer) == ()
    assert compare_totals(edited_files(many(300)), newer) is None


def test_files_are_compared_as_far_as_both_name_them() -> None:
    """A file behind the last that the one names may be edited there as well."""
    few = edited_files(many(150)[1:] + many(300)[250:])
    found = compare_edited(edited_files(many(300)), few)
    assert [file.path for file in found] == ["f00000", *(f"f{number:05d}" for number in range(150, NAMED))]
    assert {file.after for file in found} == {"as installed"}
    totals = compare_totals(edited_files(many(300)), few)
    assert [total.files for total in totals or ()] == [300, 199]


def test_the_digest_of_all_is_what_the_specification_says() -> None:
    """By nothing of ours but the digest itself: the canonical JSON of plain ASCII text is `json`'s, without spaces."""
    files = [*many(NAMED), EditedFile("a", "2", "gone")]
    lines = [["a", "gone", None], *(["six", file.path, file.sha256] for file in many(NAMED))]
    text = json.dumps(lines, separators=(",", ":"))
    assert edited_files(files).total.digest == digest_of(text.encode())
