"""A rebuild with the original gone, where everything that can differ between two machines does."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.command_line import Person
from tests.elsewhere.conftest import Recorded


def test_nothing_of_the_recorders_environment_but_what_is_named_is_in_the_manifest(recorded: Recorded) -> None:
    text = (recorded.remote / "runs" / f"{recorded.run}.yaml").read_text()
    assert "not to be recorded" not in text
    assert "NAMED: a value" in text
    assert "PYTHONPATH: '{root}/library'" in text


def test_another_home_directory_locale_time_zone_and_hash_seed(recorded: Recorded, bob: Person) -> None:
    other = bob.having(TZ="America/New_York", LANG="C", LC_ALL="C", PYTHONHASHSEED="77", OMP_NUM_THREADS="9")
    other = other.having(PYTHONPATH="/nowhere", REPRO_PARAM_rate="9", NAMED="other", PYTHONOPTIMIZE="2")
    answer = other.repro_json("rebuild", "first", "--from", str(recorded.remote))
    assert answer["verdict"] == "identical"
    assert [output["path"] for output in answer["outputs"]] == ["out"]


def test_another_umask(recorded: Recorded, bob: Person) -> None:
    done = bob.repro("rebuild", recorded.run, "--from", str(recorded.remote), preexec_fn=lambda: os.umask(0o077))
    assert "verdict: identical" in done.stdout


def test_fewer_processors_are_made_good_by_asking_for_as_many_threads(recorded: Recorded, bob: Person) -> None:
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        pytest.skip("this machine has one processor: there is nothing to take away")
    one = {usable[0]}
    command = ("rebuild", recorded.run, "--from", str(recorded.remote))
    done = bob.repro(*command, preexec_fn=lambda: os.sched_setaffinity(0, one))
    assert "verdict: identical" in done.stdout
    assert "fewer-processors" in done.stderr


def test_another_user(recorded: Recorded, bob: Person, tmp_path: Path) -> None:
    user = ["unshare", "--user", "--map-user=12345", "--map-group=12345"]
    if subprocess.run([*user, "true"], capture_output=True).returncode:
        if os.environ.get("CI") == "true":
            pytest.fail("user namespaces are needed for this test")
        pytest.skip("this kernel gives no user namespaces")
    probe = bob.call(*user, "id", "-u")
    assert probe.stdout.strip() == "12345"
    python = ("python", "-m", "repro")
    tools = bob.having(PYTHONPATH=str(Path(__file__).resolve().parents[2]))
    done = tools.call(*user, _interpreter(), *python[1:], "rebuild", recorded.run, "--from", str(recorded.remote))
    assert "verdict: identical" in done.stdout, done.stderr


def test_the_checkout_is_the_same_commit_and_clean(recorded: Recorded, bob: Person) -> None:
    bob.repro("rebuild", recorded.run, "--from", str(recorded.remote), "--into", "a place")
    checkout = bob.at(bob.cwd / "a place")
    facts = recorded.manifest["facts"]
    assert isinstance(facts, dict)
    assert checkout.git("rev-parse", "HEAD").strip() == facts["code"]["commit"]
    assert checkout.git("status", "--porcelain").splitlines() == ["?? library/__pycache__/", "?? out/"]
    assert (checkout.cwd / "library" / "helper.py").read_text() == "VALUE = 43\n"
    assert (checkout.cwd / "out" / "empty").is_dir()


def test_into_refuses_a_directory_with_something_in_it(recorded: Recorded, bob: Person) -> None:
    bob.write("full/file", "mine")
    done = bob.repro("rebuild", recorded.run, "--from", str(recorded.remote), "--into", "full", expect=3)
    assert "not an empty directory" in done.stderr
    assert (bob.cwd / "full" / "file").read_text() == "mine"


def test_a_second_rebuild_needs_neither_remote_nor_index(recorded: Recorded, bob: Person) -> None:
    bob.git("init", "--quiet")
    bob.repro("rebuild", recorded.run, "--from", str(recorded.remote))
    shutil.rmtree(recorded.remote)
    answer = bob.repro_json("rebuild", recorded.run, "--offline")
    assert answer["verdict"] == "identical"
    assert len(bob.repro_json("log")["runs"][0]["verdicts"]) == 2


def _interpreter() -> str:
    import sys

    return sys.executable
