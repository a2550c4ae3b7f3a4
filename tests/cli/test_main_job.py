"""The main job as a user does it: record here, push, rebuild elsewhere."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.command_line import Person


def test_a_run_records_code_data_environment_parameters_and_outputs(project: Person) -> None:
    done = project.repro("run", "-n", "first", "-m", "a note", "-p", "lr=0.1", "--", "python", "train.py")
    assert done.stdout.startswith("trained ")
    manifest = project.manifest()
    assert done.stdout.split()[1] == manifest["run"]
    assert (manifest["name"], manifest["message"], manifest["state"]) == ("first", "a note", "complete")
    recipe = manifest["facts"]["recipe"]
    assert recipe["command"] == ["python", "train.py"]
    assert [item["path"] for item in recipe["data"]] == ["data"]
    assert recipe["parameters"] == {"lr": 0.1}
    assert recipe["environment"]["kind"] == "pip"
    assert manifest["facts"]["code"]["head"] == project.git("rev-parse", "HEAD").strip()
    outputs = {output["path"]: output for output in manifest["facts"]["outputs"]}
    assert sorted(outputs) == ["out/metrics.json", "out/model.txt"]
    assert outputs["out/model.txt"]["found"] is True
    assert "tainted" not in manifest


def test_a_pushed_run_is_rebuilt_elsewhere_from_the_url_alone(project: Person, bob: Person, tmp_path: Path) -> None:
    project.repro("run", "--", "python", "train.py")
    run = project.runs()[-1]
    project.repro("remote", "add", "store", str(tmp_path / "remote"))
    project.repro("push")
    shutil.rmtree(project.home)
    answer = bob.repro_json("rebuild", run[9:], "--from", str(tmp_path / "remote"))
    assert answer["verdict"] == "identical"
    assert answer["run"] == run
    assert {output["path"]: output["verdict"] for output in answer["outputs"]} == {
        "out/metrics.json": "identical",
        "out/model.txt": "identical",
    }
    assert not any((bob.home / ".cache" / "repro" / "rebuilds").iterdir())


def test_the_same_command_on_the_same_ingredients_is_the_same_recipe(project: Person) -> None:
    for _ in range(2):
        project.repro("run", "--", "python", "train.py")
        project.git("add", "--all")
        project.git("commit", "--quiet", "--message", "record a run")
    one, two = (project.manifest(run) for run in project.runs())
    assert one["facts"]["recipe"]["id"] == two["facts"]["recipe"]["id"]
    assert one["facts"]["code"]["commit"] != two["facts"]["code"]["commit"]
    assert [o["path"] for o in two["facts"]["outputs"]] == ["out/metrics.json", "out/model.txt"]
    assert "tainted" not in two
    project.repro("diff", "@last~1", "@last")


def test_pushing_again_sends_nothing(project: Person, tmp_path: Path) -> None:
    project.repro("run", "--", "python", "train.py")
    project.repro("remote", "add", "store", str(tmp_path / "remote"))
    first = project.repro_json("push")
    assert first["runs"] == project.runs()
    assert first["objects"] > 0
    again = project.repro_json("push")
    assert (again["runs"], again["objects"], again["bytes"]) == ([], 0, 0)


def test_a_verdict_is_kept_shown_and_pushed_beside_the_manifest(project: Person, bob: Person, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    project.repro("run", "--", "python", "train.py")
    run = project.runs()[-1]
    project.repro("remote", "add", "store", str(remote))
    project.repro("push")
    manifest = (remote / "runs" / f"{run}.yaml").read_bytes()
    bob.repro("rebuild", run, "--from", str(remote), "--push")
    assert len(list((remote / "rebuilds" / run).glob("*.yaml"))) == 1
    assert (remote / "runs" / f"{run}.yaml").read_bytes() == manifest
    project.repro("fetch", run)
    assert project.repro_json("log")["runs"][0]["verdicts"] == ["identical"]
    assert "rebuild     identical" in project.repro("show", run).stdout


def test_snapshot_and_seal_record_what_something_else_executed(project: Person) -> None:
    run = project.repro("snapshot", "-n", "job", "--", "python", "train.py").stdout.strip()
    assert project.repro_json("status", expect=0)["runs"][0]["run"] == run
    done = project.call("python", "train.py")
    assert done.returncode != 0, "the script wants REPRO_RUN_ID: started by hand it has none"
    assert project.having(REPRO_RUN_ID=run).call("python", "train.py").returncode == 0
    sealed = project.repro_json("seal", run)
    assert sealed["state"] == "complete"
    assert [output["path"] for output in sealed["outputs"]] == ["out/metrics.json", "out/model.txt"]
    assert project.repro_json("status")["runs"] == []
    assert project.repro_json("rebuild", run)["verdict"] == "identical"


def test_pull_and_checkout_bring_tracked_data_into_a_fresh_clone(project: Person, bob: Person, tmp_path: Path) -> None:
    project.repro("remote", "add", "store", str(tmp_path / "remote"))
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "name the remote")
    project.repro("push")
    bob.git("clone", "--quiet", str(project.cwd), "clone")
    clone = bob.at(bob.cwd / "clone")
    lost = {"path": "data", "state": "lost", "pointer": "data.repro", "problem": None}
    assert clone.repro_json("status", expect=1)["data"] == [lost]
    clone.repro("pull")
    assert (clone.cwd / "data" / "numbers.csv").read_text() == "1\n2\n3\n"
    clone.repro("status")
    (clone.cwd / "data" / "numbers.csv").write_text("4\n")
    assert clone.repro_json("status", expect=1)["data"][0]["state"] == "changed"
    refused = clone.repro("checkout", expect=3)
    assert "data/numbers.csv" in refused.stderr
    assert "--force" in refused.stderr
    clone.repro("checkout", "--force")
    assert (clone.cwd / "data" / "numbers.csv").read_text() == "1\n2\n3\n"
    (tmp_path / "remote").rename(tmp_path / "moved")
    for command, verb in (("pull", "pulled"), ("fetch", "fetched")):
        assert f"repro: {verb}: everything is here already\n" in clone.repro(command).stderr, "no remote was asked"


def test_status_says_of_each_data_how_it_stands_where_one_holds_what_no_record_can_hold(project: Person) -> None:
    project.write("more/a", "1")
    project.write("other/a", "1")
    project.repro("add", "more", "other")
    os.mkfifo(project.cwd / "data" / "pipe")
    (project.cwd / "more" / "sub" / ".git").mkdir(parents=True)
    done = project.repro("status", expect=1)
    assert done.stdout == "changed  data\nchanged  more\n"
    assert "data/pipe is a fifo" in done.stderr
    assert "more/sub" in done.stderr
    answer = project.repro_json("status", expect=1)["data"]
    assert [one["state"] for one in answer] == ["changed", "changed", "same"]
    assert answer[0]["problem"] == "data/pipe is a fifo: it has no content to keep"


def test_outputs_of_a_run_come_back_by_checkout(project: Person) -> None:
    project.repro("run", "-o", "out", "--", "python", "train.py")
    before = {path.name: path.read_bytes() for path in (project.cwd / "out").iterdir()}
    shutil.rmtree(project.cwd / "out")
    project.repro("checkout", "--run", "@last", "out")
    assert {path.name: path.read_bytes() for path in (project.cwd / "out").iterdir()} == before
