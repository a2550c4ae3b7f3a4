"""A store with one disease: `fsck` names it, with path and run; `--repair` heals it where somebody has the bytes."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from repro.model.digest import digest_of
from tests.broken.conftest import MORE, NUMBERS, Sound, damage
from tests.command_line import REPRO
from tests.packed_remotes import spoil


def test_a_sound_store_has_no_findings_and_is_not_changed(sound: Sound) -> None:
    sound.fsck(expect=0)  # notes where the project is now
    before = sorted((path, path.stat().st_mtime_ns) for path in sound.store.rglob("*"))
    answer = sound.fsck(expect=0)
    files = list((sound.store / "objects").glob("*/*"))
    assert (answer["objects"], answer["bytes"]) == (len(files), sum(path.stat().st_size for path in files))
    assert (answer["runs"], answer["findings"], answer["repaired"]) == (1, [], [])
    assert sorted((path, path.stat().st_mtime_ns) for path in sound.store.rglob("*")) == before


def test_a_changed_byte_is_corrupt_and_told_with_the_paths_and_runs_that_need_it(sound: Sound) -> None:
    damaged = damage(sound.file_of(NUMBERS))
    (found,) = sound.fsck(expect=4)["findings"]
    assert (found["kind"], found["path"], found["run"]) == ("corrupt-object", "data/numbers.csv", sound.run)
    assert f"data/numbers.csv (run {sound.run})" in found["detail"]
    assert "data/numbers.csv (tracked)" in found["detail"]
    assert damaged.is_file()


@pytest.mark.parametrize("source", ["work tree", "remote"])
def test_a_corrupt_file_is_repaired_from_who_has_it_and_the_wrong_bytes_are_kept(sound: Sound, source: str) -> None:
    damaged = damage(sound.file_of(NUMBERS))
    wrong = damaged.read_bytes()
    sound.lose_remote() if source == "work tree" else sound.lose_work_tree()
    answer = sound.fsck("--repair", expect=0)
    assert [(one["kind"], one["path"]) for one in answer["repaired"]] == [("corrupt-object", "data/numbers.csv")]
    assert (source if source == "work tree" else str(sound.remote)) in answer["repaired"][0]["detail"]
    assert damaged.read_bytes() == NUMBERS
    assert [path.read_bytes() for path in (sound.store / "quarantine").iterdir()] == [wrong]
    after = sound.fsck(expect=0)
    assert [one["kind"] for one in after["information"]] == ["quarantine"]


def test_what_nobody_has_is_set_aside_and_named_as_lost(sound: Sound) -> None:
    damaged = damage(sound.file_of(NUMBERS))
    sound.lose_remote()
    sound.ann.write("data/numbers.csv", "other\n")
    (found,) = sound.fsck("--repair", expect=1)["findings"]
    assert (found["kind"], found["path"], found["run"]) == ("missing-object", "data/numbers.csv", sound.run)
    assert not damaged.exists()
    assert len(list((sound.store / "quarantine").iterdir())) == 1
    assert (sound.ann.cwd / "data" / "numbers.csv").read_text() == "other\n"
    assert sound.kinds(expect=1) == [("missing-object", "data/numbers.csv")]


def test_a_remote_that_cannot_be_asked_is_no_answer(sound: Sound) -> None:
    damage(sound.file_of(NUMBERS))
    sound.lose_work_tree()
    sound.remote.rename(sound.remote.with_name("elsewhere"))
    (found,) = sound.fsck("--repair", expect=1)["findings"]
    assert f"could not be asked: {sound.remote}" in found["hint"]


def test_a_remote_that_has_wrong_bytes_too_is_no_source(sound: Sound) -> None:
    damage(sound.file_of(NUMBERS))
    spoil(sound.remote, digest_of(NUMBERS))
    sound.lose_work_tree()
    assert sound.kinds("--repair", expect=1) == [("missing-object", "data/numbers.csv")]


def test_an_empty_file_is_corrupt(sound: Sound) -> None:
    path = sound.file_of(NUMBERS)
    path.chmod(0o644)
    path.write_bytes(b"")
    (found,) = sound.fsck(expect=4)["findings"]
    assert found["kind"] == "corrupt-object"
    assert "empty file" in found["detail"]


def test_a_missing_object_is_named_and_repaired_from_the_work_tree(sound: Sound) -> None:
    path = sound.file_of(MORE)
    path.unlink()
    sound.lose_remote()
    assert sound.kinds(expect=1) == [("missing-object", "data/inner/more.csv")]
    assert sound.kinds("--repair", expect=0) == []
    assert path.read_bytes() == MORE


@pytest.mark.parametrize("source", ["work tree", "remote"])
def test_a_missing_tree_comes_back_with_all_that_is_below_it(sound: Sound, source: str) -> None:
    tree = sound.tree_of("data")
    shutil.rmtree(sound.store / "objects")
    sound.lose_remote() if source == "work tree" else sound.lose_work_tree()
    found = sound.kinds(expect=1)
    assert ("missing-object", "data") in found
    assert ("missing-object", "data/numbers.csv") not in found  # what a tree names is known only with the tree
    left = sound.fsck("--repair", expect=None)["findings"]
    assert [one for one in left if not one["path"].startswith("list of what was read")] == []  # no file is like it
    assert tree.is_file()
    assert sound.file_of(MORE).read_bytes() == MORE


def test_the_code_comes_back_from_git(sound: Sound) -> None:
    pack = sound.ann.manifest()["facts"]["code"]["pack"]["digest"]
    path = sound.store / "objects" / pack[3:5] / pack[5:]
    before = damage(path).read_bytes()
    sound.lose_remote()
    (found,) = sound.fsck("--repair", expect=0)["repaired"]
    assert (found["kind"], found["path"], found["run"]) == ("corrupt-object", "code", sound.run)
    assert "the git repository" in found["detail"]
    assert path.read_bytes() != before


def test_a_damaged_object_that_no_record_needs_is_found_too(sound: Sound) -> None:
    sound.ann.write("other.bin", "another project's")
    sound.ann.repro("add", "other.bin")
    damaged = damage(sound.file_of(b"another project's"))
    (sound.ann.cwd / "other.bin.repro").unlink()
    (found,) = sound.fsck(expect=4)["findings"]
    assert (found["kind"], found["path"]) == ("corrupt-object", str(damaged.relative_to(sound.store)))
    assert "no record that was read needs it" in found["detail"]


@pytest.mark.parametrize("name", ["objects/notes.txt", "objects/ab/short", "objects/AB/" + "0" * 62])
def test_a_file_that_is_no_object_is_stray_and_set_aside(sound: Sound, name: str) -> None:
    stray = sound.store / name
    stray.parent.mkdir(exist_ok=True)
    stray.write_text("mine")
    assert [kind for kind, _ in sound.kinds(expect=1)] == ["stray-file"]
    assert [one["kind"] for one in sound.fsck("--repair", expect=0)["repaired"]] == ["stray-file"]
    aside = list((sound.store / "quarantine").iterdir())
    assert len(aside) == 1
    assert (aside[0] if aside[0].is_file() else next(aside[0].iterdir())).read_text() == "mine"


def test_an_object_under_a_wrong_name_gets_its_own_again(sound: Sound) -> None:
    path = sound.file_of(NUMBERS)
    path.rename(path.with_name("misnamed"))
    sound.lose_remote()
    sound.lose_work_tree()
    assert {kind for kind, _ in sound.kinds(expect=1)} == {"stray-file", "missing-object"}
    assert sound.kinds("--repair", expect=0) == []
    assert path.read_bytes() == NUMBERS


@pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
def test_what_is_no_file_is_no_object(sound: Sound, kind: str) -> None:
    path = sound.file_of(NUMBERS)
    path.unlink()
    if kind == "link":
        path.symlink_to(sound.ann.cwd / "data" / "numbers.csv")
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    assert sound.kinds(expect=4) == [("corrupt-object", "data/numbers.csv")]
    assert sound.kinds("--repair", expect=0) == []
    assert path.read_bytes() == NUMBERS
    assert not path.is_symlink()


def test_what_may_not_be_read_is_not_called_corrupt_and_is_left_alone(sound: Sound) -> None:
    path = sound.file_of(NUMBERS)
    path.chmod(0)
    powerless = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all") if os.getuid() == 0 else ()
    done = sound.ann.call(*powerless, *REPRO, "fsck", "--repair", "--json")
    found = [(one["kind"], one["path"]) for one in json.loads(done.stdout)["findings"]]
    assert (done.returncode, found) == (1, [("unreadable-object", "data/numbers.csv")])
    assert path.exists()


def test_leftovers_are_information_and_stay(sound: Sound) -> None:
    left = sound.store / "tmp" / "123-abc"
    left.write_text("half")
    answer = sound.fsck("--repair", expect=0)
    assert [(one["kind"], one["path"]) for one in answer["information"]] == [("unfinished", str(left.parent))]
    assert left.read_text() == "half"


def test_a_run_that_is_not_sealed_is_information(sound: Sound) -> None:
    run = sound.ann.repro("snapshot", "--", "true").stdout.strip()
    answer = sound.fsck(expect=0)
    assert [(one["kind"], one["run"]) for one in answer["information"]] == [("unfinished", run)]


def test_a_damaged_manifest_is_named_and_the_rest_is_checked(sound: Sound) -> None:
    manifest = sound.ann.cwd / ".repro" / "runs" / f"{sound.run}.yaml"
    manifest.write_text(manifest.read_text().replace("train.py", "other.py"))
    damage(sound.file_of(NUMBERS))
    assert sound.kinds(expect=4) == [
        ("bad-manifest", f".repro/runs/{sound.run}.yaml"),
        ("corrupt-object", "data/numbers.csv"),
    ]


def test_a_manifest_under_another_runs_name_is_named(sound: Sound) -> None:
    folder = sound.ann.cwd / ".repro" / "runs"
    shutil.copy(folder / f"{sound.run}.yaml", folder / "20200101-000000-aaaaaaaa.yaml")
    shutil.copy(folder / f"{sound.run}.yaml", folder / "copy.yaml")
    assert sound.kinds(expect=4) == [
        ("bad-manifest", ".repro/runs/20200101-000000-aaaaaaaa.yaml"),
        ("bad-manifest", ".repro/runs/copy.yaml"),
    ]


def test_a_record_of_a_newer_repro_is_no_damage(sound: Sound) -> None:
    (sound.ann.cwd / ".repro" / "runs" / "20991231-235959-aaaaaaaa.yaml").write_text("repro: 99\n")
    assert sound.kinds(expect=1) == [("newer-format", ".repro/runs/20991231-235959-aaaaaaaa.yaml")]


def test_a_damaged_pointer_is_named(sound: Sound) -> None:
    sound.ann.write("bad.repro", "repro: 1\npath: ../etc\n")
    assert sound.kinds(expect=4) == [("bad-pointer", "bad.repro")]


def test_a_pointer_that_lies_about_the_size_is_named(sound: Sound) -> None:
    pointer = sound.ann.cwd / "data.repro"
    pointer.write_text(pointer.read_text().replace("size: 10", "size: 11"))
    assert sound.kinds(expect=4) == [("wrong-size", "data")]


def test_a_directory_that_is_no_tree_is_named(sound: Sound) -> None:
    pointer = sound.ann.cwd / "data.repro"
    tree, file = sound.tree_of("data"), sound.file_of(NUMBERS)
    tree_digest, file_digest = ("".join(path.parts[-2:]) for path in (tree, file))
    pointer.write_text(pointer.read_text().replace(tree_digest, file_digest))
    assert sound.kinds(expect=4) == [("bad-tree", "data")]


def test_a_changed_rebuild_record_is_named(sound: Sound) -> None:
    sound.ann.repro("rebuild", "first")
    (record,) = (sound.ann.cwd / ".repro" / "rebuilds" / sound.run).iterdir()
    assert sound.kinds(expect=0) == []
    record.write_text(record.read_text().replace("verdict: identical", "verdict: different"))
    path = f".repro/rebuilds/{sound.run}/{record.name}"
    assert sound.kinds(expect=4) == [("bad-rebuild", path)]


def test_a_lost_ref_is_named_and_set_again(sound: Sound) -> None:
    ref = f"refs/repro/{sound.run}"
    commit = sound.ann.git("rev-parse", ref)
    sound.ann.git("update-ref", "-d", ref)
    assert sound.kinds(expect=1) == [("missing-ref", ref)]
    assert sound.kinds("--repair", expect=0) == []
    assert sound.ann.git("rev-parse", ref) == commit


def test_without_a_project_the_store_is_checked_alone(sound: Sound) -> None:
    damage(sound.file_of(NUMBERS))
    found = sound.ann.at(sound.ann.home).repro("fsck", expect=4)
    assert found.stdout.count("\n") == 1
    assert "1 finding" in found.stdout
    assert "corrupt-object: objects/" in found.stderr
