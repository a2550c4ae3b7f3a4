"""Inputs that nobody declared: found, stored, and put back by a rebuild; or the obstacle is named."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import REPRO
from tests.watch.conftest import Watched

WRITE = "open('result', 'w').write(str({}))\n"


def kinds(answer: Any) -> set[str]:
    """The kinds of findings of a rebuild."""
    return {finding["kind"] for finding in answer["findings"]}


def test_an_ignored_file_is_an_input_and_unread_data_is_none(watched: Watched) -> None:
    watched.ann.write("local.ignored", "5")
    manifest = watched.run(WRITE.format("open('local.ignored').read()"))
    assert watched.inputs() == ["local.ignored"]
    assert watched.findings("input-found") == ["local.ignored"]
    assert manifest["observations"]["watched"] == "strace"
    assert watched.outputs() == ["result"]
    (watched.ann.cwd / "local.ignored").unlink()
    assert watched.rebuilt() == "identical"


def test_of_a_tracked_directory_it_is_known_what_was_read(watched: Watched) -> None:
    watched.run(WRITE.format("open('data/numbers.csv').read()"))
    [part] = watched.manifest()["facts"]["reads"]
    assert (watched.inputs(), part["path"], part["files"]) == (["data"], "data", 1)
    watched.run(WRITE.format("len(__import__('os').listdir('data'))"))
    [part] = watched.manifest()["facts"]["reads"]
    assert (watched.inputs(), part["files"]) == (["data"], 0)
    assert watched.rebuilt() == "identical"


def test_a_file_in_the_home_directory_is_an_input_that_another_user_finds_in_theirs(watched: Watched) -> None:
    watched.ann.write("../.config/tool.json", "{}")
    watched.run(WRITE.format("open(__import__('os').path.expanduser('~/.config/tool.json')).read()"))
    assert watched.inputs() == ["~/.config/tool.json"]
    (watched.ann.home / ".config" / "tool.json").unlink()
    assert watched.rebuilt() == "identical"


def test_a_link_in_the_home_directory_is_there_in_a_rebuild(watched: Watched) -> None:
    watched.ann.write("../dotfiles/tool.json", "{}")
    (watched.ann.home / ".tool.json").symlink_to("dotfiles/tool.json")
    script = "import os; path = os.path.expanduser('~/.tool.json')\n"
    watched.run(script + WRITE.format("open(path).read() + os.readlink(path)"))
    assert watched.inputs() == ["~/.tool.json", "~/dotfiles/tool.json"]
    assert watched.rebuilt() == "identical"


def test_what_was_read_outside_is_stored_up_to_a_size_and_else_named_by_its_digest(
    watched: Watched, tmp_path: Path
) -> None:
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    small.write_text("x" * 100)
    large.write_text("x" * 101)
    watched.ann.write("repro.yaml", "capture_outside: 100\n")
    watched.run(WRITE.format(f"open({str(small)!r}).read() + open({str(large)!r}).read()"))
    assert watched.inputs() == [str(large), str(small)]
    assert watched.manifest()["facts"]["unstored"] == [str(large)]
    assert watched.findings("input-not-stored") == [str(large)]
    watched.ann.repro("verify", "@last")


def test_files_that_look_like_secrets_are_never_stored_unless_they_are_named(watched: Watched) -> None:
    secret = "very secret indeed"
    watched.ann.write("token.ignored", "fine")
    watched.ann.write("ignored/.env", secret)
    watched.ann.write("../.netrc", secret)
    script = "import os; [open(p).read() for p in ('ignored/.env', os.path.expanduser('~/.netrc'))]\n"
    watched.run(script + WRITE.format("1"))
    assert watched.inputs() == []
    assert watched.findings("secret-read") == [str(watched.ann.home / ".netrc"), "ignored/.env"]
    stored = [path for path in watched.ann.home.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert sorted(path.name for path in stored) == [".env", ".netrc"]  # the files themselves alone
    watched.run(script + WRITE.format("1"), "-i", "ignored/.env")
    assert watched.inputs() == ["ignored/.env"]


@pytest.mark.parametrize("means", ["strace", "off"])
def test_a_file_that_the_run_writes_and_that_looks_like_a_secret_is_an_output_only_if_it_is_named(
    watched: Watched, means: str
) -> None:
    script = "open('token.json', 'w').write('very ' 'secret indeed'); " + WRITE.format("1")
    watched.run(script, "--watch", means)
    assert (watched.outputs(), watched.findings("secret-left-out")) == (["result"], ["token.json"])
    stored = [path for path in watched.ann.home.rglob("*") if path.is_file()]
    assert [path.name for path in stored if b"very secret indeed" in path.read_bytes()] == ["token.json"]
    watched.run(script, "--watch", means, "-o", "token.json")
    assert watched.outputs() == ["result", "token.json"]


def test_an_untracked_file_that_looks_like_a_secret_is_no_code(watched: Watched) -> None:
    watched.ann.write(".env", "very secret indeed")
    watched.run(WRITE.format("open('.env').read() and 1"))
    assert watched.findings("secret-left-out") == [".env"]
    assert watched.findings("secret-read") == [".env"]
    commit = watched.manifest()["facts"]["code"]["commit"]
    assert ".env" not in watched.ann.git("ls-tree", "--name-only", commit).splitlines()


def test_many_files_of_a_directory_are_one_input(watched: Watched) -> None:
    for number in range(30):
        watched.ann.write(f"ignored/{number}.csv", str(number))
    watched.run(WRITE.format("[open(f'ignored/{n}.csv').read() for n in range(25)]"))
    [item] = watched.manifest()["facts"]["recipe"]["data"]
    assert (item["path"], item["kind"]) == ("ignored", "directory")
    assert watched.rebuilt() == "identical"


def test_a_listed_directory_that_nobody_recorded_is_an_input(watched: Watched) -> None:
    for name in ("a", "b"):
        watched.ann.write(f"ignored/{name}", name)
    watched.run(WRITE.format("sorted(__import__('os').listdir('ignored'))"))
    assert watched.inputs() == ["ignored/a", "ignored/b"]
    assert watched.rebuilt() == "identical"


def test_a_listed_directory_of_too_many_names_is_a_finding(watched: Watched) -> None:
    (watched.ann.cwd / "ignored").mkdir()
    for number in range(10_001):
        os.mknod(watched.ann.cwd / "ignored" / str(number))
    watched.run(WRITE.format("len(__import__('os').listdir('ignored'))"))
    assert (watched.inputs(), watched.findings("input-not-stored")) == ([], ["ignored"])


def test_reading_through_a_symlink_records_the_link_and_what_it_leads_to(watched: Watched, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x.csv").write_text("7")
    (watched.ann.cwd / "ignored").symlink_to(elsewhere)
    watched.run(WRITE.format("open('ignored/x.csv').read()"))
    assert watched.inputs() == ["ignored", str(elsewhere / "x.csv")]
    shutil.rmtree(elsewhere)
    assert watched.rebuilt() == "identical"


def test_reading_through_a_hard_link_reads_the_file_that_is_named(watched: Watched) -> None:
    first = watched.ann.write("first.ignored", "1")
    os.link(first, watched.ann.cwd / "second.ignored")
    watched.run(WRITE.format("open('second.ignored').read()"))
    assert watched.inputs() == ["second.ignored"]
    assert watched.rebuilt() == "identical"
    script = "import os; os.link('second.ignored', 'third.ignored'); x = open('third.ignored').read()\n"
    watched.run(script + "os.unlink('third.ignored')\n" + WRITE.format("x"))
    assert watched.inputs() == ["second.ignored"]
    assert "tainted" not in watched.manifest()


def test_relative_paths_after_chdir_and_by_directory_descriptors(watched: Watched) -> None:
    watched.ann.write("ignored/sub/a", "a")
    watched.ann.write("ignored/sub/b", "b")
    script = "import os; root = os.getcwd(); os.chdir('ignored/sub'); x = open('../sub/a').read()\n"
    script += "d = os.open('..', os.O_RDONLY); x += os.read(os.open('sub/b', os.O_RDONLY, dir_fd=d), 9).decode()\n"
    script += "os.rename('../../first', '../../second') if os.path.exists('../../first') else None\nos.chdir(root)\n"
    watched.run(script + WRITE.format("x"))
    assert watched.inputs() == ["ignored/sub/a", "ignored/sub/b"]
    assert watched.rebuilt() == "identical"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_what_other_processes_of_the_run_read_is_seen(watched: Watched, method: str) -> None:
    watched.ann.write("a.ignored", "1")
    script = "import multiprocessing as m\ndef f(name): return open(name).read()\n"
    script += f"if __name__ == '__main__':\n    with m.get_context({method!r}).Pool(1) as p:\n"
    script += "        x = p.map(f, ['a.ignored', 'data/more.csv'])\n    " + WRITE.format("x")
    watched.run(script)
    assert watched.inputs() == ["a.ignored", "data"]
    assert watched.rebuilt() == "identical"


def test_a_shell_pipeline(watched: Watched) -> None:
    watched.ann.write("a.ignored", "2\n1\n")
    watched.shell("cat data/*.csv a.ignored | sort -n | tee all | wc -l > count")
    assert (watched.inputs(), watched.outputs()) == (["a.ignored", "data"], ["all", "count"])
    assert watched.rebuilt() == "identical"


@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no C compiler")
def test_a_program_that_is_compiled_and_run(watched: Watched) -> None:
    watched.ann.write(
        "main.c",
        '#include <stdio.h>\nint main(void) { char b[9]; FILE *f = fopen("a.ignored", "r"); fgets(b, 9, f);\n'
        'f = fopen("result", "w"); fputs(b, f); return 0; }\n',
    )
    watched.ann.write("a.ignored", "12")
    watched.shell("gcc -o main main.c && ./main && rm main")
    assert (watched.inputs(), watched.outputs()) == (["a.ignored"], ["result"])
    assert watched.rebuilt() == "identical"


def test_a_database_that_is_only_read_is_an_input_and_one_that_is_made_an_output(watched: Watched) -> None:
    make = "import sqlite3; c = sqlite3.connect('{}'); c.execute('create table t (a)')\n"
    make += "c.execute('insert into t values (1)'); c.commit(); c.close()\n"
    watched.run(make.format("out.db"))
    assert (watched.inputs(), watched.outputs()) == ([], ["out.db"])
    watched.ann.call("python", "-c", make.format("known.ignored"))
    read = "import sqlite3; x = sqlite3.connect('known.ignored').execute('select a from t').fetchall()\n"
    watched.run(read + WRITE.format("x"))
    assert (watched.inputs(), watched.outputs()) == (["known.ignored"], ["result"])
    assert watched.rebuilt() == "identical"


def test_code_that_the_run_reads_and_changes_is_an_input_as_it_was_and_an_output_as_it_is(watched: Watched) -> None:
    watched.run("t = open('code.txt').read(); open('code.txt', 'w').write(t + 'more')\n")
    assert (watched.inputs(), watched.outputs()) == (["code.txt"], ["code.txt"])
    assert "tainted" not in watched.manifest()
    assert watched.rebuilt() == "identical"


def test_data_that_the_run_reads_and_changes_was_stored_before(watched: Watched) -> None:
    watched.run("t = open('data/more.csv').read(); open('data/more.csv', 'w').write(t + 'more')\n")
    assert (watched.inputs(), watched.outputs()) == (["data"], ["data/more.csv"])
    assert "tainted" not in watched.manifest()
    assert watched.rebuilt() == "identical"


def test_an_unrecorded_file_that_the_run_reads_and_changes_taints(watched: Watched) -> None:
    watched.ann.write("state.ignored", "1")
    watched.ann.write("log.ignored", "old\n")
    script = "t = open('state.ignored').read(); open('state.ignored', 'w').write(t * 2)\n"
    watched.run(script + "open('log.ignored', 'a').write('x'); open('new.ignored', 'a').write('x')\n")
    assert watched.manifest()["tainted"] == ["log.ignored", "state.ignored"]
    answer = watched.elsewhere()  # what it was when it was read is not known, and that is said
    assert (answer["verdict"], "tainted" in kinds(answer)) == ("failed", True)
    assert watched.outputs() == ["log.ignored", "new.ignored", "state.ignored"]
    watched.run(script, "-i", "state.ignored")
    assert "tainted" not in watched.manifest()
    assert watched.rebuilt() == "identical"


def test_what_somebody_else_changes_taints_only_if_the_run_read_it(watched: Watched) -> None:
    watched.ann.write("other.txt", "1")
    # A process that had been there before the run is nobody of the run's: it writes when it is told by a file.
    helper = "import os, time\nwhile not os.path.exists('go.ignored'): time.sleep(.01)\n"
    helper += "for n in ('code.txt', 'other.txt'): open(n, 'a').write('x')\nopen('gone.ignored', 'w')\n"
    script = "import os, time; open('code.txt').read(); open('go.ignored', 'w')\n"
    script += "while not os.path.exists('gone.ignored'): time.sleep(.01)\n"
    thread = threading.Thread(target=lambda: watched.ann.call("python", "-c", helper))
    thread.start()
    watched.run(script)
    thread.join()
    assert watched.manifest()["tainted"] == ["code.txt"]
    assert watched.outputs() == ["go.ignored"]


def test_what_the_run_deletes_again_is_no_output_and_temporary_files_are_none(watched: Watched) -> None:
    script = "import os, tempfile\nopen('tmp', 'w').write('x'); os.rename('tmp', 'tmp2'); os.unlink('tmp2')\n"
    script += "with tempfile.NamedTemporaryFile(delete=False) as f: f.write(b'x')\n"
    script += "os.makedirs('d/e'); open('d/e/f', 'w').write('1'); os.rename('d', 'done'); open('done/e/f').read()\n"
    watched.run(script + "os.unlink('code.txt')\n")
    assert (watched.inputs(), watched.outputs()) == ([], ["done/e/f"])
    assert "tainted" not in watched.manifest()
    assert watched.rebuilt() == "identical"


def test_directories_that_had_to_be_there_are_recorded_and_there_in_a_rebuild(watched: Watched) -> None:
    for folder in ("out/deep/er", "ignored/inbox", "ignored/scratch", "ignored/cwd", "ignored/not-used"):
        (watched.ann.cwd / folder).mkdir(parents=True)
    script = "import os; open('out/deep/er/model', 'w').write(str(os.listdir('ignored/inbox')))\n"
    script += "open('ignored/scratch/t', 'w').close(); os.unlink('ignored/scratch/t'); os.chdir('ignored/cwd')\n"
    manifest = watched.run(script)
    assert manifest["facts"]["recipe"]["folders"] == ["ignored/inbox"]
    assert manifest["facts"]["folders"] == ["ignored/cwd", "ignored/scratch", "out/deep/er"]
    assert (watched.inputs(), watched.outputs()) == ([], ["out/deep/er/model"])
    assert "input       out/deep/er/  (had to be there)" in watched.ann.repro("show", "@last").stdout
    assert watched.rebuilt() == "identical"


def test_a_directory_that_the_run_would_make_itself_is_no_part_of_the_recipe(watched: Watched) -> None:
    script = "import os; os.makedirs('out/a', exist_ok=True); open('out/a/model', 'w').write('x'); os.mkdir('fresh')\n"
    script += "open('fresh/x', 'w').close(); os.rename('fresh', 'moved')\n"
    script += "import shutil; shutil.rmtree('moved')\n"
    recipes = [watched.run(script)["facts"]["recipe"] for _ in range(2)]
    assert "folders" not in recipes[0]
    assert recipes[0]["id"] == recipes[1]["id"]
    assert watched.rebuilt() == "identical"


def test_a_program_that_makes_its_folder_where_it_is_missing_has_one_recipe(watched: Watched) -> None:
    script = "import os\nif not os.path.isdir('out/a'): os.makedirs('out/a')\n"
    script += "os.chdir('out'); open('a/model', 'w').write('x')\n"
    first, second = (watched.run(script)["facts"] for _ in range(2))
    assert first["recipe"]["id"] == second["recipe"]["id"]
    assert ("folders" in first, second["folders"]) == (False, ["out/a"])
    assert watched.rebuilt() == "identical"


def test_a_file_written_outside_is_no_output_and_is_said(watched: Watched) -> None:
    target = watched.ann.home / "result.txt"
    watched.run(f"open({str(target)!r}, 'w').write('x'); open('result', 'w').write('x')\n")
    assert (watched.outputs(), watched.findings("made-outside")) == (["result"], [str(target)])
    assert watched.rebuilt() == "identical"


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"downloaded")

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_download_is_a_finding_with_its_host_and_can_be_forbidden(watched: Watched) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Hello)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/"
        script = f"import urllib.request; x = urllib.request.urlopen({url!r}).read()\n" + WRITE.format("x")
        manifest = watched.run(script)
        assert manifest["observations"]["watch"]["hosts"] == [f"127.0.0.1:{server.server_port}"]
        assert len(watched.findings("network-read")) == 1
        answer = watched.elsewhere()
        assert answer["verdict"] == "failed"
        assert url.removeprefix("http://").strip("/") in str(answer["findings"])  # who could not be reached
        watched.ann.write("repro.yaml", "network: forbid\n")
        assert watched.run(script, expect=125)["state"] == "failed"
        assert len(watched.findings("network-forbidden")) == 1
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_server_of_the_runs_own_is_no_network(watched: Watched) -> None:
    script = "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n"
    assert watched.run(script)["observations"]["watch"]["own_ports"] is False
    manifest = watched.run(script + "socket.create_connection(s.getsockname())\n")
    assert watched.findings("network-read") == []
    assert manifest["observations"]["watch"]["own_ports"] is True


def test_two_runs_at_once_do_not_see_each_others_outputs(watched: Watched) -> None:
    script = "import os, sys, time; me, other = sys.argv[1:]\nopen(me, 'w').write(me)\n"
    watched.ann.write(
        "both.py", script + "while not os.path.exists(other): time.sleep(.01)\nopen(me, 'a').write('!')\n"
    )
    watched.ann.repro("run", "--", "true")  # what the first run of a project makes is there

    def run(me: str, other: str) -> None:
        watched.ann.repro("run", "-n", me, "--", "python", "both.py", me, other)

    threads = [threading.Thread(target=run, args=pair) for pair in (("one", "two"), ("two", "one"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in ("one", "two"):
        facts = watched.ann.repro_json("show", name)["facts"]
        assert [output["path"] for output in facts["outputs"]] == [name]


def test_what_the_shell_redirects_is_said(watched: Watched) -> None:
    with open(watched.ann.cwd / "data" / "numbers.csv", "rb") as given, open(watched.ann.cwd / "code.txt", "w") as to:
        command = [*REPRO, "run", "--", "sort"]
        done = subprocess.run(command, cwd=watched.ann.cwd, env=watched.ann.environ, stdin=given, stdout=to, check=True)
    assert done.returncode == 0
    assert watched.findings("redirected") == ["data/numbers.csv", "code.txt"]
    assert "tainted" not in watched.manifest()


def test_names_of_any_bytes_are_read_and_made(watched: Watched) -> None:
    script = "import os; x = open(b'a\\xff\\n\".ignored').read() + open('ignored/b (deleted)').read()\n"
    watched.ann.write("ignored/b (deleted)", "2")
    (watched.ann.cwd / os.fsdecode(b'a\xff\n".ignored')).write_text("1")
    watched.run(script + "open(b'o\\xfe<>\\\\', 'w').write(x)\n")
    assert watched.inputs() == ['a\\xff\\x0a".ignored', "ignored/b (deleted)"]
    assert watched.outputs() == ["o\\xfe<>\\\\"]
    assert watched.rebuilt() == "identical"


def test_packages_of_an_environment_that_is_not_recorded_are_a_finding(watched: Watched, tmp_path: Path) -> None:
    folder = tmp_path / "other" / "lib" / "python3.11" / "site-packages"
    folder.mkdir(parents=True)
    (folder / "odd.py").write_text("X = 1\n")
    watched.run(f"import sys; sys.path.append({str(folder)!r}); import odd\n" + WRITE.format("odd.X"))
    assert watched.findings("environment-read") == [str(tmp_path / "other")]
    assert watched.inputs() == []


def test_the_same_run_has_the_same_recipe_for_another_user(watched: Watched, tmp_path: Path) -> None:
    """Home, project and store lie elsewhere; the inputs that were found are the same."""
    ids = []
    script = WRITE.format("open(__import__('os').path.expanduser('~/conf')).read() + open('a.ignored').read()")
    for person in (watched.ann, watched.ann.at(tmp_path / "bob" / "p")):
        if person is not watched.ann:
            watched.ann.git("clone", "--quiet", str(watched.ann.cwd), str(person.cwd))
            person = type(person)(home=tmp_path / "bob", cwd=person.cwd, venv=person.venv)
        person.write("../conf", "c")
        person.write("a.ignored", "a")
        person.write("train.py", script)
        person.repro("run", "--", "python", "train.py")
        ids.append(person.manifest()["facts"]["recipe"]["id"])
    assert ids[0] == ids[1]
