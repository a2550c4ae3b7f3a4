"""Manifests that were edited, or come from somebody who means harm."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.check.conftest import Checker


def manifest_of(person: Checker) -> Path:
    return person.cwd / ".repro" / "runs" / f"{person.run_id()}.yaml"


def edited(person: Checker, before: str, after: str) -> None:
    path = manifest_of(person)
    text = path.read_text()
    assert re.search(before, text)
    path.write_text(re.sub(before, after, text, count=1))
    person.git("add", "--all")


def test_a_recipe_that_was_edited_does_not_have_its_id(made: Checker) -> None:
    edited(made, "    - make.sh\n", "    - other.sh\n")
    found = [one for one in made.findings("--staged") if one["kind"] == "bad-manifest"]
    assert {one["path"] for one in found} == {f".repro/runs/{made.run_id()}.yaml"}
    assert "edited" in found[0]["detail"]
    made.mend(found[0])
    assert made.kinds("--staged") == ["no-manifest"]


def test_a_committed_manifest_that_was_edited_is_taken_back(kept: Checker) -> None:
    edited(kept, "    - make.sh\n", "    - other.sh\n")
    found = [one for one in kept.findings("--staged") if one["kind"] == "bad-manifest"]
    kept.mend(found[0])
    assert kept.findings("--staged") == []


def test_outputs_of_a_sealed_run_do_not_change(kept: Checker) -> None:
    kept.write("results/a", "made up\n")
    digest = _digest(b"made up\n")
    edited(kept, r"(outputs:\n(?:.*\n){3}    digest: b3:)[0-9a-f]{64}", rf"\g<1>{digest}")
    found = kept.finding("bad-manifest", "--staged")
    assert "after the run" in found["detail"]
    kept.mend(found)
    assert kept.kinds("--staged") == ["result-changed"]


def _digest(data: bytes) -> str:
    from repro.model.digest import digest_of

    return digest_of(data)[3:]


def test_an_edit_that_was_committed_is_found_in_the_range_and_mended_by_a_commit(kept: Checker) -> None:
    edited(kept, "state: complete\n", "message: said later\nstate: complete\n")
    kept.git("commit", "--quiet", "-m", "an edit")
    kept.mend(kept.finding("bad-manifest", "--range", "HEAD~1..HEAD"))
    assert kept.findings("--range", "HEAD~2..HEAD") == []
    assert kept.git("diff", "HEAD~2", "HEAD") == ""


def test_a_snapshot_that_is_sealed_later_may_change(made: Checker) -> None:
    made.repro("snapshot", "-o", "results/b")
    run = made.run_id()
    made.git("add", "--all")
    made.git("commit", "--quiet", "-m", "a snapshot")
    made.write("results/b", "from a queue\n")
    made.git("add", "results/b")
    assert made.kinds("--staged") == ["no-manifest"]
    made.repro("seal", run)
    made.mend(made.finding("manifest-not-committed", "--staged"))
    assert made.findings("--staged") == []


def test_a_manifest_under_another_runs_name_is_refused(made: Checker) -> None:
    other = manifest_of(made).with_name("20200101-000000-aaaaaaaa.yaml")
    manifest_of(made).rename(other)
    made.git("add", "--all")
    assert set(made.kinds("--staged")) == {"bad-manifest"}


def test_a_manifest_of_a_newer_repro_is_named(made: Checker) -> None:
    edited(made, "repro: 1\n", "repro: 99\n")
    assert set(made.kinds("--staged")) == {"newer-format"}


HOSTILE = {
    "bomb": b"a: &a [x]\nb: [*a, *a]\n",
    "deep": b"[" * 100_000,
    "binary": bytes(range(256)) * 100,
    "empty": b"",
    "a text": b"results\n",
    "a list": b"- 1\n- 2\n",
    "no facts": b"repro: 1\nrun: x\n",
    "outputs of another kind": b"repro: 1\nfacts:\n  outputs:\n  - path: 1\n    kind: [x]\n  - 5\n",
    "a way out": b"repro: 1\nfacts:\n  outputs:\n  - path: ../../x\n    kind: file\n    size: 1\n    digest: b3:"
    + b"0" * 64,
    "a terminal's commands": b"\x1b]0;title\x07\x1b[2J",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_manifest_is_a_finding_and_nothing_else(kept: Checker, name: str) -> None:
    path = kept.cwd / ".repro" / "runs" / "20200101-000000-aaaaaaaa.yaml"
    path.write_bytes(HOSTILE[name])
    kept.git("add", "--all")
    found = kept.finding("bad-manifest", "--staged")
    done = kept.repro("check", "--staged", expect=1)
    assert "\x1b" not in done.stderr + done.stdout
    kept.mend(found)
    assert kept.findings("--staged") == []


def test_a_hostile_manifest_cannot_account_for_what_it_claims(kept: Checker) -> None:
    text = manifest_of(kept).read_text()
    forged = re.sub(
        r"(outputs:\n(?:.*\n){3}    digest: b3:)[0-9a-f]{64}", rf"\g<1>{_digest(b'typed' + bytes([10]))}", text
    )
    path = kept.cwd / ".repro" / "runs" / "20200101-000000-aaaaaaaa.yaml"
    path.write_text(forged)  # of another run
    kept.write("results/b", "typed\n")
    kept.git("add", "--all")
    assert set(kept.kinds("--staged")) == {"bad-manifest"}


def test_a_manifest_that_is_a_link_is_none(made: Checker) -> None:
    target = made.home / "elsewhere.yaml"
    path = manifest_of(made)
    os.rename(path, target)
    path.symlink_to(target)
    made.git("add", "--all")
    assert "bad-manifest" in made.kinds("--staged")


def test_a_command_of_somebody_elses_manifest_is_only_quoted(kept: Checker) -> None:
    kept.shell("repro run -o results/q -- sh -c 'echo q > results/q; true \"$(touch pwned)\" `true`'; rm pwned")
    kept.write("results/q", "edited\n")
    kept.git("add", "--all")
    found = kept.finding("result-changed", "--staged")
    assert '\'"$(touch pwned)"' in found["hint"] or "touch pwned" in found["hint"]
    kept.mend(found)
    assert not (kept.cwd / "pwned").exists()
