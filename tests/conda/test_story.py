"""A project with an environment.yml, from the lock to a rebuild elsewhere, by the command line."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import REPRO, Person
from tests.conda.channel_server import ChannelServer, serve
from tests.conda.conda_packages import Package, add_package
from tests.conda.locking import everything_below

SCRIPT = """\
import os, sys, words

open("out.txt", "w").write(f"{words.WORDS} {sys.version} {os.environ['CONDA_PREFIX'] == sys.prefix}")
"""


@dataclass
class Story:
    """Ann's project with its channel; the server is stopped by `forget`."""

    ann: Person
    server: ChannelServer
    folder: Path

    def forget(self) -> None:
        """The channel has nothing any more."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()


@pytest.fixture
def story(ann: Person, own_channel: Path) -> Iterator[Story]:
    ann = ann.having(CONDA_REMOTE_MAX_RETRIES="0")
    ann.git("init", "--quiet")
    ann.write("train.py", SCRIPT)
    ann.write("repro.yaml", "environment: {file: environment.yml}\n")
    with serve(own_channel) as server:
        ann.write("environment.yml", f"channels: ['{server.url}']\ndependencies: [words]\n")
        yield Story(ann, server, own_channel)


def record(ann: Person, remote: Path) -> str:
    """Lock, make, run, push; the original goes."""
    assert "locked 3 packages of environment.yml" in ann.repro("env", "lock").stderr
    ann.repro("env", "create")
    ann.git("add", "--all")
    ann.git("commit", "--quiet", "--message", "begin")
    ann.repro("run", "--", "python", "train.py")
    ann.repro("push", "-r", str(remote))
    return ann.runs()[-1]


def rebuild(bob: Person, run: str, remote: Path, code: int, *options: str) -> Any:
    bob = bob.having(CONDA_REMOTE_MAX_RETRIES="0")
    return bob.repro_json("rebuild", run, "--from", str(remote), *options, expect=code)


def test_a_run_in_the_locked_environment_is_rebuilt_elsewhere(story: Story, bob: Person, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    run = record(story.ann, remote)
    recorded = story.ann.manifest()["facts"]["recipe"]["environment"]
    assert recorded["kind"] == "conda"
    assert recorded["packages"].keys() == {"words", "python", "tiny"}
    assert recorded["packages"]["words"] == "1.1 py_0"
    assert recorded["virtual"] == {"__glibc": ">=2.17,<3.0.a0"}
    made = (story.ann.cwd / "out.txt").read_text()
    assert made.startswith("['one', 'two'] 3.")
    assert made.endswith("True")
    shutil.rmtree(story.ann.home)
    answer = rebuild(bob, run, remote, 0)
    assert answer["verdict"] == "identical"
    assert answer["environment"].startswith("conda, ")
    story.forget()
    assert rebuild(bob, run, remote, 0, "--offline")["verdict"] == "identical"


def test_what_the_channel_has_no_more_or_otherwise_makes_a_run_unbuildable_and_its_silence_does_not(
    story: Story, bob: Person, tmp_path: Path
) -> None:
    run = record(story.ann, tmp_path / "remote")
    story.server.hold("words")
    error = story.ann.having(CONDA_REMOTE_READ_TIMEOUT_SECS="1").repro_json("env", "archive", expect=5)["error"]
    assert error["id"] == "channel-unreachable", "it stands still, and nobody knows whether it has it"
    assert "words-1.1" in error["message"]
    assert "CONDA_REMOTE_READ_TIMEOUT_SECS" in error["hint"]
    story.server.let_go()
    other = Package("words", "1.1", "noarch", "py_0", noarch="python")
    add_package(story.folder, other, {"site-packages/words.py": "WORDS = ['evil']\n"})
    answer = rebuild(bob, run, tmp_path / "remote", 4)
    assert answer["verdict"] == "unbuildable"
    finding = answer["findings"][0]
    assert finding["kind"] == "package-hash-mismatch"
    assert "words" in finding["detail"]
    story.forget()
    answer = rebuild(bob, run, tmp_path / "remote", 3)
    assert answer["verdict"] == "unbuildable"
    finding = answer["findings"][0]
    assert finding["kind"] == "package-gone"
    assert ".conda" in finding["detail"] or ".tar.bz2" in finding["detail"]
    assert "repro env archive" in finding["hint"]
    assert story.ann.repro_json("env", "archive", expect=3)["error"]["id"] == "not-archivable"
    assert not (story.ann.cwd / ".repro" / "archives").exists()


def test_an_archived_environment_needs_no_channel(story: Story, bob: Person, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    run = record(story.ann, remote)
    assert "3 files" in story.ann.repro("env", "archive", "@last").stdout + story.ann.repro("env", "archive").stderr
    story.ann.repro("push", "-r", str(remote))
    shutil.rmtree(story.ann.home)
    story.forget()
    assert rebuild(bob, run, remote, 0, "--offline")["verdict"] == "identical"


def test_an_environment_that_is_not_made_yet_is_asked_for_before_anything_is_recorded(story: Story) -> None:
    ann = story.ann
    ann.git("add", "--all")
    ann.git("commit", "--quiet", "--message", "begin")
    done = ann.repro("run", "--", "python", "train.py", expect=125)
    assert "repro env lock" in done.stderr
    ann.repro("env", "lock")
    done = ann.repro("run", "--", "python", "train.py", expect=125)
    assert "repro env create" in done.stderr
    assert ann.runs() == []


def test_a_program_that_only_the_environment_has_is_watched_like_any_other(story: Story) -> None:
    ann = story.ann
    ann.repro("env", "lock")
    ann.repro("env", "create")
    ann.repro("run", "--watch", "strace", "--", "where-python")
    assert ann.manifest()["observations"]["watched"] == "strace"


def test_a_changed_wish_and_another_package_are_drift(story: Story) -> None:
    ann = story.ann
    ann.repro("env", "lock")
    ann.repro("env", "create")
    assert ann.repro_json("env", "show")["findings"] == []
    text = (ann.cwd / "environment.yml").read_text()
    ann.write("environment.yml", text.replace("words", "words=1.0"))
    [finding] = ann.repro_json("env", "show")["findings"]
    assert (finding["kind"], finding["hint"]) == ("environment-drift", "repro env lock")
    prefix = ann.repro("env", "create").stdout.strip()
    active = ann.having(CONDA_PREFIX=prefix, PATH=f"{prefix}/bin:/usr/bin:/bin")
    ann.repro("env", "lock")
    details = [finding["detail"] for finding in active.repro_json("env", "show")["findings"]]
    assert details == ["words 1.1 py_0 installed, conda-lock.yml has 1.0 py_0"]
    assert active.repro_json("env", "check", expect=1)["findings"][0]["detail"] == details[0]
    [changed] = active.repro_json("env", "diff", "conda-lock.yml", ".", expect=1)["changed"]
    assert changed == {"name": "words", "before": "1.0 py_0", "after": "1.1 py_0"}


def test_two_runs_in_two_conda_environments_differ_by_their_packages(story: Story) -> None:
    ann = story.ann
    text = (ann.cwd / "environment.yml").read_text()
    for name, wanted in (("one", "[words=1.0]"), ("two", "[words=1.1, settings]")):
        ann.write("environment.yml", text.replace("[words]", wanted))
        ann.repro("env", "lock")
        ann.repro("env", "create")
        ann.repro("run", "-n", name, "--", "python", "train.py")
    differences = ann.repro_json("diff", "one", "two", expect=1)["differences"]
    assert [(d["name"], d["before"], d["after"]) for d in differences if d["part"] == "environment"] == [
        ("package settings", None, "1.0 0"),
        ("package words", "1.0 py_0", "1.1 py_0"),
    ]
    shown = ann.repro("env", "diff", "one", "two", expect=1).stdout
    assert shown == "+ settings 1.0 0\n~ words: 1.0 py_0 -> 1.1 py_0\n"


def test_a_run_in_an_active_environment_needs_no_setting_and_no_lock(story: Story) -> None:
    ann = story.ann
    ann.repro("env", "lock")
    prefix = ann.repro("env", "create").stdout.strip()
    for name in ("repro.yaml", "environment.yml", "conda-lock.yml"):
        (ann.cwd / name).unlink()
    active = ann.having(CONDA_PREFIX=prefix, PATH=f"{prefix}/bin:/usr/bin:/bin")
    active.repro("run", "--", f"{prefix}/bin/python", "train.py")
    recipe = ann.manifest()["facts"]["recipe"]
    assert (recipe["environment"]["kind"], recipe["command"][0]) == ("conda", "python")
    locked = active.repro("env", "lock", "-o", "-").stdout
    assert "words-1.1-py_0.conda" in locked


@pytest.mark.parametrize("how", ["token", "basic"])
def test_a_secret_reaches_no_lock_no_record_and_no_message(story: Story, bob: Person, tmp_path: Path, how: str) -> None:
    from tests.conda.channel_server import PASSWORD, TOKEN

    ann = story.ann.having(SECRET=TOKEN if how == "token" else PASSWORD)
    host = story.server.url.removeprefix("http://")
    url = f"http://{host}/t/$SECRET/private" if how == "token" else f"http://ann:{PASSWORD}@{host}/locked"
    secret = ann.variables["SECRET"]
    ann.write("environment.yml", f"channels: ['{url}']\ndependencies: [words]\n")
    ann.write(".gitignore", "environment.yml\n")  # a literal password is the user's own file
    said = [ann.repro("env", "lock"), ann.repro("env", "create")]
    said.append(ann.repro("run", "--", "python", "train.py"))
    said.append(ann.repro("push", "-r", str(tmp_path / "remote")))
    said.append(ann.having(SECRET="wrong").repro("env", "lock", "--platform", "win-64", expect=None))
    (ann.cwd / "environment.yml").unlink()
    assert all(secret not in done.stdout + done.stderr for done in said)
    assert secret.encode() not in everything_below(ann.home)
    assert secret.encode() not in everything_below(tmp_path / "remote")
    asked = [path for path in story.server.requests if secret in path]
    assert bool(asked) == (how == "token")


ACTIVATED = """\
import os, sys
set_up = os.environ["FROM_A_SCRIPT"], os.environ["SOME_SETTING"], os.environ["CONDA_PREFIX"]
open("out.txt", "w").write(repr([value.replace(sys.prefix, "PREFIX") for value in set_up]))
print("done", sys.argv[1:])
sys.exit(int(sys.argv[1]))
"""


def test_scripts_of_packages_set_their_variables_in_a_run_and_in_a_rebuild(
    story: Story, bob: Person, tmp_path: Path
) -> None:
    ann = story.ann
    channel = ann.cwd / "environment.yml"
    channel.write_text(channel.read_text().replace("[words]", "[words, settings]"))
    ann.repro("env", "lock")
    prefix = ann.repro("env", "create").stdout.strip()
    ann.write("train.py", ACTIVATED)
    done = ann.repro("run", "-n", "scripted", "--", "python", "train.py", "0", "two words")
    assert done.stdout == "done ['0', 'two words']\n", "what a script prints is no output of the command"
    expected = "['PREFIX/share/data', 'on', 'PREFIX']"
    assert (ann.cwd / "out.txt").read_text() == expected
    assert ann.manifest()["facts"]["recipe"]["command"] == ["python", "train.py", "0", "two words"]
    ann.repro("run", "--", "python", "train.py", "7", expect=7)
    ann.repro("run", "--", "no-such-command", expect=127)
    ann.repro("run", "-n", "by-path", "--", f"{prefix}/bin/python", "train.py", "0")
    assert (ann.cwd / "out.txt").read_text() == expected, "as a rebuild will have it"
    ann.repro("push", "-r", str(tmp_path / "remote"))
    shutil.rmtree(prefix)
    for run, sandbox in (("scripted", "auto"), ("scripted", "none"), ("by-path", "auto")):
        answer = rebuild(bob, run, tmp_path / "remote", 0, "--sandbox", sandbox)
        assert answer["verdict"] == "identical"


def test_a_platform_that_conda_does_not_know_is_a_usage_error(story: Story) -> None:
    error = story.ann.repro_json("env", "lock", "--platform", "win-99", expect=2)["error"]
    assert "'win-99' is no platform" in error["message"]


def test_a_lock_for_another_platform_is_refused_by_name(story: Story) -> None:
    story.ann.repro("env", "lock", "--platform", "osx-arm64")
    error = story.ann.repro_json("env", "create", expect=3)["error"]
    assert error["id"] == "other-platform"
    assert "osx-arm64" in error["message"]


def test_a_syntax_error_is_told_with_line_and_column_also_where_py_rattler_is_missing(
    story: Story, tmp_path: Path
) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "rattler.py").write_text("raise ImportError('hidden')\n")
    without = story.ann.having(PYTHONPATH=str(tmp_path / "hidden"))
    assert without.repro_json("env", "lock", expect=3)["error"]["id"] == "no-rattler"
    story.ann.write("environment.yml", "dependencies:\n  - python\n - words\n")
    for person in (story.ann, without):
        error = person.repro_json("env", "lock", expect=2)["error"]
        assert "environment.yml, line 3, column 2" in error["message"]


def test_a_lock_alone_is_enough_to_make_and_run_in_its_environment(story: Story) -> None:
    ann = story.ann
    ann.repro("env", "lock")
    (ann.cwd / "environment.yml").unlink()
    ann.write("repro.yaml", "environment: {file: conda-lock.yml}\n")
    ann.repro("env", "create")
    ann.repro("run", "--", "python", "train.py")
    assert ann.manifest()["facts"]["recipe"]["environment"]["kind"] == "conda"


def test_a_kill_while_packages_arrive_leaves_nothing_that_is_taken_for_an_environment(story: Story) -> None:
    ann = story.ann
    ann.repro("env", "lock")
    story.server.hold("python-")
    making = subprocess.Popen([*REPRO, "env", "create"], cwd=ann.cwd, env=ann.environ, stdout=subprocess.DEVNULL)
    assert story.server.held.wait(60)
    making.kill()
    making.wait()
    story.server.let_go()
    environments = ann.home / ".cache" / "repro" / "environments"
    assert all(path.name.startswith("tmp-") for path in environments.iterdir())
    done = ann.repro("run", "--", "python", "train.py", expect=125)
    assert "repro env create" in done.stderr
    ann.repro("env", "create")
    ann.repro("run", "--", "python", "train.py")


ENDS = """\
import atexit, sys, rattler

atexit.register(print, "the interpreter went down", flush=True)
from repro.__main__ import main

sys.argv = ["repro", *sys.argv[1:]]
sys.exit(main())
"""


@pytest.mark.parametrize(("arguments", "code"), [(["env", "--help"], 0), (["env", "nosuch"], 2)])
def test_a_process_that_used_py_rattler_ends_before_its_threads_can_crash_it(
    ann: Person, arguments: list[str], code: int
) -> None:
    done = ann.call(sys.executable, "-c", ENDS, *arguments)
    assert done.returncode == code
    assert "Usage" in done.stdout or "nosuch" in done.stderr
    assert "went down" not in done.stdout
