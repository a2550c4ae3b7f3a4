"""What a run left: outputs, taint, leftovers, large files; without watching, told from the files before and after."""

from __future__ import annotations

import os
import time

from repro.data.rows import RACY_NS
from tests.command_line import Person


def outputs(project: Person) -> list[str]:
    return [output["path"] for output in project.manifest()["facts"]["outputs"]]


def inputs(project: Person) -> list[str]:
    return [item["path"] for item in project.manifest()["facts"]["recipe"]["data"]]


def test_outputs_that_git_ignores_are_found(project: Person) -> None:
    project.write(".gitignore", "/data\nout/\nold.bin\n")
    project.write("old.bin", "was there before")
    project.repro("run", "--", "python", "train.py")
    assert outputs(project) == ["out/metrics.json", "out/model.txt"]


def test_excluded_files_and_what_programs_leave_behind_are_no_outputs(project: Person) -> None:
    project.write("repro.yaml", 'exclude: ["*.log", "wandb/**"]\n')
    script = "import os; [os.makedirs(d, exist_ok=True) for d in ('__pycache__', 'wandb/x', 'o')]\n"
    script += "for n in ('a.log', '__pycache__/a.pyc', 'wandb/x/y', 'o/b.log', 'o/c.txt'): open(n, 'w').write('x')\n"
    project.write("train.py", script)
    project.repro("run", "--", "python", "train.py")
    assert outputs(project) == ["o/c.txt"]


def test_code_edited_under_the_run_taints_it_by_path(project: Person) -> None:
    project.write("helper.py", "VALUE = 1\n")
    project.write("train.py", "open('helper.py', 'a').write('# edited\\n'); open('result', 'w').write('1')\n")
    done = project.repro("run", "--watch", "off", "--", "python", "train.py")
    assert project.manifest()["tainted"] == ["helper.py"]
    assert outputs(project) == ["result"]
    assert "helper.py" in done.stderr
    assert project.repro_json("log")["runs"][0]["tainted"] == ["helper.py"]


def test_an_input_changed_under_the_run_taints_it(project: Person) -> None:
    project.write("train.py", "open('data/more.csv', 'w').write('4'); open('result', 'w').write('1')\n")
    project.repro("run", "--watch", "off", "--", "python", "train.py")
    assert project.manifest()["tainted"] == ["data"]


def test_a_file_that_an_earlier_run_made_may_be_made_again(project: Person) -> None:
    project.write("train.py", "import sys; open('result', 'w').write(sys.argv[1])\n")
    for value in ("1", "1", "2"):
        project.repro("run", "--", "python", "train.py", value)
        assert outputs(project) == ["result"]
        assert "tainted" not in project.manifest()
    answer = project.repro_json("rebuild", "@last")
    assert answer["verdict"] == "identical"


def test_a_declared_output_left_over_from_before_is_said(project: Person) -> None:
    project.write("train.py", "pass\n")
    project.write("out/model.txt", "left over")
    done = project.repro("run", "-o", "out", "--", "python", "train.py")
    assert "output-not-written" in done.stderr


def test_a_large_untracked_file_is_data_and_an_output_when_it_is_made_again(project: Person) -> None:
    script = "import sys; open('model.bin', 'wb').write(b'x' * (51 << 20) + sys.argv[1].encode())\n"
    project.write("train.py", script)
    project.repro("run", "--", "python", "train.py", "1")
    assert outputs(project) == ["model.bin"]
    project.write("read.py", "open('size', 'w').write(str(len(open('model.bin', 'rb').read())))\n")
    done = project.repro("run", "--", "python", "read.py")
    assert "large-file" in done.stderr
    assert inputs(project) == ["model.bin"]
    assert outputs(project) == ["size"]
    assert "model.bin" not in project.git("ls-tree", "-r", "--name-only", project.manifest()["facts"]["code"]["commit"])
    project.repro("run", "--", "python", "train.py", "2")
    assert (inputs(project), outputs(project)) == ([], ["model.bin"])
    assert "tainted" not in project.manifest()


def test_parameters_and_metrics_files_are_recorded(project: Person) -> None:
    settings = "parameters: [params.toml]\nmetrics: [m.json, history.csv, absent.json]\n"
    project.write("repro.yaml", settings)
    project.write("params.toml", "[model]\nwidth = 3\nrate = 1e-3\n")
    script = "open('m.json', 'w').write('{\"a\": {\"b\": 0.5}}')\n"
    project.write("train.py", script + "open('history.csv', 'w').write('epoch,loss\\n1,3\\n2,1.5\\n')")
    done = project.repro("run", "-p", "seed=7", "--", "python", "train.py")
    facts = project.manifest()["facts"]
    assert facts["recipe"]["parameters"] == {"params.toml": {"model": {"width": 3, "rate": 0.001}}, "seed": 7}
    assert facts["metrics"] == {"m.json": {"a": {"b": 0.5}}, "history.csv": {"epoch": 2, "loss": 1.5}}
    assert "absent.json" in done.stderr


def test_a_run_in_a_repository_without_a_commit_and_with_odd_names_is_rebuilt(ann: Person) -> None:
    ann.git("init", "--quiet")
    ann.write("a script.py", "import os; [open(os.fsencode(n) , 'w').write('1') for n in ('o\\udcff', 'new\\nline')]\n")
    ann.repro("run", "--", "python", "a script.py")
    assert outputs(ann) == ["new\\x0aline", "o\\xff"]
    assert ann.repro_json("rebuild", "@last")["verdict"] == "identical"


def test_a_submodule_travels_with_its_uncommitted_changes(project: Person, bob: Person) -> None:
    library = project.at(project.home / "library")
    library.cwd.mkdir()
    library.git("init", "--quiet")
    library.write("value.py", "VALUE = 1\n")
    library.git("add", ".")
    library.git("commit", "--quiet", "--message", "begin")
    project.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library.cwd), "lib")
    project.git("commit", "--quiet", "--message", "submodule")
    project.write("lib/value.py", "VALUE = 2\n")
    project.write(
        "train.py", "import sys; sys.path.insert(0, 'lib'); import value; open('v', 'w').write(str(value.VALUE))"
    )
    project.repro("run", "--", "python", "train.py")
    assert "tainted" not in project.manifest()
    project.repro("push", "-r", str(bob.home / "remote"))
    answer = bob.repro_json("rebuild", "@last", "--from", str(bob.home / "remote"))
    assert answer["verdict"] == "identical"


def test_a_run_that_leaves_its_inputs_alone_reads_no_earlier_manifest(project: Person) -> None:
    unreadable = project.cwd / ".repro" / "runs" / "20200101-000000-aaaaaaaa.yaml"
    unreadable.mkdir(parents=True)  # whoever reads it fails
    time.sleep(RACY_NS / 1e9)  # what has only just been written may be written again unseen
    project.repro("run", "-o", "out", "--", "python", "train.py")
    assert inputs(project) == ["data"]


def test_an_output_inside_an_input_is_refused_before_anything_starts(project: Person) -> None:
    done = project.repro("run", "-o", "data/clean", "--", "python", "train.py", expect=125)
    assert "the output data/clean lies inside the input data" in done.stderr
    assert project.runs() == []


def test_parameter_and_metrics_files_may_have_any_legal_name(project: Person) -> None:
    project.write("repro.yaml", 'parameters: ["p\\\\xff.json"]\nmetrics: ["m\\\\xff.json"]\n')
    (project.cwd / os.fsdecode(b"p\xff.json")).write_text('{"a": 1}')
    project.write("train.py", "open(b'm\\xff.json', 'w').write('{\"b\": 2}')\n")
    project.repro("run", "--", "python", "train.py")
    facts = project.manifest()["facts"]
    assert facts["recipe"]["parameters"] == {"p\\xff.json": {"a": 1}}
    assert facts["metrics"] == {"m\\xff.json": {"b": 2}}
