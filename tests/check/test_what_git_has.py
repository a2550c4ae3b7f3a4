"""The check looks at what git has: the index, pointers, odd names, odd repositories."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.check.conftest import RULES, Checker

DEEP = "repro run -o results -- sh -c 'cd results; rm *; mkdir deep; echo 1 > deep/x; echo 2 > y'"


def test_what_is_staged_counts_and_not_the_work_tree(kept: Checker) -> None:
    kept.write("results/a", "edited, and not staged\n")
    assert kept.findings() == []
    kept.git("add", "results/a")
    kept.write("results/a", "made\n")
    assert kept.kinds("--staged") == ["result-changed"]


def test_a_commit_of_all_changes_is_judged_by_the_index_that_git_shows_its_hook(kept: Checker) -> None:
    hook = kept.cwd / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\nexec repro check --staged\n")
    hook.chmod(0o755)
    kept.write("results/a", "made up\n")
    refused = kept.call("git", "commit", "--all", "-m", "all")
    assert refused.returncode == 1
    assert "result-changed" in refused.stderr
    assert kept.call("git", "commit", "-m", "one", "results/a").returncode == 1
    kept.git("commit", "--quiet", "--no-verify", "--all", "-m", "bypassed")
    assert kept.kinds("--range", "HEAD~1..HEAD") == ["result-changed"]


def test_a_renamed_result_is_accounted_for_by_its_bytes(kept: Checker) -> None:
    kept.git("mv", "results/a", "results/renamed and\nbroken")
    assert kept.findings("--staged") == []


def test_a_deleted_result_is_no_finding_and_a_deleted_manifest_is_one(kept: Checker) -> None:
    manifest = f".repro/runs/{kept.run_id()}.yaml"
    kept.git("rm", "--quiet", "results/a")
    assert kept.findings("--staged") == []
    kept.git("reset", "--quiet", "--hard")
    kept.git("rm", "--quiet", "--cached", manifest)
    found = kept.finding("manifest-not-committed", "--staged")
    assert found["path"] == "results/a"
    kept.mend(found)
    assert kept.findings("--staged") == []
    kept.git("rm", "--quiet", manifest)
    kept.git("commit", "--quiet", "-m", "without the manifest")
    assert kept.kinds("--range", "HEAD~1..HEAD") == ["no-manifest"]


def test_a_pointer_counts_for_the_data_that_it_names(made: Checker) -> None:
    made.shell("repro run -o models/big.bin -- sh -c 'mkdir -p models; echo weights > models/big.bin'")
    made.repro("add", "models/big.bin")
    made.git("add", "models")
    found = made.finding("manifest-not-committed", "--staged")
    assert found["path"] == "models/big.bin.repro"
    made.mend(found)
    assert made.findings("--staged") == []
    made.write("models/big.bin", "other weights\n")
    made.repro("add", "models/big.bin")
    made.git("add", "models")
    changed = made.finding("result-changed", "--staged")
    assert changed["path"] == "models/big.bin.repro"
    made.mend(changed)
    assert made.findings("--staged") == []


def test_data_that_nobody_recorded_is_recorded_by_the_proposed_command(made: Checker) -> None:
    made.write("models/big.bin", "from nowhere\n")
    made.repro("add", "models/big.bin")
    made.git("add", "models")
    made.mend(made.finding("no-manifest", "--staged"), "sh -c 'echo weights > models/big.bin'")
    assert made.findings("--staged") == []


def test_a_directory_that_a_pointer_names_is_looked_into(made: Checker) -> None:
    made.shell("repro run -o models -- sh -c 'mkdir -p models; echo 1 > models/one; echo 2 > models/two'")
    made.repro("add", "models")
    made.git("add", "--all")
    assert made.findings("--staged") == []
    made.write("models/three", "typed\n")
    made.repro("add", "models")
    made.git("add", "--all")
    found = made.finding("no-manifest", "--staged")
    assert "models/three" in found["detail"]
    assert found["path"] == "models.repro"
    shutil.rmtree(made.home / ".local" / "share" / "repro")
    assert made.kinds("--staged") == ["could-not-tell"]


def test_files_of_a_directory_that_a_run_made_are_accounted_for(made: Checker) -> None:
    made.shell(DEEP)
    made.git("add", "--all")
    assert made.findings("--staged") == []
    made.git("rm", "--quiet", "--cached", "results/y")  # a part of it: what it was is in the store
    assert made.findings() == []


def test_a_whole_directory_needs_no_store_and_may_be_renamed(made: Checker) -> None:
    made.shell(DEEP)
    made.git("add", "--all")
    shutil.rmtree(made.home / ".local" / "share" / "repro")
    assert made.findings() == []
    made.git("mv", "results", "models")
    assert made.findings() == []
    made.git("rm", "--quiet", "--cached", "models/y")
    made.git("mv", "models", "results")
    assert set(made.kinds()) == {"could-not-tell"}


def test_executable_files_and_links_are_results_too(made: Checker) -> None:
    made.shell("repro run -o results -- sh -c 'cd results; rm *; echo 1 > x; chmod +x x; ln -s x l'")
    made.git("add", "--all")
    assert made.findings() == []
    (made.cwd / "results" / "l").unlink()
    (made.cwd / "results" / "l").symlink_to("y")
    made.git("add", "--all")
    assert [one["path"] for one in made.findings()] == ["results/l"]


@pytest.mark.parametrize("name", [b"line\nbreak", b"not \xff utf-8", b"-o", b"a 'b' \"c\" $d", b"[star]*", b":(top)x"])
def test_a_result_of_any_name_is_named_in_a_command_that_can_be_called(made: Checker, name: bytes) -> None:
    path = os.path.join(os.fsencode(made.cwd), b"results", name)
    with open(path, "wb") as file:
        file.write(b"typed\n")
    made.git("--literal-pathspecs", "add", "--", b"results/" + name)
    found = made.finding("no-manifest", "--staged")
    made.mend(found, "sh -c 'cd results; for f in *; do echo run > \"./$f\"; done'")
    assert [one for one in made.findings("--staged") if one["path"] == found["path"]] == []


def test_a_result_at_the_top_whose_name_is_an_option(made: Checker) -> None:
    made.write("repro.yaml", 'results: ["/-o"]\n')
    made.write("-o", "typed\n")
    made.git("add", "--", "repro.yaml", "-o")
    made.mend(made.finding("no-manifest", "--staged"), "sh -c 'echo run > ./-o'")
    assert made.findings("--staged") == []


def test_a_detached_head_and_a_worktree_are_no_obstacle(kept: Checker) -> None:
    kept.git("worktree", "add", "--quiet", "--detach", "../beside")
    beside = kept.home / "beside"
    (beside / "results" / "b").write_text("typed\n")
    there = Checker(home=kept.home, cwd=beside, venv=kept.venv, variables=kept.variables)
    there.git("add", "--all")
    assert there.kinds("--staged") == ["no-manifest"]
    assert kept.findings("--staged") == []


def test_submodules_are_not_looked_into(kept: Checker) -> None:
    kept.shell("git init --quiet ../library; git -C ../library commit --quiet --allow-empty -m x")
    kept.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../library", "results/library")
    assert kept.findings() == []


def test_a_sparse_checkout_with_and_without_a_sparse_index_is_checked_in_whole(kept: Checker) -> None:
    kept.write("src/code.txt", "c\n")
    kept.write("results/b", "typed\n")
    kept.commit("bad")
    for option in ("--no-sparse-index", "--sparse-index"):
        kept.git("sparse-checkout", "set", "--cone", option, "src")
        assert not (kept.cwd / "results").exists()
        assert [(one["path"], one["kind"]) for one in kept.findings()] == [("results/b", "no-manifest")]
        assert kept.findings("--staged") == []
        assert kept.kinds("--rev", "HEAD") == ["no-manifest"]


@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_every_version_of_the_index_is_read(kept: Checker, version: str) -> None:
    kept.write("results/b", "typed\n")
    kept.git("add", "results/b")
    kept.git("add", "--intent-to-add", "make.sh")
    kept.git("update-index", "--index-version", version)
    assert [one["path"] for one in kept.findings("--staged")] == ["results/b"]


def test_a_split_index_is_refused_with_what_mends_it(kept: Checker) -> None:
    kept.git("update-index", "--split-index")
    done = kept.repro_json("check", expect=3)["error"]
    assert done["id"] == "unsupported-repository"
    kept.shell(done["hint"].split(";")[0])
    assert kept.findings() == []


def test_paths_in_conflict_do_not_stop_the_check(kept: Checker) -> None:
    kept.git("checkout", "--quiet", "-b", "other")
    kept.write("results/a", "theirs\n")
    kept.commit("theirs")
    kept.git("checkout", "--quiet", "main")
    kept.write("results/a", "ours\n")
    kept.commit("ours")
    assert kept.call("git", "merge", "other").returncode == 1
    assert kept.findings("--staged") == []  # git commits nothing now


def test_a_bare_repository_is_checked_by_commit(kept: Checker) -> None:
    kept.write("results/b", "typed\n")
    kept.commit("bad")
    kept.git("clone", "--quiet", "--bare", ".", "../bare")
    bare = Checker(home=kept.home, cwd=kept.home / "bare", venv=kept.venv)
    assert bare.kinds("--rev", "main") == ["no-manifest"]
    assert bare.kinds("--range", "main~1..main") == ["no-manifest"]
    assert bare.findings("--rev", "main~1") == []
    assert bare.repro_json("check", expect=2)["error"]["id"] == "usage"


def test_what_git_puts_aside_while_it_receives_is_checked(kept: Checker) -> None:
    kept.git("clone", "--quiet", "--bare", ".", "../bare")
    hook = kept.home / "bare" / "hooks" / "pre-receive"
    hook.write_text('#!/bin/sh\nwhile read old new ref; do repro check --range "$old..$new" || exit 1; done\n')
    hook.chmod(0o755)
    kept.git("remote", "add", "origin", "../bare")
    kept.write("results/b", "typed\n")
    kept.commit("bad")
    refused = kept.call("git", "push", "origin", "main")
    assert refused.returncode == 1
    assert "no-manifest: results/b" in refused.stderr
    kept.git("reset", "--quiet", "--hard", "HEAD~1")
    kept.write("code.txt", "c\n")
    kept.commit("good")
    kept.git("push", "--quiet", "origin", "main")
    assert kept.call("git", "push", "origin", "main:new").returncode == 0
    assert kept.call("git", "push", "origin", ":new").returncode == 0


def test_a_pointer_that_cannot_be_read_is_refused(made: Checker) -> None:
    made.shell("repro run -o models/m -- sh -c 'mkdir -p models; echo 1 > models/m'; repro add models/m")
    made.git("add", "--all")
    assert made.findings() == []
    pointer = made.cwd / "models" / "m.repro"
    pointer.write_text(pointer.read_text().replace("digest: b3:", "digest: "))
    made.git("add", "models")
    made.mend(made.finding("bad-pointer", "--staged"))
    assert made.findings() == []
    pointer.write_text(pointer.read_text().replace("repro: 1", "repro: 9"))
    made.git("add", "models")
    assert made.kinds("--staged") == ["newer-format"]


def test_what_is_remembered_of_manifests_is_never_relied_on(kept: Checker) -> None:
    memo = kept.cwd / ".repro" / "local" / "run-outputs"
    assert kept.findings() == []
    good = memo.read_bytes()
    for bad in (b"", b"junk", good[:-1], good.replace(b" f", b" d"), b"repro-outputs 1 00000000\n"):
        memo.write_bytes(bad)
        assert kept.findings() == []
    memo.unlink()
    memo.mkdir()
    assert kept.findings() == []


def test_rules_without_results_of_the_kind_cost_no_store(kept: Checker, tmp_path: Path) -> None:
    store = tmp_path / "no-store"
    alone = kept.having(REPRO_STORE=str(store))
    alone.repro("check")
    assert not store.exists()
    assert RULES.startswith("results:")
