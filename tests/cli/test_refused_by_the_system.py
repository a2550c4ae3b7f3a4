"""What the system refuses: a full disk, a file that cannot be read, a remote that cannot be reached or written."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.refusals import refusal, standing
from tests.command_line import REPRO, Person

# --- a full disk -----------------------------------------------------------------------------------------------


def unshare() -> list[str]:
    """The command that gives a process mounts of its own, as root or in a user namespace."""
    return ["unshare", "-m"] if os.getuid() == 0 else ["unshare", "-Urm"]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """An empty folder on which a script can mount a small disk."""
    folder = tmp_path / "small"
    folder.mkdir()
    probe = subprocess.run([*unshare(), "mount", "-t", "tmpfs", "none", str(folder)], capture_output=True)
    if probe.returncode:
        if os.environ.get("CI") and os.getuid() == 0:
            pytest.fail("unshare or mount does not work here, although this is root")
        pytest.skip("neither root nor user namespaces: no small disk can be mounted")
    return folder


def on_small_disk(person: Person, small: Path, *commands: str) -> list[tuple[int, str]]:
    """Run commands with a disk of 2 MB at `small`, which `grow` makes large; return each exit code and stderr."""
    lines = [f"mount -t tmpfs -o size=2m none {small}", f"grow() {{ mount -o remount,size=64m {small}; }}"]
    lines.append("repro() { " + shlex.join(REPRO) + ' "$@"; }')
    for number, command in enumerate(commands):
        lines.append(f"{command} >{small.parent}/{number}.out 2>{small.parent}/{number}.err")
        lines.append(f"echo $? >{small.parent}/{number}.code")
    done = person.call(*unshare(), "sh", "-c", "\n".join(lines))
    assert done.returncode == 0, done.stderr
    read = [
        ((small.parent / f"{n}.code").read_text(), (small.parent / f"{n}.err").read_text())
        for n in range(len(commands))
    ]
    return [(int(code), said) for code, said in read]


def is_full(said: str) -> bool:
    lines = said.splitlines()
    return "No space left on device" in lines[-2] and lines[-1].startswith("hint: ") and "Traceback" not in said


def test_an_add_on_a_full_disk_writes_no_pointer_and_succeeds_when_there_is_room(ann: Person, small: Path) -> None:
    ann.git("init", "--quiet")
    ann.write("data/random", os.urandom(5_000_000))
    there = ann.having(REPRO_STORE=str(small / "store"))
    full, left, empty, grown, again = on_small_disk(
        there, small, "repro add data", "ls -A", f"find {small}/store -type f -size +1", "grow", "repro add data"
    )
    assert (full[0], is_full(full[1])) == (3, True), full
    assert set((small.parent / "1.out").read_text().split()) <= {".git", ".repro", "data"}
    assert (small.parent / "2.out").read_text() == ""
    assert (left[0], empty[0], grown[0], again[0]) == (0, 0, 0, 0), again


def test_a_run_whose_outputs_find_no_room_can_be_sealed_later(ann: Person, small: Path) -> None:
    ann.git("init", "--quiet")
    there = ann.having(REPRO_STORE=str(small / "store"))
    full, listed, grown, sealed, verified = on_small_disk(
        there,
        small,
        "repro run -- sh -c 'head -c 5000000 /dev/urandom > out.bin; exit 4'",
        "repro status --json",
        "grow",
        "repro seal @last --exit-code 4",
        "repro verify @last",
    )
    [run] = ann.runs()
    assert (full[0], is_full(full[1])) == (125, True), full
    assert "the command has ended with exit code 4, but what it made cannot be recorded" in full[1]
    assert f"`repro seal {run} --exit-code 4`" in full[1]
    assert (listed[0], run in (small.parent / "1.out").read_text()) == (0, True)
    assert (grown[0], sealed[0], verified[0]) == (0, 0, 0), (sealed, verified)
    manifest = ann.manifest()
    assert (manifest["state"], manifest["observations"]["exit_code"]) == ("failed", 4)
    assert [output["path"] for output in manifest["facts"]["outputs"]] == ["out.bin"]


def test_a_push_to_a_full_disk_leaves_no_run_there_and_goes_on_when_there_is_room(ann: Person, small: Path) -> None:
    ann.git("init", "--quiet")
    ann.repro("run", "--", "sh", "-c", "head -c 5000000 /dev/urandom > out.bin")
    full, runs, grown, again, verified = on_small_disk(
        ann,
        small,
        f"repro push -r {small}/remote",
        f"ls {small}/remote/runs",
        "grow",
        f"repro push -r {small}/remote",
        f"repro verify --from {small}/remote @last",
    )
    assert full[0] == 5, full
    assert f"the remote {small}/remote refused" in full[1]
    assert "No space left on device" in full[1]
    assert runs[0] != 0
    assert (grown[0], again[0], verified[0]) == (0, 0, 0), (again, verified)


def test_a_rebuild_on_a_full_disk_leaves_nothing_and_succeeds_when_there_is_room(ann: Person, small: Path) -> None:
    ann.git("init", "--quiet")
    ann.write("data.bin", os.urandom(5_000_000))
    ann.repro("add", "data.bin")
    ann.repro("run", "--", "sh", "-c", "head -c 10 data.bin > out.bin")
    there = ann.having(REPRO_SCRATCH=str(small / "scratch"))
    full, left, grown, again = on_small_disk(
        there, small, "repro rebuild @last", f"ls -A {small}/scratch/rebuilds", "grow", "repro rebuild @last"
    )
    assert (full[0], is_full(full[1])) == (3, True), full
    assert (left[0], (small.parent / "1.out").read_text()) == (0, "")
    assert (grown[0], again[0]) == (0, 0), again
    assert "verdict: identical" in (small.parent / "3.out").read_text()


# --- files that cannot be read or written ------------------------------------------------------------------------


@pytest.fixture
def held(ann: Person) -> Person:
    """Ann with a script and data; call her by `as_user`, and file permissions hold her back also where she is root."""
    ann.git("init", "--quiet", "--initial-branch=main")
    ann.write("train.py", "print(1)\n")
    ann.write("data/numbers.csv", "1\n")
    return ann


def as_user(person: Person, *arguments: str, code: int) -> str:
    """Call repro without root's right to pass over permissions; it must end with `code`. Return what it said."""
    without = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    done = person.call(*without, *REPRO, *arguments)
    assert done.returncode == code, (arguments, done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stderr


def test_data_that_cannot_be_read_is_named_and_nothing_is_tracked(held: Person) -> None:
    secret = held.cwd / "data" / "numbers.csv"
    secret.chmod(0)
    said = as_user(held, "add", "data", code=3)
    assert "data/numbers.csv" in said
    assert "Permission denied\nhint: " in said
    assert not (held.cwd / "data.repro").exists()
    assert not (held.cwd / ".gitignore").exists()
    secret.chmod(0o644)
    as_user(held, "add", "data", code=0)
    secret.write_text("2\n")
    secret.chmod(0)
    assert "data/numbers.csv" in as_user(held, "status", code=3), "what cannot be read is neither same nor changed"
    assert "data/numbers.csv" in as_user(held, "run", "--", "true", code=125)
    assert held.runs() == []


def test_code_that_cannot_be_read_is_named_and_no_run_is_left(held: Person) -> None:
    (held.cwd / "train.py").chmod(0)
    said = as_user(held, "run", "--", "true", code=125)
    assert "cannot read 'train.py' in the work tree: Permission denied" in said
    assert "hint: make it readable, or let git ignore it" in said
    assert held.runs() == []
    (held.cwd / "train.py").chmod(0o644)
    as_user(held, "run", "--", "true", code=0)


def test_settings_that_cannot_be_read_are_named(held: Person) -> None:
    held.write("repro.yaml", "outputs: [out]\n", mode=0)
    said = as_user(held, "status", code=3)
    assert said == f"repro: {held.cwd}/repro.yaml: Permission denied\nhint: check the permissions of the path\n"


def test_a_store_that_cannot_be_written_is_named(held: Person, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    said = as_user(held.having(REPRO_STORE=str(closed / "store")), "add", "data", code=3)
    assert str(closed) in said
    assert not (held.cwd / "data.repro").exists()


# --- remotes -----------------------------------------------------------------------------------------------------


def test_a_remote_that_may_not_be_written_or_read_refuses(held: Person, tmp_path: Path) -> None:
    as_user(held, "run", "--", "true", code=0)
    remote = tmp_path / "remote"
    remote.mkdir(mode=0o555)
    said = as_user(held, "push", "-r", str(remote), code=5)
    assert f"the remote {remote} refused" in said
    assert "Permission denied" in said
    remote.chmod(0o755)
    as_user(held, "push", "-r", str(remote), code=0)
    remote.chmod(0)
    for arguments in (["push"], ["fetch", "@last"]):
        assert "refused" in as_user(held, *arguments, "-r", str(remote), code=5)
    assert "refused" in as_user(held, "rebuild", "@last", "--from", str(remote), code=5)


def test_a_remote_that_is_no_place_for_one_is_refused_and_left_alone(ann: Person, tmp_path: Path) -> None:
    ann.git("init", "--quiet")
    ann.repro("snapshot", "--offline", "--", "true")
    ann.repro("seal", "@last")
    run = ann.runs()[0]
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine")
    (tmp_path / "empty").mkdir()
    assert "is a file" in refusal(ann, "push", "-r", str(tmp_path / "file"), code=5)
    assert "is a file" in refusal(ann, "rebuild", run, "--from", str(tmp_path / "file"), code=5)
    assert "is a file" in refusal(ann, "push", "-r", str(tmp_path / "file" / "below"), code=5)
    assert "is not empty and is no remote of repro (it holds thesis.tex)" in refusal(
        ann, "push", "-r", str(tmp_path / "full"), code=5
    )
    for place in ("empty", "absent"):
        assert "there is no remote at" in refusal(ann, "fetch", run, "-r", str(tmp_path / place), code=5)
        assert "there is no remote at" in refusal(ann, "verify", run, "--from", str(tmp_path / place), code=5)
    assert "foo:// is no kind of remote" in refusal(ann, "push", "-r", "foo://x", code=5)
    assert (tmp_path / "file").read_text() == "mine"
    assert standing(tmp_path / "full") == {"thesis.tex": b"mine"}
    assert list((tmp_path / "empty").iterdir()) == []
    assert not (tmp_path / "absent").exists()


def test_a_push_of_one_run_makes_a_remote_and_a_run_that_it_lacks_is_not_sought_here(
    ann: Person, tmp_path: Path
) -> None:
    ann.git("init", "--quiet")
    ann.repro("run", "-n", "one", "--", "true")
    remote = tmp_path / "remote"
    ann.repro("push", "one", "-r", str(remote))
    said = refusal(ann, "fetch", "two", "-r", str(remote), code=3)
    assert f"{remote}: no run is called 'two'\nhint: the newest of its 1 runs is {ann.runs()[0]}" in said


def test_what_lacks_objects_is_named_in_a_push_and_holds_up_nothing_else(
    ann: Person, bob: Person, tmp_path: Path
) -> None:
    """A clone has the records of others by git, and their objects on a remote that this push is not about."""
    ann.git("init", "--quiet")
    for name in ("data", "more"):
        ann.write(f"{name}/file", name)
        ann.repro("add", name)
    ann.write("job.sh", "cat data/file > out")
    ann.repro("run", "-o", "out", "--", "sh", "job.sh")
    theirs = ann.runs()[0]
    ann.git("add", ".")
    ann.git("commit", "--quiet", "-m", "all of ann's")
    bob.git("clone", "--quiet", str(ann.cwd), "clone")
    clone = bob.at(bob.cwd / "clone")
    clone.write("more/file", "more")
    clone.repro("add", "more")
    clone.write("own.sh", "echo own > own")
    clone.repro("run", "-o", "own", "--", "sh", "own.sh")
    own = next(run for run in clone.runs() if run != theirs)
    remote = tmp_path / "remote"
    said = refusal(clone, "push", "-r", str(remote), code=3)
    assert f"all was pushed but data, run {theirs}: of data, 1 object is neither here nor on {remote}" in said
    assert clone.repro_json("push", "-r", str(remote), expect=3)["error"]["id"] == "missing-object"
    assert f"run {theirs}: " in refusal(clone, "push", theirs, "-r", str(remote), code=3)
    assert [path.name for path in (remote / "runs").iterdir()] == [f"{own}.yaml"]
    assert len(list((remote / "pointers").iterdir())) == 1
    assert "identical" in ann.repro("rebuild", "--from", str(remote), own).stdout
    ann.repro("push", "-r", str(remote))
    clone.repro("push", "-r", str(remote))


def test_a_remote_whose_host_does_not_answer_is_unreachable(ann: Person) -> None:
    ann.git("init", "--quiet")
    with socket.socket() as taken:  # bound and not listening: held answers there
        taken.bind(("127.0.0.1", 0))
        url = f"ftp://127.0.0.1:{taken.getsockname()[1]}/repro"
        said = refusal(ann, "push", "-r", url, code=5)
        assert f"the remote {url} cannot be reached" in said
        assert ann.repro_json("push", "-r", url, expect=5)["error"]["id"] == "remote-unreachable"
    assert "cannot be reached" in refusal(ann, "push", "-r", "ftp://host.invalid/repro", code=5)
