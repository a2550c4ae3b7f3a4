"""Runs that go wrong: each has its exit code, says why, and leaves nothing, or what can be completed."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.refusals import leaves_all_as_it_was, refusal
from tests.command_line import REPRO, Person


@pytest.fixture
def plain(ann: Person) -> Person:
    """Ann in a git repository with one committed script."""
    ann.git("init", "--quiet", "--initial-branch=main")
    ann.write("train.py", "open('out.txt', 'w').write('1')\n")
    ann.git("add", "--all")
    ann.git("commit", "--quiet", "--message", "begin")
    ann.repro("init")
    return ann


def test_a_command_that_is_not_found_or_not_executable_leaves_no_record_and_no_ref(plain: Person) -> None:
    plain.write("notes.txt", "text\n")
    plain.write("no-interpreter", "#!/no/such/thing\n", mode=0o755)

    def refuse() -> None:
        assert "'trian' was not found" in refusal(plain, "run", "--", "trian", code=127)
        assert "did you mean ./notes.txt" in refusal(plain, "run", "--", "notes.txt", code=127)
        assert "cannot be executed" in refusal(plain, "run", "--", "./notes.txt", code=126)
        assert "cannot be executed: its interpreter" in refusal(
            plain, "run", "--", "./no-interpreter", code=126, hint=False
        )
        assert "cannot be executed" in refusal(plain, "run", "--", ".", code=126)

    leaves_all_as_it_was(plain, refuse)
    assert plain.repro_json("status")["runs"] == []
    assert plain.repro_json("log")["runs"] == []


@pytest.mark.parametrize(
    ("script", "code", "signal"),
    [
        ("exit 3", 3, None),
        ("exit 255", 255, None),
        ("kill -KILL $$", 137, "SIGKILL"),
        ("kill -SEGV $$", 139, "SIGSEGV"),
    ],
)
def test_a_command_that_fails_is_recorded_with_its_code(
    plain: Person, script: str, code: int, signal: str | None
) -> None:
    done = plain.repro("run", "--", "sh", "-c", f"echo 1 > part.txt; {script}", expect=code)
    manifest = plain.manifest()
    assert manifest["state"] == "failed"
    assert manifest["observations"]["exit_code"] == code
    assert manifest["observations"].get("signal") == signal
    assert [output["path"] for output in manifest["facts"]["outputs"]] == ["part.txt"]
    assert (signal or f"exit code {code}") in done.stderr


def test_a_named_output_that_is_not_made_fails_the_run(plain: Person) -> None:
    done = plain.repro("run", "-o", "model.bin", "--", "python", "train.py", expect=125)
    assert "output-missing: model.bin: is a declared output and was not made" in done.stderr
    assert "  hint: " in done.stderr
    manifest = plain.manifest()
    assert (manifest["state"], manifest["facts"]["missing_outputs"]) == ("failed", ["model.bin"])
    plain.repro("run", "-o", "model.bin", "--", "sh", "-c", "exit 4", expect=4)


def test_a_seal_says_which_named_output_is_not_there(plain: Person) -> None:
    run = plain.repro("snapshot", "-o", "model.bin", "--", "true").stdout.strip()
    answer = plain.repro_json("seal", run, expect=1)
    assert answer["state"] == "failed"
    assert [(finding["kind"], finding["path"]) for finding in answer["findings"]] == [("output-missing", "model.bin")]


@pytest.mark.parametrize(
    ("script", "tainted"),
    [
        ("echo 4 >> data/numbers.csv", ["data"]),
        ("echo 4 > data/more.csv", ["data"]),
        ("rm data/numbers.csv", ["data"]),
        ("echo '# later' >> train.py", ["train.py"]),
        ("rm train.py", ["train.py"]),
        ("chmod +x train.py", ["train.py"]),
    ],
)
def test_what_changes_under_a_run_taints_it(project: Person, script: str, tainted: list[str]) -> None:
    done = project.repro("run", "--watch", "off", "--", "sh", "-c", f"{script}; echo 1 > out.txt")
    manifest = project.manifest()
    assert manifest["tainted"] == tainted
    assert manifest["state"] == "complete"
    assert f"tainted: {tainted[0]}: changed while the run ran" in done.stderr
    assert "complete, tainted" in project.repro("log").stdout
    assert project.repro_json("log")["runs"][0]["tainted"] == tainted


def test_what_changes_between_snapshot_and_seal_taints_too(project: Person) -> None:
    run = project.repro("snapshot", "--", "true").stdout.strip()
    project.write("data/numbers.csv", "9\n")
    assert project.repro_json("seal", run)["tainted"] == ["data"]


def test_an_input_that_is_not_there_stops_the_run_before_it_starts(project: Person) -> None:
    assert "the input weights.bin is not there" in refusal(
        project, "run", "-i", "weights.bin", "--", "touch", "ran", code=125
    )
    assert not (project.cwd / "ran").exists()
    assert project.runs() == []


def test_two_processes_cannot_seal_one_run(plain: Person, tmp_path: Path) -> None:
    flag = tmp_path / "go"
    command = ["sh", "-c", f"echo 1 > out.txt; while ! [ -e {flag} ]; do sleep 0.05; done"]
    first = subprocess.Popen([*REPRO, "run", "--", *command], cwd=plain.cwd, env=plain.environ, stderr=subprocess.PIPE)
    _wait_until(lambda: bool(plain.runs()) and (plain.cwd / "out.txt").exists())
    [run] = plain.runs()
    assert f"the run {run} is held by process {first.pid}" in refusal(plain, "seal", run, code=6)
    assert plain.repro_json("seal", "@last", expect=6)["error"]["id"] == "locked"
    flag.touch()
    _, said = first.communicate(timeout=60)
    assert (first.returncode, plain.manifest()["state"]) == (0, "complete"), said
    assert "is sealed: complete" in refusal(plain, "seal", run, code=3)


def test_a_record_from_a_newer_repro_is_named_and_costs_no_other_run_anything(plain: Person) -> None:
    plain.repro("run", "--", "python", "train.py")
    plain.git("add", "--all")
    plain.git("commit", "--quiet", "--message", "with a result")
    newer, damaged = "20991231-235959-aaaaaaaa", "20991231-235958-bbbbbbbb"
    plain.write(f".repro/runs/{newer}.yaml", f"repro: 99\nrun: {newer}\n")
    plain.write(f".repro/runs/{damaged}.yaml", "repro: [\n")
    said = refusal(plain, "show", "@last", code=3)
    assert f".repro/runs/{newer}.yaml has format version 99" in said
    assert "install a newer repro" in said
    assert f".repro/runs/{damaged}.yaml, line 2" in refusal(plain, "show", damaged, code=4, hint=False)
    assert plain.repro_json("rebuild", newer, expect=3)["error"]["id"] == "newer-format"
    plain.repro("status")
    # The script writes over a committed file that an earlier run made: all runs' records are asked about it.
    plain.write("train.py", "open('out.txt', 'w').write('2')\n")
    plain.repro("run", "--", "python", "train.py")
    manifest = plain.manifest(plain.runs()[1])
    assert (manifest["state"], manifest.get("tainted")) == ("complete", None)
    assert [output["path"] for output in manifest["facts"]["outputs"]] == ["out.txt"]


def test_log_lists_the_runs_that_it_can_read_and_names_the_others(plain: Person) -> None:
    plain.repro("snapshot", "--offline", "-n", "good")
    plain.write(".repro/runs/20991231-235959-aaaaaaaa.yaml", "repro: 99\n")
    done = plain.repro("log", expect=3)
    assert "good" in done.stdout
    assert "20991231-235959-aaaaaaaa.yaml has format version 99" in done.stderr
    answer = plain.repro_json("log", expect=3)
    assert [run["name"] for run in answer["runs"]] == ["good"]
    assert [finding["run"] for finding in answer["findings"]] == ["20991231-235959-aaaaaaaa"]


def _wait_until(holds: object, seconds: float = 30) -> None:
    assert callable(holds)
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def test_what_cannot_be_kept_costs_only_itself_unless_it_was_named(plain: Person) -> None:
    done = plain.repro("run", "--", "sh", "-c", "mkfifo pipe; echo 1 > out.txt")
    assert "output-not-kept: pipe: " in done.stderr
    assert [output["path"] for output in plain.manifest()["facts"]["outputs"]] == ["out.txt"]
    said = refusal(plain, "run", "-o", "pipe", "--", "true", code=125)
    assert "what it made cannot be recorded: pipe is a fifo" in said
    (plain.cwd / "pipe").unlink()
    (plain.cwd / "pipe").write_text("1")
    plain.repro("seal", "@last")
    assert plain.manifest()["state"] == "complete"


def test_a_command_may_do_its_worst_to_git_and_to_our_folder(plain: Person) -> None:
    for script in ("rm -rf .repro", "git commit --quiet --allow-empty --message more", "git checkout --quiet --detach"):
        plain.repro("run", "--", "sh", "-c", f"{script}; echo {script!r} > out.txt")
        assert plain.manifest()["state"] == "complete"
        assert [output["path"] for output in plain.manifest()["facts"]["outputs"]] == ["out.txt"]
    plain.repro("rebuild", "@last")
    said = refusal(plain, "run", "--", "sh", "-c", "mv .git moved", code=125)
    (plain.cwd / "moved").rename(plain.cwd / ".git")
    assert f"`repro seal {plain.runs()[-1]}`" in said
    plain.repro("seal", plain.runs()[-1])


NAMES = [b"new\nline", b"\xff\xfe bytes", b"n" * 255, b"-dash", "‮rtl".encode(), b"back\\slash", b" ", b"*?["]


def test_any_legal_name_survives_add_run_rebuild_and_checkout(plain: Person) -> None:
    root = os.fsencode(plain.cwd)
    os.mkdir(os.path.join(root, b"in\n\xff"))
    for name in NAMES:
        Path(os.fsdecode(os.path.join(root, b"in\n\xff", name))).write_bytes(name)
    plain.write("copy.py", "import shutil\nshutil.copytree(b'in\\n\\xff', b'out \\xfe', symlinks=True)\n")
    plain.repro("add", b"in\n\xff")
    assert plain.repro_json("status")["data"][0]["path"] == r"in\x0a\xff"
    plain.repro("run", "-o", b"out \xfe", "--", "python", "copy.py")
    assert plain.repro_json("rebuild", "@last")["verdict"] == "identical"
    plain.call("rm", "-r", b"in\n\xff", b"out \xfe")
    plain.repro("checkout")
    plain.repro("checkout", "--run", "@last", b"out \xfe")
    for folder in (b"in\n\xff", b"out \xfe"):
        assert sorted(os.listdir(os.path.join(root, folder))) == sorted(NAMES)
    plain.repro("status")


@pytest.mark.parametrize("name", [".repro", ".repro/local", ".repro/runs"])
def test_a_clone_cannot_have_records_written_elsewhere_by_a_link(project: Person, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.rmtree(project.cwd / ".repro")
    (project.cwd / name).parent.mkdir(exist_ok=True)
    (project.cwd / name).symlink_to(elsewhere)
    done = project.repro("run", "--", "python", "train.py", expect=125)
    assert f"{name} is a symbolic link" in done.stderr
    assert list(elsewhere.iterdir()) == []
