from __future__ import annotations

from dataclasses import replace

import pytest

from repro.model.data.content import ObjectRef
from repro.model.digest import digest_of
from repro.model.environments.edited_file import EditedFile, compare_edited, edited_from_fields, edited_to_plain
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
    found = compare_contents(contents_of(BASE), contents_of(BASE, (EDITED,)))
    assert found
    [file] = found.edited
    assert (file.package, file.path) == ("six", "six.py")
    assert (file.before, file.after) == ("as installed", f"edited, sha256 {'a' * 64}")


def test_the_same_edit_in_both_is_no_difference_and_another_edit_or_a_removal_is() -> None:
    other, gone = replace(EDITED, sha256="b" * 64), replace(EDITED, sha256=None)
    assert compare_edited((EDITED,), (EDITED,)) == ()
    assert [file.after for file in compare_edited((EDITED,), (other,))] == [f"edited, sha256 {'b' * 64}"]
    assert [file.after for file in compare_edited((EDITED,), (gone,))] == ["removed"]


def test_of_a_lock_file_no_edits_are_known_and_none_are_compared() -> None:
    lock = Contents(None, dict(BASE.packages), None)
    assert not compare_contents(lock, contents_of(BASE, (EDITED,)))


def test_the_hash_of_an_edited_file_is_one() -> None:
    plain = edited_to_plain(EDITED)
    assert edited_from_fields(Fields(plain, "x")) == EDITED
    with pytest.raises(BadRecord, match="sha256"):
        edited_from_fields(Fields({**plain, "sha256": "A" * 64}, "x"))
