"""One byte that is another: in an output, an input, the code, the lock, the remote. Each gets its verdict."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from repro.model.canonical import canonical_digest
from repro.model.digest import Digest, digest_of
from repro.model.packs.pack import HEAD_BYTES
from tests.command_line import Person
from tests.elsewhere.conftest import Recorded
from tests.packed_remotes import digests_in, lose, object_in, put_in, spoil


def rebuild(bob: Person, recorded: Recorded, code: int) -> Any:
    return bob.repro_json("rebuild", recorded.run, "--from", str(recorded.remote), expect=code)


def facts(recorded: Recorded) -> Any:
    return recorded.manifest["facts"]


def test_an_output_that_was_another_byte_is_different_and_named(recorded: Recorded, bob: Person) -> None:
    """The run is made to have recorded another output: a tree whose `seen.json` has another digest."""
    output = facts(recorded)["outputs"][0]
    tree = object_in(recorded.remote, output["digest"])
    member = re.search(rb"f (\d+) ([0-9a-f]{64}) seen\.json\0", tree)
    assert member
    original = object_in(recorded.remote, Digest("b3:" + member[2].decode()))
    changed = original.replace(b"4950", b"4951")
    assert changed != original
    changed_tree = tree.replace(member[2], digest_of(changed)[3:].encode())
    for data in (changed, changed_tree):
        put_in(recorded.remote, data)
    manifest = recorded.remote / "runs" / f"{recorded.run}.yaml"
    manifest.write_text(manifest.read_text().replace(output["digest"], digest_of(changed_tree)))
    answer = rebuild(bob, recorded, 1)
    assert answer["verdict"] == "different"
    assert [one["path"] for one in answer["outputs"]] == ["out", "out/seen.json"]
    assert {one["verdict"] for one in answer["outputs"]} == {"different"}
    kept = Path(answer["directory"])
    assert (kept / "out" / "seen.json").read_bytes() == original


def test_a_changed_input_on_the_remote_is_an_integrity_error(recorded: Recorded, bob: Person) -> None:
    digest = facts(recorded)["recipe"]["data"][0]["digest"]
    tree = object_in(recorded.remote, digest)
    member = re.search(rb"f \d+ ([0-9a-f]{64}) numbers\.csv\0", tree)
    assert member
    spoil(recorded.remote, Digest("b3:" + member[1].decode()))
    answer = rebuild(bob, recorded, 4)
    assert member[1].decode()[2:] in answer["error"]["message"]


def test_changed_code_on_the_remote_is_an_integrity_error(recorded: Recorded, bob: Person) -> None:
    digest = facts(recorded)["code"]["pack"]["digest"]
    spoil(recorded.remote, digest, HEAD_BYTES + 40)
    assert digest[5:] in rebuild(bob, recorded, 4)["error"]["message"]


def test_another_commit_than_the_recipes_code_is_an_integrity_error(recorded: Recorded, bob: Person) -> None:
    path = recorded.remote / "runs" / f"{recorded.run}.yaml"
    manifest = yaml.safe_load(path.read_bytes())
    commit = manifest["facts"]["code"]["commit"]
    path.write_text(path.read_text().replace(f"commit: {commit}", f"commit: {'f' * 40}"))
    assert "f" * 40 in rebuild(bob, recorded, 4)["error"]["message"]


def test_a_recipe_with_other_code_than_the_commits_is_an_integrity_error(recorded: Recorded, bob: Person) -> None:
    """The commit and its pack are sound; the recipe, with an id that fits it, names another tree."""
    path = recorded.remote / "runs" / f"{recorded.run}.yaml"
    recipe = dict(facts(recorded)["recipe"])
    identity, code = recipe.pop("id"), recipe["code"]
    recipe["code"] = "f" * 40
    text = path.read_text().replace(f"code: {code}", f"code: {'f' * 40}")
    path.write_text(text.replace(identity, canonical_digest(recipe)))
    error = rebuild(bob, recorded, 4)["error"]
    assert error["id"] == "wrong-code"
    assert code in error["message"]
    assert not list((bob.home / ".cache" / "repro" / "rebuilds").iterdir())


def test_an_edited_recipe_is_an_integrity_error(recorded: Recorded, bob: Person) -> None:
    path = recorded.remote / "runs" / f"{recorded.run}.yaml"
    text = path.read_text()
    assert "rate: 0.5" in text
    path.write_text(text.replace("rate: 0.5", "rate: 0.6"))
    assert "it was edited" in rebuild(bob, recorded, 4)["error"]["message"]


def test_a_piece_that_is_missing_is_named_and_nothing_starts(recorded: Recorded, bob: Person) -> None:
    digest = facts(recorded)["recipe"]["data"][0]["digest"]
    lose(recorded.remote, digest)
    answer = rebuild(bob, recorded, 3)
    assert answer["verdict"] == "unbuildable"
    assert [(one["kind"], one["path"]) for one in answer["findings"]] == [("data-missing", "data")]
    assert not (bob.home / ".cache" / "repro" / "rebuilds").exists()
    verified = bob.repro_json("verify", recorded.run, "--from", str(recorded.remote), expect=1)
    assert [(one["kind"], one["path"]) for one in verified["findings"]] == [("missing", "data")]


def test_verify_names_every_damaged_piece_and_executes_nothing(recorded: Recorded, bob: Person) -> None:
    arguments = ("verify", recorded.run, "--from", str(recorded.remote))
    assert bob.repro_json(*arguments)["findings"] == []
    for digest in digests_in(recorded.remote):
        spoil(recorded.remote, digest)
    found = bob.repro_json(*arguments, expect=4)["findings"]
    assert {(one["kind"], one["path"]) for one in found} == {
        ("corrupt", "code"),
        ("corrupt", "data"),
        ("corrupt", "list of what was read of data"),
        ("corrupt", "out"),
    }


def test_a_command_that_fails_elsewhere_gets_the_verdict_failed(recorded: Recorded, bob: Person) -> None:
    path = recorded.remote / "runs" / f"{recorded.run}.yaml"
    path.write_text(path.read_text().replace("  exit_code: 0\n", "  exit_code: 3\n"))
    answer = rebuild(bob, recorded, 1)
    assert answer["verdict"] == "failed"
    assert "in the run with 3" in answer["findings"][-1]["detail"]
