"""Where namespaces are refused, as Docker does by default: a run is watched all the same, a rebuild confined."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from repro.execution import landlock
from tests import docker_defaults
from tests.command_line import REPRO, Person

CONFINED = (sys.executable, docker_defaults.__file__)


@pytest.fixture
def confined(ann: Person) -> Person:
    """Ann in a project, on a machine where the filter holds."""
    if not landlock.version():
        if os.environ.get("CI") == "true":
            pytest.fail("Landlock is needed for this test")
        pytest.skip("this kernel has no Landlock")
    done = ann.call(*CONFINED, "unshare", "--user", "true")
    assert (done.returncode, "Operation not permitted" in done.stderr) == (1, True), done.stderr
    ann.git("init", "--quiet")
    ann.write(".gitignore", "*.ignored\n")
    ann.write("a.ignored", "1")
    return ann


def rebuilt(person: Person, *options: str, expect: int = 0) -> Any:
    done = person.call(*CONFINED, *REPRO, "rebuild", "@last", *options, "--json")
    assert done.returncode == expect, done.stderr
    return json.loads(done.stdout)


def test_a_run_is_watched_by_strace_and_a_rebuild_confined_by_landlock(confined: Person) -> None:
    confined.write("job.py", "open('made', 'w').write(open('a.ignored').read())")
    done = confined.call(*CONFINED, *REPRO, "run", "--", "python", "job.py")
    assert done.returncode == 0, done.stderr
    manifest = confined.manifest()
    assert manifest["observations"]["watched"] == "strace"
    assert [item["path"] for item in manifest["facts"]["recipe"]["data"]] == ["a.ignored"]
    (confined.cwd / "a.ignored").unlink()
    found = rebuilt(confined)
    assert (found["verdict"], found["sandbox"]["kind"]) == ("identical", "landlock")
    assert "addresses in memory are another at each start" in found["sandbox"]["not_guaranteed"]
    [why] = [one["detail"] for one in found["findings"] if one["kind"] == "weaker-sandbox"]
    assert "bwrap: " in why


def test_what_was_not_recorded_is_refused_there(confined: Person, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("1")
    confined.write("job.py", f"open('made', 'w').write(open({str(elsewhere)!r}).read())")
    confined.repro("run", "--watch", "off", "--", "python", "job.py")
    found = rebuilt(confined, expect=1)
    assert found["verdict"] == "failed"
    assert [one["path"] for one in found["findings"] if one["kind"] == "not-recorded"] == [str(elsewhere)]


def test_bubblewrap_that_was_asked_for_is_refused_with_its_own_words(confined: Person) -> None:
    confined.write("job.py", "open('made', 'w').write('x')")
    confined.repro("run", "--", "python", "job.py")
    assert rebuilt(confined, "--sandbox", "bwrap", expect=3)["error"]["id"] == "no-sandbox"
