"""A remote with one disease: `fsck --remote` names it; `--repair` heals it where the store here has the bytes."""

from __future__ import annotations

import shutil
from pathlib import Path

from repro.model.digest import digest_of
from tests.broken.conftest import MORE, NUMBERS, Sound
from tests.command_line import Person
from tests.packed_remotes import digests_in, indexes_in, spoil


def test_a_sound_remote_has_no_findings_wherever_it_is_asked(sound: Sound, bob: Person) -> None:
    answer = bob.repro_json("fsck", "--remote", str(sound.remote))
    assert (answer["place"], answer["runs"], answer["findings"]) == (str(sound.remote), 1, [])
    assert answer["objects"] == len(digests_in(sound.remote))
    assert not (bob.home / ".local" / "share" / "repro" / "objects").exists()


def test_a_changed_byte_is_corrupt_and_stays_until_somebody_repairs_it(sound: Sound, bob: Person) -> None:
    damaged = spoil(sound.remote, digest_of(NUMBERS))
    wrong = damaged.read_bytes()
    (found,) = bob.repro_json("fsck", "--remote", str(sound.remote), "--repair", expect=4)["findings"]
    assert (found["kind"], found["path"], found["run"]) == ("corrupt-object", "data/numbers.csv", sound.run)
    assert damaged.read_bytes() == wrong


def test_a_corrupt_object_is_written_again_into_another_pack(sound: Sound, bob: Person) -> None:
    damaged = spoil(sound.remote, digest_of(NUMBERS))
    wrong = damaged.read_bytes()
    answer = sound.fsck("--remote", "far", "--repair", expect=0)
    assert [(one["kind"], one["path"]) for one in answer["repaired"]] == [("corrupt-object", "data/numbers.csv")]
    assert damaged.read_bytes() == wrong
    assert sound.kinds("--remote", "far", expect=0) == []


def test_what_is_damaged_here_as_well_is_not_sent(sound: Sound) -> None:
    spoil(sound.remote, digest_of(NUMBERS))
    packs = sorted((sound.remote / "packs").iterdir())
    here = sound.file_of(NUMBERS)
    here.chmod(0o644)
    here.write_bytes(b"9\n9\n9\n")
    assert sound.kinds("--remote", "far", "--repair", expect=4) == [("corrupt-object", "data/numbers.csv")]
    assert sorted((sound.remote / "packs").iterdir()) == packs


def test_all_objects_lost_come_back_from_the_store(sound: Sound) -> None:
    shutil.rmtree(sound.remote / "packs")
    assert ("missing-object", "data") in sound.kinds("--remote", "far", expect=1)
    assert sound.kinds("--remote", "far", "--repair", expect=0) == []
    assert sound.kinds("--remote", "far", expect=0) == []


def test_a_tree_does_not_come_back_before_all_that_is_below_it(sound: Sound) -> None:
    shutil.rmtree(sound.remote / "packs")
    sound.file_of(MORE).unlink()
    found = sound.kinds("--remote", "far", "--repair", expect=1)
    assert ("missing-object", "data/inner/more.csv") in found
    assert ("missing-object", "data") in found
    pointer = (sound.ann.cwd / "data.repro").read_text()
    present = {
        digest
        for index in indexes_in(sound.remote)
        for digest, place in index.objects(range(index.count))
        if (sound.remote / "packs" / place.pack.digest[3:]).exists()
    }
    assert not [digest for digest in present if digest in pointer]
    assert digest_of(NUMBERS) in present


def test_a_damaged_manifest_is_named(sound: Sound) -> None:
    manifest = sound.remote / "runs" / f"{sound.run}.yaml"
    manifest.chmod(0o644)
    manifest.write_text(manifest.read_text().replace("train.py", "other.py"))
    (sound.remote / "runs" / "notes.txt").write_text("whose?")
    found = sound.kinds("--remote", "far", "--repair", expect=4)
    assert found == [("bad-manifest", f"runs/{sound.run}.yaml"), ("bad-manifest", "runs/notes.txt")]


def test_a_place_that_is_no_remote_is_no_clean_remote(sound: Sound, tmp_path: Path) -> None:
    assert sound.fsck("--remote", str(tmp_path / "nowhere"), expect=5)["error"]["id"] == "not-a-remote"
