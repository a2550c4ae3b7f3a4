"""A team: two clones, a server with the hook, a CI script, a bucket. Good results pass; each broken rule is refused,
and the command in the refusal, executed as it stands, mends it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.command_line import Person
from tests.hooks.on_path import with_repro
from tests.remote_servers import aws_variables, make_bucket, s3_server

ROOT = Path(__file__).resolve().parents[2]
GITLAB = yaml.safe_load((ROOT / "hooks/ci/gitlab/repro.yml").read_bytes())

RULES = """\
results: ["out/**"]
require: {{reachable: true}}
rules:
  - branches: [main]
    require: {{pushed: store}}
remotes:
  store: {{url: "{url}"}}
"""

MAKE = """\
import pathlib
pathlib.Path("out").mkdir(exist_ok=True)
numbers = [int(line) for line in open("data/numbers.csv")]
pathlib.Path("out/sum.txt").write_text(f"{sum(numbers)}\\n")
"""


@dataclass(frozen=True)
class Team:
    """Ann and Bob in their clones; `far` is the bare repository that both push to."""

    ann: Person
    bob: Person
    far: Path


@pytest.fixture(scope="module")
def s3_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with s3_server(tmp_path_factory.mktemp("s3")) as port:
        yield port


@pytest.fixture
def team(project: Person, bob: Person, tmp_path: Path, s3_port: int) -> Team:
    """Rules on main, both with hooks installed by the documented command, data in the bucket."""
    far = tmp_path / "far.git"
    url = f"s3://{make_bucket(s3_port, f'team-{tmp_path.parent.name}-{tmp_path.name}'.replace('_', '-').lower()[-60:])}"
    ann = with_repro(project.having(**aws_variables(project.home)))
    ann.git("init", "-q", "--bare", "--initial-branch=main", str(far))
    shutil.copy(ROOT / "hooks/pre-receive", far / "hooks/pre-receive")
    ann.git("remote", "add", "origin", str(far))
    ann.write("repro.yaml", RULES.format(url=f"{url}?endpoint=http://127.0.0.1:{s3_port}"))
    ann.write("make.py", MAKE)
    ann.write("data/labels.csv", "x\n")
    ann.repro("add", "data")
    ann.git("add", ".")
    ann.repro("hooks", "install")
    ann.git("commit", "-q", "-m", "rules")
    ann.repro("push")
    ann.git("push", "-q", "-u", "origin", "main")
    bob = with_repro(bob.having(**aws_variables(bob.home), GIT_AUTHOR_NAME="Bob"))
    bob.git("clone", "-q", str(far), "project")
    bob = bob.at(bob.cwd / "project")
    bob.repro("hooks", "install")
    bob.repro("pull")
    return Team(ann, bob, far)


def make(person: Person) -> str:
    """A good result, staged with its manifest."""
    person.repro("run", "-o", "out", "--watch", "off", "--", "python", "make.py")
    person.git("add", "out", ".repro")
    return person.runs()[-1]


def refused(person: Person, *command: str, by: str = "repro: ") -> str:
    """What is said where git refuses; `by` begins a line of whoever refuses."""
    done = person.call("git", *command)
    assert done.returncode != 0, f"git {command} was not refused"
    assert re.search(rf"^{by}.*refused", done.stderr, re.MULTILINE), done.stderr
    return done.stderr


def mend(person: Person, said: str, kind: str, **words: str) -> None:
    """Execute the command that a refusal proposes, in which a placeholder of the user's own is filled in."""
    found = re.search(rf"{kind}: .*\n.*hint: (.*)", said)
    assert found, said
    command = re.search(r"`([^`]+)`", found[1])
    text = command[1] if command else found[1]
    for word, value in words.items():
        text = text.replace(word, value)
    done = person.call("bash", "-ec", text)
    assert done.returncode == 0, f"$ {text}\n{done.stdout}\n{done.stderr}"


def ci(person: Person, base: str) -> subprocess.CompletedProcess[str]:
    """GitLab's check of a merge request into main."""
    variables = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": base, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
    return person.having(**variables).call("bash", "-eo", "pipefail", "-c", "\n".join(GITLAB["repro-check"]["script"]))


def test_a_result_of_nobody_is_refused_at_commit_push_server_and_ci_and_its_message_mends_it(team: Team) -> None:
    bob = team.bob
    base = bob.git("rev-parse", "HEAD").strip()
    bob.git("checkout", "-q", "-b", "feature")
    bob.write("out/sum.txt", "7\n")
    bob.git("add", "out")
    said = refused(bob, "commit", "-m", "by hand")
    bob.git("commit", "-q", "-m", "by hand", "--no-verify")
    assert "no-manifest: out/sum.txt" in refused(bob, "push", "origin", "feature")
    assert "no-manifest: out/sum.txt" in refused(bob, "push", "--no-verify", "origin", "feature", by="remote: repro: ")
    (team.far / "hooks/pre-receive").rename(team.far / "hooks/off")
    bob.git("push", "-q", "--no-verify", "origin", "feature")
    assert ci(bob, base).returncode == 1
    (team.far / "hooks/off").rename(team.far / "hooks/pre-receive")

    mend(bob, said, "no-manifest", COMMAND="python make.py")
    bob.git("commit", "-q", "-m", "recorded")
    bob.git("push", "-q", "origin", "feature")
    bob.repro("push")
    assert ci(bob, base).returncode == 0


def test_what_is_not_in_the_bucket_does_not_get_on_main(team: Team) -> None:
    ann = team.ann
    make(ann)
    said = refused(ann, "commit", "-m", "result")
    mend(ann, said, "not-pushed")
    ann.git("commit", "-q", "-m", "result")
    ann.git("push", "-q", "origin", "main")
    team.bob.git("pull", "-q")
    assert (team.bob.cwd / "out/sum.txt").read_text() == "6\n"
    assert "all accounted for" in team.bob.repro("check").stdout


def test_a_result_that_was_edited_is_refused_also_where_the_edit_is_staged_by_the_commit(team: Team) -> None:
    bob = team.bob
    bob.git("checkout", "-q", "-b", "feature")
    make(bob)
    bob.git("commit", "-q", "-m", "result")
    bob.write("out/sum.txt", "7\n")
    said = refused(bob, "commit", "-q", "-a", "-m", "nicer")
    bob.git("add", "out")
    mend(bob, said, "result-changed")
    assert (bob.cwd / "out/sum.txt").read_text() == "6\n"
    assert "out/sum.txt" not in bob.git("diff", "--cached", "--name-only")


def test_amended_rebased_squashed_and_picked_commits_keep_their_standing(team: Team) -> None:
    bob = team.bob
    bob.git("checkout", "-q", "-b", "feature")
    make(bob)
    bob.git("commit", "-q", "-m", "result")
    bob.git("commit", "-q", "--amend", "-m", "the result")
    bob.git("push", "-q", "origin", "feature")
    bob.repro("push")
    base = bob.git("rev-parse", "main").strip()
    bob.git("checkout", "-q", "-b", "picked", "main")
    bob.write("notes.md", "x\n")
    bob.git("add", "notes.md")
    bob.git("commit", "-q", "-m", "notes")
    bob.git("cherry-pick", "feature")
    bob.git("push", "-q", "origin", "picked")
    bob.git("checkout", "-q", "feature")
    bob.git("rebase", "-q", "picked~1")
    bob.git("push", "-q", "--force", "origin", "feature")
    bob.git("checkout", "-q", "main")
    bob.git("merge", "-q", "--squash", "feature")
    bob.git("commit", "-q", "-m", "squashed")
    assert ci(bob, base).returncode == 0
    bob.git("push", "-q", "origin", "main")


def test_two_branches_with_new_runs_and_changed_data_merge_without_a_hand(team: Team) -> None:
    ann, bob = team.ann, team.bob
    for person, name, text in ((ann, "numbers.csv", "4\n"), (bob, "labels.csv", "y\n")):
        person.git("checkout", "-q", "-b", person.environ["GIT_AUTHOR_NAME"].lower())
        person.write(f"data/{name}", text)
        person.repro("add", "data")
        person.git("commit", "-q", "-a", "-m", f"change {name}")
        copy = f"mkdir -p out && cp data/{name} out/{name}"
        person.repro("run", "-o", f"out/{name}", "--watch", "off", "--", "sh", "-c", copy)
        person.git("add", "out", ".repro")
        person.git("commit", "-q", "-m", f"use {name}")
        person.git("push", "-q", "origin", "HEAD")
        person.repro("push")
    ann.git("fetch", "-q")
    ann.git("merge", "-q", "origin/bob", "-m", "both")
    assert (ann.cwd / "data/numbers.csv").read_text() == "4\n"
    assert (ann.cwd / "data/labels.csv").read_text() == "y\n"
    ann.git("push", "-q", "origin", "ann")
    assert "all accounted for" in ann.repro("check").stdout
