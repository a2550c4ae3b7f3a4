"""Each rule broken once: what it says, and that the command which it proposes mends it."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from repro.model.runs.manifest import parse_manifest, render_manifest
from repro.model.runs.rebuild_record import parse_rebuild, rebuild_file_name, render_rebuild
from repro.store.cache.cache import Cache
from tests.check.conftest import Checker

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")


def edit_manifest(person: Checker, *changes: tuple[str, str]) -> None:
    """Change the text of the newest manifest, where nothing protects it."""
    path = person.cwd / ".repro" / "runs" / f"{person.run_id()}.yaml"
    text = path.read_text()
    for before, after in changes:
        assert re.search(before, text), before
        text = re.sub(before, after, text, count=1)
    path.write_text(text)


def test_a_result_with_its_manifest_is_accounted_for(made: Checker) -> None:
    made.git("add", "--all")
    assert made.findings("--staged") == []
    assert made.findings() == []
    made.commit()
    for arguments in ((), ("--staged",), ("--rev", "HEAD"), ("--range", "HEAD~1..HEAD"), ("--all",)):
        assert made.findings(*arguments) == []
    assert "1 result checked, all accounted for" in made.repro("check").stdout


def test_a_result_that_nothing_recorded_is_refused(made: Checker) -> None:
    made.write("results/b", "typed\n")
    made.git("add", "results/b")
    found = made.finding("no-manifest", "--staged")
    assert found["path"] == "results/b"
    made.mend(found, "sh -c 'echo typed > results/b'")
    assert made.findings("--staged") == []


def test_a_manifest_that_is_not_in_git_is_asked_for(made: Checker) -> None:
    made.git("add", "results")
    found = made.finding("manifest-not-committed", "--staged")
    assert found["run"] == made.run_id()
    assert made.run_id() in found["detail"]
    made.mend(found)
    assert made.findings("--staged") == []


def test_a_manifest_that_is_not_in_a_commit_is_asked_for(made: Checker) -> None:
    made.git("add", "results")
    made.git("commit", "--quiet", "-m", "forgot the manifest")
    made.mend(made.finding("manifest-not-committed", "--range", "HEAD~1..HEAD"))
    assert made.findings("--rev", "HEAD") == []


@pytest.mark.parametrize("number", [0, 1])
def test_a_result_that_was_edited_is_taken_back_or_made_anew(kept: Checker, number: int) -> None:
    kept.write("results/a", "made up\n")
    kept.git("add", "results")
    found = kept.finding("result-changed", "--staged")
    assert (found["path"], found["run"]) == ("results/a", kept.run_id())
    kept.mend(found, number=number)
    assert kept.findings("--staged") == []
    assert (kept.cwd / "results" / "a").read_text() == "made\n"


def test_what_is_wrong_in_a_commit_is_mended_by_another_commit(kept: Checker) -> None:
    kept.write("results/a", "made up\n")
    kept.commit()
    kept.mend(kept.finding("result-changed", "--range", "HEAD~1..HEAD"))
    assert kept.findings("--range", "HEAD~2..HEAD") == []
    assert kept.git("status", "--porcelain") == ""


def test_the_result_of_a_failed_run_is_refused(made: Checker) -> None:
    made.write("make.sh", "echo half > results/a\nexit 3\n")
    made.repro("run", "-o", "results/a", "--", "sh", "make.sh", expect=3)
    made.git("add", "--all")
    found = made.finding("run-failed", "--staged")
    made.write("make.sh", "echo whole > results/a\n")
    made.mend(found)
    assert made.findings("--staged") == []


def test_an_environment_that_is_not_pinned_is_refused(made: Checker) -> None:
    made.rules("require: {locked: true}\n")
    made.git("add", "--all")
    assert made.findings("--staged") == []
    made.repro("run", "--watch", "off", "-o", "results/a", "--", "sh", "-c", "echo other > results/a")
    change_environment(made, unlocked=("numpy",), packages={"numpy": "2.0"})
    made.git("add", "--all")
    found = made.finding("not-locked", "--staged")
    assert "numpy" in found["detail"]
    made.mend(found)
    assert made.findings("--staged") == []


def change_environment(person: Checker, **changes: object) -> None:
    """Give the newest manifest another environment, and the id that its recipe has then."""
    path = person.cwd / ".repro" / "runs" / f"{person.run_id()}.yaml"
    manifest = parse_manifest(path.read_bytes(), path.name)
    environment = manifest.recipe.environment
    assert environment is not None
    recipe = replace(manifest.recipe, environment=replace(environment, **changes))  # type: ignore[arg-type]
    path.write_bytes(render_manifest(replace(manifest, recipe=recipe)))


def test_a_tainted_run_is_refused(made: Checker) -> None:
    made.rules("require: {untainted: true}\n")
    run = made.run_id()
    edit_manifest(made, ("state: complete\n", "state: complete\ntainted:\n- make.sh\n"))
    made.git("add", "--all")
    found = made.finding("tainted", "--staged")
    assert (found["path"], found["run"]) == ("results/a", run)
    assert "make.sh" in found["detail"]
    made.mend(found)
    assert made.findings("--staged") == []


@needs_strace
def test_a_run_that_used_the_network_is_refused(made: Checker) -> None:
    made.rules("require: {network: none}\n")
    ask = "import socket\ntry:\n    socket.create_connection(('127.0.0.2', 1), 0.1)\nexcept OSError:\n    pass\n"
    made.write("ask.py", ask + "open('results/a', 'w').write('asked')\n")
    made.repro("run", "--watch", "strace", "-o", "results/a", "--", "python", "ask.py")
    if "network-read" not in (made.cwd / ".repro" / "runs" / f"{made.run_id()}.yaml").read_text():
        seen = "  findings:\n  - kind: network-read\n    detail: connected to 192.0.2.1:80\n"
        edit_manifest(made, ("(?m)^observations:\n", "observations:\n" + seen))
    made.git("add", "--all")
    found = made.finding("network-used", "--staged")
    made.write("ask.py", "open('results/a', 'w').write('did not ask')\n")
    made.mend(found)
    assert made.findings("--staged") == []


@needs_strace
def test_whether_an_unwatched_run_used_the_network_is_not_known(made: Checker) -> None:
    made.rules("require: {network: none}\n")
    made.repro("run", "--watch", "off", "-o", "results/a", "--", "sh", "-c", "echo other > results/a")
    made.git("add", "--all")
    found = made.finding("network-not-known", "--staged")
    assert "not at all" in found["detail"]
    made.mend(found)
    assert made.findings("--staged") == []


REMOTE = "remotes:\n  store: {url: ../store}\n"


def test_a_run_that_is_not_pushed_is_refused(made: Checker) -> None:
    made.rules(REMOTE + "require: {pushed: store}\n")
    made.git("add", "--all")
    found = made.finding("not-pushed", "--staged")
    assert "'store'" in found["detail"]
    made.mend(found)
    assert made.findings("--staged") == []


def test_a_remote_that_lacks_objects_is_refused(made: Checker) -> None:
    made.rules(REMOTE + "require: {pushed: true}\n")
    made.git("add", "--all")
    made.repro("push")
    for folder in ("packs", "indexes"):
        shutil.rmtree(made.home / "store" / folder)
    found = made.finding("missing-on-remote", "--staged")
    assert "repro fsck -r store --repair" in found["hint"]
    made.shell("repro fsck -r store --repair || true")
    assert made.findings("--staged") == []


def test_another_manifest_on_the_remote_is_refused(made: Checker) -> None:
    made.rules(REMOTE + "require: {pushed: store}\n")
    made.repro("push")
    edit_manifest(made, ("state: complete\n", "message: said later\nstate: complete\n"))
    made.git("add", "--all")
    made.mend(made.finding("manifest-mismatch", "--staged"))
    assert made.findings("--staged") == []


def test_an_environment_that_is_not_on_the_remote_is_refused(made: Checker) -> None:
    made.rules(REMOTE + "require: {environment_pushed: store}\n")
    made.git("add", "--all")
    assert made.findings("--staged") == []  # there is nothing in this environment
    lock = Cache(str(made.home / ".local" / "share" / "repro")).add_bytes(b"# repro pip lock 1\n")
    change_environment(made, lock=lock)
    made.git("add", "--all")
    made.mend(made.finding("environment-not-pushed", "--staged"))
    assert made.findings("--staged") == []


def test_an_environment_that_depends_on_an_index_is_refused_where_archives_are_required(made: Checker) -> None:
    made.rules(REMOTE + "require: {archived: store}\n")
    made.git("add", "--all")
    assert made.findings("--staged") == []  # there is nothing in this environment
    lock = Cache(str(made.home / ".local" / "share" / "repro")).add_bytes(b"# repro pip lock 1\n")
    change_environment(made, lock=lock)
    made.git("add", "--all")
    found = made.finding("not-archived", "--staged")
    assert "package indexes" in found["detail"]
    made.mend(found)
    assert made.findings("--staged") == []


def test_what_a_remote_has_is_not_known_offline_or_when_it_is_gone(made: Checker) -> None:
    made.rules(REMOTE + "require: {pushed: store}\n")
    made.git("add", "--all")
    made.repro("push")
    assert made.findings("--staged") == []
    offline = made.finding("could-not-tell", "--staged", "--offline")
    assert "--offline" in offline["detail"]
    made.rules("remotes:\n  store: {url: 's3://127.0.0.1:1/none'}\nrequire: {pushed: other}\n")
    unknown = made.finding("could-not-tell", "--staged")
    assert "'other'" in unknown["detail"]
    assert "repro remote add other URL" in unknown["hint"]


@pytest.mark.parametrize("rule", ["pushed", "environment_pushed", "archived", "rebuilt"])
def test_no_rule_that_asks_a_remote_is_met_where_it_does_not_answer(made: Checker, rule: str) -> None:
    lock = Cache(str(made.home / ".local" / "share" / "repro")).add_bytes(b"# repro pip lock 1\n")
    change_environment(made, lock=lock)
    made.git("add", "--all")
    made.rules(REMOTE + f"require: {{{rule}: true}}\n")
    assert made.finding("could-not-tell", "--staged", "--offline")["run"] == made.run_id()
    made.rules("remotes:\n  store: {url: 'http://127.0.0.1:1/none'}\n" + f"require: {{{rule}: true}}\n")
    assert "127.0.0.1:1" in made.finding("could-not-tell", "--staged")["detail"]
    made.rules(f"require: {{{rule}: true}}\n")
    kinds = made.kinds("--staged")
    assert kinds == (["not-rebuilt"] if rule == "rebuilt" else ["could-not-tell"])


def test_a_run_that_nobody_rebuilt_is_refused(made: Checker) -> None:
    made.rules("require: {rebuilt: {verdict: identical}}\n")
    made.git("add", "--all")
    found = made.finding("not-rebuilt", "--staged")
    assert "1 host" in found["detail"]
    made.mend(found)
    assert made.findings("--staged") == []


def test_rebuilds_of_several_hosts_are_counted_by_host(made: Checker) -> None:
    made.rules(REMOTE + "require: {rebuilt: {verdict: close, hosts: 2}}\n")
    made.repro("push")
    made.repro("rebuild", "@last")
    made.repro("rebuild", "@last")
    made.git("add", "--all")
    assert "1 did" in made.finding("not-rebuilt", "--staged")["detail"]
    another_host(made)
    assert "1 did" in made.finding("not-rebuilt", "--staged")["detail"]  # not in git yet, nor on the remote
    made.repro("push")
    assert made.findings("--staged") == []
    assert made.finding("could-not-tell", "--staged", "--offline")["run"] == made.run_id()
    made.git("add", "--all")
    assert made.findings("--staged", "--offline") == []


def another_host(person: Checker) -> None:
    """Write the record of a rebuild as another host would have."""
    folder = person.cwd / ".repro" / "rebuilds" / person.run_id()
    record = parse_rebuild(next(iter(folder.iterdir())).read_bytes(), "a record")
    record = replace(record, machine=replace(record.machine, host="elsewhere"))
    data = render_rebuild(record)
    (folder / rebuild_file_name(record, data)).write_bytes(data)


def test_a_rebuild_record_that_was_edited_does_not_count(made: Checker) -> None:
    made.rules("require: {rebuilt: true}\n")
    made.repro("rebuild", "@last")
    (record,) = (made.cwd / ".repro" / "rebuilds" / made.run_id()).iterdir()
    record.write_text(record.read_text() + "# another\n")
    made.git("add", "--all")
    assert made.kinds("--staged") == ["not-rebuilt"]


def test_a_rule_holds_for_its_paths_and_branches(made: Checker) -> None:
    made.rules('rules:\n- {paths: ["results/a"], branches: [main, "release/*"], require: {pushed: nowhere}}\n')
    made.git("add", "--all")
    assert made.kinds("--staged") == ["could-not-tell"]
    assert made.kinds("--staged", "--branch", "release/1") == ["could-not-tell"]
    assert made.kinds("--staged", "--branch", "feature/main") == []
    made.git("mv", "results/a", "results/b")
    assert made.kinds("--staged") == []


def test_where_no_branch_is_known_its_rules_are_left_out_and_that_is_said(kept: Checker) -> None:
    kept.rules("rules:\n- {branches: [main], require: {pushed: nowhere}}\n")
    kept.commit()
    kept.git("checkout", "--quiet", "--detach")
    done = kept.repro("check")
    assert "rules for branches were left out" in done.stderr
    assert kept.kinds("--branch", "main") == ["could-not-tell"]


def test_one_of_several_runs_that_made_the_same_is_enough(made: Checker) -> None:
    made.rules("remotes:\n  store: {url: ../store}\nrequire: {pushed: store}\n")
    made.repro("run", "-o", "results/a", "--", "sh", "make.sh")
    made.git("add", "--all")
    assert made.finding("not-pushed", "--staged")["run"] == made.run_id()
    made.repro("push", made.runs()[0])
    assert made.findings("--staged") == []


def test_the_rules_that_hold_are_those_of_what_is_checked(kept: Checker) -> None:
    kept.write("repro.yaml", 'results: ["results/**"]\nrequire: {pushed: nowhere}\n')
    assert kept.findings() == []
    kept.git("add", "repro.yaml")
    assert kept.kinds() == ["could-not-tell"]
    assert kept.findings("--rev", "HEAD") == []


def test_local_settings_add_rules_and_take_none_back(kept: Checker) -> None:
    kept.write(".repro/local.yaml", 'results: ["!results/**", "make.sh"]\nrequire: {reachable: true}\n')
    assert [one["path"] for one in kept.findings()] == ["make.sh"]


def test_without_rules_there_is_nothing_to_check(ann: Checker) -> None:
    ann.git("init", "--quiet")
    assert "names no files" in ann.repro("check").stdout


def test_settings_without_meaning_are_refused_by_line(kept: Checker) -> None:
    kept.write("repro.yaml", "results: [a]\nrequire: {lockd: true}\n")
    done = kept.repro("check", expect=2)
    assert "line 2" in done.stderr
    assert "did you mean 'locked'?" in done.stderr
    kept.write("repro.yaml", RULES_WITH_A_BRACKET)
    assert "not closed" in kept.repro("check", expect=2).stderr


RULES_WITH_A_BRACKET = 'results: ["results/[a"]\n'


def test_paths_narrow_the_check(made: Checker, tmp_path: Path) -> None:
    made.write("models/m", "m\n")
    made.git("add", "results", "models")
    assert made.kinds("results") == ["manifest-not-committed"]
    assert made.kinds("models") == ["no-manifest"]
    assert sorted(made.kinds(".")) == ["manifest-not-committed", "no-manifest"]
    assert made.at(made.cwd / "models").repro("check", "m", expect=1)


def test_a_path_that_git_does_not_have_is_no_good_answer(kept: Checker) -> None:
    error = kept.repro_json("check", "resluts", expect=2)["error"]
    assert "resluts" in error["message"]
    kept.write("results/b", "typed\n")
    assert kept.repro_json("check", "results/b", expect=2)["error"]["id"] == "usage"
    kept.git("add", "results/b")
    assert kept.kinds("results/b") == ["no-manifest"]
    kept.git("rm", "--quiet", "--force", "-r", "results")
    assert kept.findings("--staged", "results/a") == []


def test_a_path_in_tracked_data_is_known_by_its_pointer(kept: Checker) -> None:
    kept.write("models/deep/m", "m\n")
    kept.repro("add", "models")
    kept.git("add", "--all")
    assert kept.kinds("models/deep") == ["no-manifest"]
    assert kept.kinds("models.repro") == ["no-manifest"]


def test_two_formats_at_once_are_refused(kept: Checker) -> None:
    assert kept.repro_json("check", "--format", "sarif", expect=2)["error"]["id"] == "usage"
