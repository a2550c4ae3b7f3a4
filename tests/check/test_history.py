"""Whether the code of a run is in the history: what git does to commits must not cost a result its standing."""

from __future__ import annotations

import pytest

from tests.check.conftest import Checker

REACHABLE = "require: {reachable: true}\n"


@pytest.fixture
def strict(made: Checker) -> Checker:
    """A run of committed code, whose result and manifest are not in git yet; its commit must be reachable."""
    made.rules(REACHABLE)
    made.commit("rules")
    made.shell("rm -r .repro/runs results; git add --all; git commit --quiet --amend -m rules")
    made.repro("run", "-o", "results/a", "--", "sh", "make.sh")
    return made


def dirty_run(person: Checker) -> None:
    """A run of code that is not committed."""
    person.write("make.sh", "echo changed > results/a\n")
    person.repro("run", "-o", "results/a", "--", "sh", "make.sh")


def test_a_run_of_committed_code_is_reachable(strict: Checker) -> None:
    strict.commit("result")
    assert strict.findings("--rev", "HEAD") == []


def test_a_run_of_a_dirty_work_tree_hangs_on_a_commit_that_is_reachable(strict: Checker) -> None:
    dirty_run(strict)
    strict.git("add", "results", ".repro")
    assert strict.findings("--staged") == []
    strict.git("commit", "--quiet", "-m", "the result without its code")
    assert strict.findings("--rev", "HEAD") == []


def test_a_commit_that_is_gone_is_not_reachable_and_the_proposed_merge_brings_it_back(strict: Checker) -> None:
    strict.write("make.sh", "echo other > results/a\n")
    strict.commit("code that will be lost")
    strict.repro("run", "-o", "results/a", "--", "sh", "make.sh")
    run = strict.run_id()
    strict.git("reset", "--quiet", "--soft", "HEAD~1")
    strict.git("checkout", "--quiet", "HEAD", "--", "make.sh")
    strict.git("add", "results", f".repro/runs/{run}.yaml")
    staged = strict.finding("unreachable", "--staged")
    assert staged["run"] == run
    strict.git("commit", "--quiet", "-m", "a result of lost code")
    strict.mend(strict.finding("unreachable", "--rev", "HEAD"))
    assert strict.findings("--rev", "HEAD") == []


def test_before_it_is_committed_a_result_of_lost_code_is_made_anew(strict: Checker) -> None:
    strict.write("make.sh", "echo other > results/a\n")
    strict.commit("code that will be lost")
    strict.repro("run", "-o", "results/a", "--", "sh", "make.sh")
    strict.git("reset", "--quiet", "--soft", "HEAD~1")
    strict.git("checkout", "--quiet", "HEAD", "--", "make.sh")
    strict.git("add", "results", ".repro")
    strict.mend(strict.finding("unreachable", "--staged"))
    assert strict.findings("--staged") == []
    assert (strict.cwd / "results" / "a").read_text() == "made\n"


def test_an_amended_commit_keeps_its_standing(strict: Checker) -> None:
    strict.git("add", "--all")
    strict.git("commit", "--quiet", "--amend", "-m", "code and result in one")
    assert strict.findings("--rev", "HEAD") == []


def test_a_rebased_branch_keeps_its_standing(strict: Checker) -> None:
    feature(strict)
    strict.git("checkout", "--quiet", "main")
    strict.write("elsewhere.txt", "somebody else's work\n")
    strict.git("add", "elsewhere.txt")
    strict.git("commit", "--quiet", "-m", "somebody else's work")
    strict.git("rebase", "--quiet", "main", "feature")
    assert strict.findings("--range", "main..feature") == []
    assert strict.findings("--rev", "feature") == []


def test_a_cherry_picked_commit_keeps_its_standing(strict: Checker) -> None:
    feature(strict)
    strict.git("checkout", "--quiet", "main")
    strict.write("elsewhere.txt", "somebody else's work\n")
    strict.git("add", "elsewhere.txt")
    strict.git("commit", "--quiet", "-m", "somebody else's work")
    strict.git("cherry-pick", "feature~1", "feature")
    assert strict.findings("--range", "HEAD~2..HEAD") == []


def test_a_squashed_branch_keeps_its_standing(strict: Checker) -> None:
    feature(strict)
    strict.git("checkout", "--quiet", "main")
    strict.write("elsewhere.txt", "somebody else's work\n")
    strict.git("add", "elsewhere.txt")
    strict.git("commit", "--quiet", "-m", "somebody else's work")
    strict.git("merge", "--quiet", "--squash", "feature")
    assert strict.findings("--staged") == []
    strict.git("commit", "--quiet", "-m", "all of the feature")
    assert strict.findings("--range", "HEAD~1..HEAD") == []


def test_a_merged_branch_keeps_its_standing_also_while_it_is_merged(strict: Checker) -> None:
    feature(strict)
    strict.git("checkout", "--quiet", "main")
    strict.write("elsewhere.txt", "somebody else's work\n")
    strict.git("add", "elsewhere.txt")
    strict.git("commit", "--quiet", "-m", "somebody else's work")
    strict.git("merge", "--quiet", "--no-ff", "--no-commit", "feature")
    assert strict.findings("--staged") == []
    strict.git("commit", "--quiet", "-m", "merged")
    assert strict.findings("--range", "HEAD~1..HEAD") == []


def feature(person: Checker) -> None:
    """On the branch `feature`: a commit of code, and one of the result that a run of it made."""
    person.git("stash", "--quiet", "--include-untracked")
    person.git("checkout", "--quiet", "-b", "feature")
    person.write("make.sh", "mkdir -p results\necho feature > results/f\n")
    person.git("commit", "--quiet", "--all", "-m", "code")
    person.repro("run", "-o", "results/f", "--", "sh", "make.sh")
    person.commit("result")


def test_a_clone_tells_a_rebased_run_by_the_code_pack_on_the_remote(strict: Checker) -> None:
    strict.rules("remotes:\n  store: {url: ../store}\n" + REACHABLE)
    strict.git("commit", "--quiet", "-m", "a remote")
    feature(strict)
    strict.repro("push")
    strict.git("checkout", "--quiet", "main")
    strict.write("elsewhere.txt", "somebody else's work\n")
    strict.git("add", "elsewhere.txt")
    strict.git("commit", "--quiet", "-m", "somebody else's work")
    strict.git("rebase", "--quiet", "main", "feature")
    strict.git("clone", "--quiet", "--branch", "feature", f"file://{strict.cwd}", "../clone")
    clone = Checker(home=strict.home / "elsewhere", cwd=strict.home / "clone", venv=strict.venv)
    assert clone.findings("--rev", "HEAD") == []
    offline = clone.finding("could-not-tell", "--rev", "HEAD", "--offline")
    assert "code pack" in offline["detail"]


def test_a_shallow_clone_cannot_tell_and_says_what_would(strict: Checker) -> None:
    strict.commit("result")
    strict.write("make.sh", "true\n")
    strict.commit("later")
    strict.git("clone", "--quiet", "--depth", "1", f"file://{strict.cwd}", "../clone")
    clone = Checker(home=strict.home, cwd=strict.home / "clone", venv=strict.venv).put_on_path(strict.home / "bin")
    found = clone.finding("could-not-tell", "--rev", "HEAD")
    clone.mend(found)
    assert clone.findings("--rev", "HEAD") == []


def test_before_the_first_commit_the_code_must_be_staged_with_the_result(made: Checker) -> None:
    made.rules(REACHABLE)
    made.shell("rm -rf .git .repro results; git init --quiet --initial-branch=main")
    made.repro("run", "-o", "results/a", "--", "sh", "make.sh")
    made.git("add", "results", ".repro", "repro.yaml")
    assert made.kinds("--staged") == ["unreachable"]
    made.git("add", "make.sh")
    assert made.findings("--staged") == []
    made.git("commit", "--quiet", "-m", "first")
    assert made.findings("--rev", "HEAD") == []


def test_a_range_is_what_a_branch_has_since_it_parted(kept: Checker) -> None:
    kept.git("checkout", "--quiet", "-b", "feature")
    kept.write("code.txt", "c\n")
    kept.commit("no result at all")
    kept.git("checkout", "--quiet", "main")
    kept.write("results/b", "typed\n")
    kept.commit("bad, on main")
    assert kept.findings("--range", "main..feature") == []
    assert kept.kinds("--range", "feature..main") == ["no-manifest"]
    assert kept.kinds("--range", f"{'0' * 40}..main") == ["no-manifest"]
    assert kept.findings("--range", f"main..{'0' * 40}") == []
    assert kept.kinds("--range", "feature..") == ["no-manifest"]
    assert kept.kinds("--range", "feature...main") == ["no-manifest"]


def test_only_the_tip_of_a_range_is_looked_at(kept: Checker) -> None:
    kept.write("results/b", "typed\n")
    kept.commit("bad")
    kept.git("rm", "--quiet", "results/b")
    kept.git("commit", "--quiet", "-m", "taken back")
    assert kept.findings("--range", "HEAD~2..HEAD") == []
    assert kept.kinds("--rev", "HEAD~1") == ["no-manifest"]


def test_everything_is_the_index_and_all_branches_each_by_its_rules(kept: Checker) -> None:
    kept.rules("rules:\n- {branches: [release], require: {pushed: nowhere}}\n")
    kept.commit("rules")
    assert kept.findings("--all") == []
    kept.git("branch", "release")
    (found,) = kept.findings("--all")
    assert found["kind"] == "could-not-tell"
    assert "(on the branch release)" in found["detail"]
    kept.write("results/b", "typed\n")
    kept.git("add", "results/b")
    assert sorted(kept.kinds("--all")) == ["could-not-tell", "no-manifest"]


@pytest.mark.parametrize("revision", ["nothing", "HEAD~9", "HEAD^2", "", "@{1}", "main~x", "..", "0123456"])
def test_what_names_no_commit_is_refused(kept: Checker, revision: str) -> None:
    error = kept.repro_json("check", "--rev", revision, expect=2)["error"]
    assert error["id"] == "no-such-revision"


def test_commits_are_named_as_git_does(kept: Checker) -> None:
    first = kept.git("rev-parse", "HEAD~1").strip()
    kept.git("tag", "-a", "-m", "v1", "v1")
    kept.git("update-ref", "refs/remotes/origin/main", "HEAD")
    for name in ("HEAD", "main", "refs/heads/main", "v1", "origin/main", first, first[:8], "HEAD~1", "main^", "v1~1^0"):
        assert kept.findings("--rev", name) == []


def test_a_range_that_is_none_is_refused(kept: Checker) -> None:
    assert kept.repro_json("check", "--range", "main", expect=2)["error"]["id"] == "usage"
    assert kept.repro_json("check", "--staged", "--all", expect=2)["error"]["id"] == "usage"
