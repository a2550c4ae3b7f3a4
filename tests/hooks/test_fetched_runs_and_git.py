"""Runs that were fetched, and then come with git as well: neither stands in the other's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command_line import Person
from tests.hooks.on_path import with_repro


@pytest.fixture
def shared(project: Person, bob: Person, tmp_path: Path) -> tuple[Person, Person, str]:
    """Ann's run is on the remote, rebuilt, and committed to her branch; Bob has a clone from before."""
    ann = with_repro(project)
    ann.write("repro.yaml", f"results: [out/**]\nremotes:\n  store: {{url: {tmp_path / 'store'}}}\n")
    ann.git("add", "repro.yaml")
    ann.git("commit", "-q", "-m", "rules")
    bob.git("clone", "-q", str(ann.cwd), "project")
    bob = with_repro(bob.at(bob.cwd / "project"))
    bob.repro("hooks", "install")
    ann.git("checkout", "-q", "-b", "feature")
    ann.repro("run", "-o", "out", "--watch", "off", "--", "python", "train.py")
    run = ann.runs()[-1]
    ann.repro("rebuild", run)
    ann.git("add", "out", ".repro")
    ann.git("commit", "-q", "-m", "result")
    ann.repro("push")
    return ann, bob, run


def test_a_merge_brings_what_was_fetched_before(shared: tuple[Person, Person, str]) -> None:
    _, bob, run = shared
    bob.repro("fetch", "--all")
    assert run in bob.repro("log").stdout
    assert bob.git("status", "--porcelain", "--untracked-files=all") == ""
    bob.git("pull", "-q", "origin", "feature")
    assert bob.runs() == [run]
    assert "all accounted for" in bob.repro("check").stdout
    bob.repro("rebuild", run)
    assert len(list((bob.cwd / ".repro/rebuilds" / run).iterdir())) == 2


def test_a_switch_to_the_branch_and_back_keeps_the_run_known(shared: tuple[Person, Person, str]) -> None:
    _, bob, run = shared
    bob.repro("fetch", run)
    bob.git("fetch", "-q")
    bob.git("checkout", "-q", "feature")
    bob.git("checkout", "-q", "main")
    assert bob.runs() == []
    assert "rebuild     identical" in bob.repro("show", run).stdout


def test_an_adopted_run_is_committed_like_ones_own(shared: tuple[Person, Person, str]) -> None:
    _, bob, run = shared
    bob.repro("fetch", run)
    bob.repro("fetch", "--adopt", run)
    assert bob.runs() == [run]
    assert len(list((bob.cwd / ".repro/rebuilds" / run).iterdir())) == 1
    fetched = bob.cwd / ".repro/local/fetched"
    assert [path for path in fetched.rglob("*") if path.is_file()] == []
    bob.git("add", ".repro")
    bob.git("commit", "-q", "-m", "the cluster's run")
    assert bob.repro_json("fetch", "--adopt", expect=2)["error"]["id"] == "usage"


def test_a_result_whose_manifest_was_only_fetched_is_mended_as_the_check_says(
    shared: tuple[Person, Person, str],
) -> None:
    _, bob, run = shared
    bob.repro("fetch", run)
    bob.repro("checkout", "--run", run, "out")
    bob.git("add", "out")
    findings = bob.repro_json("check", "--staged", expect=1)["findings"]
    assert {one["kind"] for one in findings} == {"manifest-not-committed"}
    done = bob.call("bash", "-ec", findings[0]["hint"].strip("`"))
    assert done.returncode == 0, done.stderr
    assert bob.repro_json("check", "--staged")["findings"] == []


def test_what_was_fetched_is_kept_by_a_gc_and_checked_by_fsck(shared: tuple[Person, Person, str]) -> None:
    _, bob, run = shared
    bob.repro("fetch", run)
    bob.repro("gc", "--delete", "--grace", "0")
    bob.repro("verify", run)
    manifest = bob.cwd / f".repro/local/fetched/runs/{run}.yaml"
    manifest.write_text("damaged\n")
    (found,) = bob.repro_json("fsck", expect=4)["findings"]
    assert found["kind"] == "bad-manifest"
    assert f".repro/local/fetched/runs/{run}.yaml" in found["path"]
    assert bob.call("bash", "-ec", found["hint"].split("`")[1]).returncode == 0
    bob.repro("verify", run)
