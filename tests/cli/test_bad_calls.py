"""Calls that have no meaning here: each is refused by its exit code, in one or two lines, and changes nothing."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.cli.refusals import leaves_all_as_it_was, refusal
from tests.command_line import REPRO, Person


@pytest.fixture
def plain(ann: Person) -> Person:
    """Ann in a git repository that repro has never seen."""
    ann.git("init", "--quiet", "--initial-branch=main")
    ann.write("train.py", "print(1)\n")
    return ann


def test_outside_git_every_command_says_so(ann: Person) -> None:
    for arguments in (["status"], ["log"], ["add", "x"]):
        assert "is not inside a git repository" in refusal(ann, *arguments, code=3)
    assert "is not inside a git repository" in refusal(ann, "run", "--", "true", code=125)
    assert list(ann.cwd.iterdir()) == []


def test_a_bare_repository_has_nothing_to_record(ann: Person) -> None:
    ann.git("init", "--quiet", "--bare")
    for place in (ann, ann.at(ann.cwd / "refs")):
        assert "bare git repository" in refusal(place, "status", code=3)
    assert not (ann.cwd / ".repro").exists()


def test_a_damaged_repository_is_named(plain: Person) -> None:
    git = (plain.cwd / ".git").rename(plain.home / "moved")
    plain.write(".git", "gitdir: /nowhere/at/all\n")
    assert "is not the top of a git repository" in refusal(plain, "snapshot", code=3)
    plain.write(".git", f"gitdir: {git}\n")
    plain.repro("snapshot", "--offline")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["chekout"], "no such command 'chekout'. Did you mean 'checkout'?"),
        (["log", "--limt", "3"], "no such option '--limt'. Did you mean '--limit'?"),
        (["log", "--limit", "many"], "'many' is not a valid integer"),
        (["log", "--limit", "-1"], "-1 is not in the range"),
        (["push", "-j", "0"], "0 is not in the range"),
        (["rebuild"], "missing argument 'RUN'"),
        (["add"], "missing argument 'PATH"),
        (["status", "-x"], "no such option '-x'"),
        (["show", "one", "two"], "unexpected extra argument"),
        (["-C", "nowhere", "log"], "'nowhere' does not exist"),
        (["completion", "tcsh"], "'tcsh' is not one of"),
        (["remote", "ad"], "no such command 'ad'"),
        (["add", ".."], "lies outside the project"),
        (["add", "/etc/hostname"], "lies outside the project"),
        (["add", "."], "is the whole project"),
        (["add", ""], "a path is empty"),
        (["add", ".git"], "git's own folder"),
        (["add", ".git/config"], "git's own folder"),
        (["add", ".repro/runs"], "repro's own folder"),
        (["remote", "add", "a b", "/srv"], "'a b' is not a name for a remote"),
        (["remote", "remove", "store"], "no remote is called 'store'"),
        (["push"], "no remote is configured"),
        (["push", "-r", "store"], "no remote is called 'store'"),
        (["snapshot", "-p", "=3"], "'=3' is not of the form NAME=VALUE"),
        (["snapshot", "-p", "a"], "'a' is not of the form NAME=VALUE"),
        (["snapshot", "-p", "a=1", "-p", "a=2"], "the parameter 'a' is given twice"),
        (["snapshot", "-n", ""], "'' is no name for a run"),
        (["snapshot", "-n", "@last"], "'@last' is no name for a run"),
        (["snapshot", "-n", "a\nb"], r"'a\nb' is no name for a run"),
        (["snapshot", "-n", "20261123-021300-7f3kq2mz"], "would be read as something else"),
        (["snapshot", "-n", b"\xff"], r"'\xff' is not UTF-8 text"),
        (["snapshot", "-o", "../out"], "lies outside the project"),
        (["snapshot", "-i", ".git"], "git's own folder"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else "",
)
def test_what_has_no_meaning_is_usage(plain: Person, arguments: list[str], says: str) -> None:
    hint = not (arguments[0] == "snapshot" and arguments[-1] in ("a=2", b"\xff"))
    leaves_all_as_it_was(plain, lambda: refusal(plain, *arguments, code=2, hint=hint))
    assert says in plain.repro(*arguments, expect=2).stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "nothing"], "no run is called 'nothing'"),
        (["show", ""], "no run is called ''"),
        (["show", "--", "-n"], "no run is called '-n'"),
        (["show", "@last~9"], "@last~9 asks for run 10 from the end; there are 0"),
        (["rebuild", "../../etc/passwd"], "no run is called"),
        (["verify", "@last"], "@last asks for run 1 from the end"),
        (["seal", "nothing"], "no run is called"),
        (["diff", "a", "b"], "no run is called 'a'"),
        (["env", "create"], "there are 0"),
        (["checkout", "--run", "nothing"], "no run is called"),
        (["checkout", "nothing"], "nothing is not tracked"),
        (["status", "nothing"], "nothing is not tracked"),
        (["snapshot", "-i", "nothing"], "the input nothing is not there"),
        (["env", "show", "--python", "./nothing"], "/nothing' does not exist or cannot be executed"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_not_there_cannot_be_had(plain: Person, arguments: list[str], says: str) -> None:
    leaves_all_as_it_was(plain, lambda: refusal(plain, *arguments, code=3))
    assert says in plain.repro(*arguments, expect=3).stderr


def test_run_keeps_codes_below_125_for_its_command(plain: Person) -> None:
    def refuse() -> None:
        assert "no command was given" in refusal(plain, "run", code=125)
        assert "no such option '--inptu'" in refusal(plain, "run", "--inptu", "a", "--", "true", code=125)
        assert "the input nothing is not there" in refusal(plain, "run", "-i", "nothing", "--", "true", code=125)
        assert "NAME=VALUE" in refusal(plain, "-q", "run", "-p", "a", "--", "true", code=125)

    leaves_all_as_it_was(plain, refuse)


def test_an_error_is_one_json_object_where_json_is_asked_for(plain: Person) -> None:
    for arguments, code, identity in (
        (["show", "nothing"], 3, "no-such-run"),
        (["status", "nothing"], 3, "not-tracked"),
        (["log", "--limt"], 2, "usage"),
        (["push"], 2, "no-remote"),
        (["add", "nothing"], 3, "data-not-found"),
    ):
        done = plain.repro(*arguments, "--json", expect=code)
        error = json.loads(done.stdout)["error"]
        assert (error["id"], set(error)) == (identity, {"id", "message", "hint"}), done.stdout
        assert done.stderr == ""


def test_several_runs_that_match_are_listed(plain: Person) -> None:
    for name in ("one", "two"):
        plain.repro("snapshot", "--offline", "-n", name)
    said = refusal(plain, "show", plain.runs()[0][:8], code=3)
    assert all(run in said for run in plain.runs())
    assert "(one)" in said
    assert "(two)" in said
    assert plain.repro("show", "one").stdout


@pytest.mark.parametrize("arguments", [["status"], ["log"], ["show", "x"], ["add", "train.py"], ["push"]])
def test_a_misspelt_setting_is_named_with_file_line_and_nearest_word(plain: Person, arguments: list[str]) -> None:
    plain.write("repro.yaml", "outputs: [out]\nmetrcs: [m.json]\n")
    said = refusal(plain, *arguments, code=2)
    assert said == "repro: repro.yaml, line 2: 'metrcs' is not a setting\nhint: did you mean 'metrics'?"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("environment:\n  kidn: pip\n", "repro.yaml, line 2: 'kidn' is not a setting"),
        ("outputs: [a\nmetrics: b", "repro.yaml, line 2"),
        ("outputs:\n- ../a\n", "repro.yaml, line 2: outputs: the path '../a' is unsafe"),
        ("outputs: out\n", "repro.yaml, line 1: outputs must be a list"),
        ("remotes:\n  store: {ulr: x}\n", "repro.yaml, line 2: 'ulr' is not a setting"),
        ("environment: {kind: nix}\n", "line 1: environment.kind is 'nix', not one of: pip, conda, image"),
        ("store: 3\n", "line 1: store must be text"),
        ("- a\n", "line 1: the file must be names with values"),
        ("outputs: [a]\noutputs: [b]\n", "repro.yaml, line 2"),
        (b"\xff", "repro.yaml"),
    ],
)
def test_settings_without_meaning_are_named_with_their_line(plain: Person, text: str | bytes, says: str) -> None:
    plain.write("repro.yaml", text)
    done = plain.repro("status", expect=2)
    assert says in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert plain.repro_json("log", expect=2)["error"]["id"] == "bad-settings"


def test_a_fault_in_the_users_own_settings_names_that_file(plain: Person) -> None:
    config = plain.home / ".config" / "repro" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text("stroe: /srv\n")
    assert f"{config}, line 1: 'stroe' is not a setting" in refusal(plain, "status", code=2)


def test_settings_that_were_read_once_are_read_again_when_they_change(plain: Person) -> None:
    plain.repro("init")
    plain.write("repro.yaml", "outputs: [out]\n")
    plain.repro("status")
    plain.write("repro.yaml", "outptus: [out]\n")
    refusal(plain, "status", code=2)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("params.yaml", "a: [", "params.yaml, line"),
        ("params.toml", "a = [", "params.toml cannot be read"),
        ("params.json", "{", "params.json cannot be read"),
        ("params.yaml", "- 1\n", "holds a list, not names and values"),
        ("params.ini", "a=1", "none of the endings"),
        ("params.yaml", None, "params.yaml"),
    ],
)
def test_a_parameter_file_that_cannot_be_read_is_named(plain: Person, name: str, text: str | None, says: str) -> None:
    plain.write("repro.yaml", f"parameters: [{name}]\n")
    if text is not None:
        plain.write(name, text)
    done = plain.repro("snapshot", expect=2)
    assert says in done.stderr
    assert len(done.stderr.splitlines()) <= 2
    assert plain.runs() == []


def test_a_lock_for_an_env_that_cannot_be_written_names_the_file(plain: Person) -> None:
    assert "/no/lock.txt: No such file" in refusal(plain, "env", "lock", "-o", "no/lock.txt", code=3, hint=False)


def test_output_to_a_reader_that_has_gone_ends_as_in_a_c_program(plain: Person) -> None:
    plain.repro("snapshot", "--offline")
    for arguments in (
        ["log"],
        ["log", "--json"],
        ["show", "@last"],
        ["--help"],
        ["--version"],
        ["show", "x", "--json"],
    ):
        done = _without_reader(plain, "stdout", *arguments)
        assert (done.returncode, done.stderr) == (141, b""), arguments


def test_a_closed_stream_is_no_error_and_its_number_is_not_given_away(plain: Person) -> None:
    repro = shlex.join(REPRO)
    for call in (
        "log >&-",
        "status 2>&-",
        "run -- python -c 'print(1)' >&-",
        "run -- true <&- >&- 2>&-",
        "--version >&-",
    ):
        done = plain.call("sh", "-c", f"{repro} {call}")
        assert done.returncode == 0, (call, done.stderr)
        assert "error" not in done.stderr
    assert plain.manifest()["state"] == "complete"


def test_a_reader_of_stderr_that_has_gone_does_not_end_the_run(plain: Person) -> None:
    done = _without_reader(plain, "stderr", "run", "-o", "out", "--", "sh", "-c", "echo 1 > out; exit 7")
    assert done.returncode == 7
    assert plain.manifest()["state"] == "failed"
    assert [output["path"] for output in plain.manifest()["facts"]["outputs"]] == ["out"]


def _without_reader(person: Person, stream: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Call repro with one of its streams a pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [*REPRO, *arguments],
            cwd=person.cwd,
            env=person.environ,
            stdin=subprocess.DEVNULL,
            stdout=writer if stream == "stdout" else subprocess.PIPE,
            stderr=writer if stream == "stderr" else subprocess.PIPE,
            timeout=60,
        )
    finally:
        os.close(writer)


def test_a_bug_leaves_a_report_and_no_traceback(plain: Person, tmp_path: Path) -> None:
    (tmp_path / "sabotage").mkdir()
    (tmp_path / "sabotage" / "sitecustomize.py").write_text("import os\nos.listdir = lambda path: 1 / 0\n")
    broken = plain.having(PYTHONPATH=str(tmp_path / "sabotage"), TMPDIR=str(tmp_path))
    done = broken.repro("log", expect=70)
    [report] = tmp_path.glob("repro-bug-*.txt")
    assert done.stderr.splitlines() == [
        "repro: repro met an error that it does not expect: ZeroDivisionError: division by zero",
        f"hint: please report it, with {report}",
    ]
    assert "Traceback" in report.read_text()
    assert "Traceback" in broken.repro("--debug", "log", expect=1).stderr
