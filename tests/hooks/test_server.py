"""The server's hooks, copied as the page says, in a bare repository that real git pushes to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.command_line import Person
from tests.hooks.on_path import with_repro

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def pusher(project: Person, tmp_path: Path) -> Person:
    """Ann, without hooks of her own, and `origin`, a bare repository that has her rules on main."""
    project.write("repro.yaml", "results: [out/**]\n")
    project.git("add", "repro.yaml")
    project.git("commit", "-q", "-m", "rules")
    project.git("init", "-q", "--bare", "--initial-branch=main", str(tmp_path / "far.git"))
    project.git("remote", "add", "origin", str(tmp_path / "far.git"))
    project.git("push", "-q", "origin", "main")
    return with_repro(project)


def install(far: Path, hook: str) -> None:
    shutil.copy(ROOT / "hooks" / hook, far / "hooks" / hook)


def bad_result(person: Person) -> None:
    person.write("out/bad.csv", "1\n")
    person.git("add", "out/bad.csv")
    person.git("commit", "-q", "-m", "bad")


def refs(person: Person) -> list[str]:
    return sorted(line.split("\t")[1] for line in person.git("ls-remote", "origin").splitlines())


def test_a_push_with_a_bad_result_is_refused_and_leaves_nothing(pusher: Person, tmp_path: Path) -> None:
    install(tmp_path / "far.git", "pre-receive")
    bad_result(pusher)
    before = pusher.git("ls-remote", "origin")
    done = pusher.call("git", "push", "origin", "main", "main:refs/heads/other")
    assert done.returncode == 1
    assert "remote: repro: no-manifest: out/bad.csv" in done.stderr or "remote: out/bad.csv" in done.stderr
    assert pusher.git("ls-remote", "origin") == before
    bad = pusher.git("rev-parse", "HEAD").strip()
    assert pusher.call("git", "--git-dir", str(tmp_path / "far.git"), "cat-file", "-e", bad).returncode != 0


def test_what_is_accounted_for_passes_and_so_do_tags_deletions_and_force(pusher: Person, tmp_path: Path) -> None:
    install(tmp_path / "far.git", "pre-receive")
    pusher.repro("run", "-o", "out", "--watch", "off", "--", "python", "train.py")
    pusher.git("add", "out", ".repro")
    pusher.git("commit", "-q", "-m", "good")
    pusher.git("tag", "-m", "one", "v1")
    pusher.git("push", "-q", "origin", "main", "v1", "main:refs/heads/side")
    pusher.git("commit", "-q", "--amend", "-m", "again")
    pusher.git("push", "-q", "--force", "origin", "main")
    pusher.git("push", "-q", "origin", ":side")
    assert refs(pusher) == ["HEAD", "refs/heads/main", "refs/tags/v1", "refs/tags/v1^{}"]


def test_update_refuses_the_bad_branch_alone(pusher: Person, tmp_path: Path) -> None:
    install(tmp_path / "far.git", "update")
    pusher.git("branch", "fine")
    bad_result(pusher)
    done = pusher.call("git", "push", "origin", "main:refs/heads/bad", "fine")
    assert done.returncode == 1
    assert "out/bad.csv" in done.stderr
    assert refs(pusher) == ["HEAD", "refs/heads/fine", "refs/heads/main"]


def test_a_new_branch_is_asked_about_its_own_commits_alone(pusher: Person, tmp_path: Path) -> None:
    bad_result(pusher)
    pusher.git("push", "-q", "origin", "main")  # before there was a hook
    install(tmp_path / "far.git", "pre-receive")
    pusher.git("checkout", "-q", "-b", "feature")
    pusher.write("notes.md", "x\n")
    pusher.git("add", "notes.md")
    pusher.git("commit", "-q", "-m", "notes")
    pusher.git("push", "-q", "origin", "feature")


def test_a_server_without_repro_refuses_with_the_setting_that_helps(pusher: Person, tmp_path: Path) -> None:
    far = tmp_path / "far.git"
    install(far, "pre-receive")
    bad_result(pusher)
    lone = pusher.having(PATH="/usr/bin:/bin")
    done = lone.call("git", "push", "origin", "main")
    assert done.returncode == 1
    assert "git config repro.command" in done.stderr
    pusher.git("--git-dir", str(far), "config", "repro.command", str(pusher.home / "programs/repro"))
    assert "out/bad.csv" in lone.call("git", "push", "origin", "main").stderr


def test_a_new_branch_with_rules_of_its_own_is_checked_as_a_whole(pusher: Person, tmp_path: Path) -> None:
    install(tmp_path / "far.git", "pre-receive")
    pusher.write("repro.yaml", RELEASE)
    pusher.repro("run", "-o", "out", "--watch", "off", "--", "python", "train.py")
    pusher.git("add", ".")
    pusher.git("commit", "-q", "-m", "good")
    pusher.git("push", "-q", "origin", "main")
    done = pusher.call("git", "push", "origin", "main:refs/heads/release/1")
    assert done.returncode == 1
    assert "network-not-known" in done.stderr
    pusher.git("push", "-q", "origin", "main:refs/heads/other")


RELEASE = """\
results: ["out/**"]
rules:
  - branches: ["release/*"]
    require: {network: none}
"""
