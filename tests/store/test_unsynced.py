"""Large files are added without waiting for the disk: nothing is lost unnoticed when the machine goes down."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from blake3 import blake3

from repro.model.packs.unsynced import UNSYNCED_FROM
from repro.store.cache.cache import Cache
from repro.store.cache.unsynced import FOLDER
from tests.command_line import Person

SIZE = UNSYNCED_FROM + 12345


@pytest.fixture
def person(ann: Person) -> Person:
    """Someone with an empty project."""
    ann.call("git", "init", "-q", check=True)
    return ann


@pytest.fixture
def data() -> bytes:
    return os.urandom(SIZE)


@pytest.fixture
def added(person: Person, data: bytes) -> Person:
    """Someone who has added a large file by copy."""
    (person.cwd / "repro.yaml").write_text("link: copy\n")
    (person.cwd / "large").write_bytes(data)
    person.repro("add", "large")
    return person


def records(person: Person) -> list[Path]:
    return sorted((store(person) / "unsynced").glob("*"))


def store(person: Person) -> Path:
    return person.home / ".local/share/repro"


def object_of(person: Person, data: bytes) -> Path:
    digits = blake3(data).hexdigest()
    return store(person) / "objects" / digits[:2] / digits[2:]


def another_boot(person: Person, kept: int | None, data: bytes) -> None:
    """Make it look as if the machine went down: the disk has so many bytes of the object, then zeros, or no file."""
    for record in records(person):
        lines = record.read_bytes().split(b"\n")
        lines[1] = b"boot 01234567-89ab-cdef-0123-456789abcdef"
        record.write_bytes(b"\n".join(lines))
    path = object_of(person, data)
    if kept is None:
        path.unlink(missing_ok=True)
    else:
        path.chmod(0o644)
        path.write_bytes(data[:kept] + bytes(len(data) - kept))
        path.chmod(0o444)


def test_an_object_has_a_record_until_a_command_has_waited_for_the_disk(added: Person, data: bytes) -> None:
    (record,) = records(added)
    lines = record.read_text().rstrip("\n").split("\n")
    assert lines == [
        "repro-unsynced 1",
        "boot " + Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
        f"file {added.cwd / 'large'}",
        f"object b3:{blake3(data).hexdigest()} {SIZE}",
    ]
    assert record.stat().st_size % 4096 == 0
    assert "1 large object may not be on the disk yet" in added.repro("fsck").stderr
    added.repro("add", "large")
    assert records(added) == []
    assert object_of(added, data).read_bytes() == data


@pytest.mark.parametrize(
    ("settings", "size"), [("sync: now\n", SIZE), ("", UNSYNCED_FROM - 1), ("link: hardlink\n", SIZE)]
)
def test_there_is_no_record_of_what_was_waited_for(person: Person, settings: str, size: int) -> None:
    (person.cwd / "repro.yaml").write_text(settings)
    (person.cwd / "large").write_bytes(os.urandom(size))
    person.repro("add", "large")
    assert records(person) == []


@pytest.mark.parametrize("kept", [SIZE, 1_000_000, None])
def test_after_the_machine_went_down_the_object_is_taken_again_from_the_work_tree(
    added: Person, data: bytes, kept: int | None
) -> None:
    another_boot(added, kept, data)
    added.repro("add", "large")
    assert records(added) == []
    assert object_of(added, data).read_bytes() == data
    aside = list((store(added) / "quarantine").glob("*"))
    assert len(aside) == (1 if kept == 1_000_000 else 0)


@pytest.mark.parametrize(
    ("kept", "work_tree"), [(1_000_000, "gone"), (None, "changed"), (None, "longer"), (0, "a link")]
)
def test_what_is_lost_is_named_with_its_path(added: Person, data: bytes, kept: int | None, work_tree: str) -> None:
    another_boot(added, kept, data)
    file = added.cwd / "large"
    if work_tree == "gone":
        file.unlink()
    elif work_tree == "changed":
        file.write_bytes(os.urandom(SIZE))
    elif work_tree == "longer":
        file.write_bytes(data + b"x")
    else:
        file.rename(added.cwd / "other")
        file.symlink_to("other")
    found = added.repro("fsck", expect=None)
    assert found.returncode != 0
    assert str(file) in found.stdout + found.stderr
    if work_tree == "a link":
        Cache(str(store(added))).settle()
    else:
        refused = added.repro("checkout", "--force", "large", expect=None)
        assert refused.returncode != 0
        assert f"it came from {file}, and did not reach the disk" in refused.stderr
    assert not object_of(added, data).exists()
    file.unlink(missing_ok=True)
    file.write_bytes(data)
    added.repro("add", "large")
    assert records(added) == []
    assert object_of(added, data).read_bytes() == data


def test_a_file_of_somebody_else_is_not_taken(added: Person, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    another_boot(added, None, data)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)  # who did not write the record
    Cache(str(store(added))).settle()
    assert len(records(added)) == 1
    assert not object_of(added, data).exists()


KILLED = """
import os, signal, sys
from repro.store.cache.unsynced import BegunRecord
real = BegunRecord.{name}
def kill(*arguments):
    if {after}:
        real(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
BegunRecord.{name} = kill
sys.argv = ["repro", "add", "large"]
from repro.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("name", "after", "boot"),
    [
        ("reach_the_disk", True, "another"),
        ("name", False, "the same"),
        ("name", True, "another"),
        ("keep", False, "the same"),
        ("keep", False, "another"),
    ],
)
def test_killed_at_each_step_the_next_command_has_the_object(
    person: Person, data: bytes, name: str, after: bool, boot: str
) -> None:
    (person.cwd / "repro.yaml").write_text("link: copy\n")
    (person.cwd / "large").write_bytes(data)
    script = KILLED.format(name=name, after=after)
    ended = subprocess.run([sys.executable, "-c", script], cwd=person.cwd, env=person.environ, check=False)
    assert ended.returncode == -signal.SIGKILL
    (record,) = records(person)
    assert not object_of(person, data).exists() or blake3(data).hexdigest() in record.read_text()
    if boot == "another":
        another_boot(person, 0 if object_of(person, data).exists() else None, data)
    person.repro("add", "large")
    assert object_of(person, data).read_bytes() == data
    person.repro("add", "large")
    assert records(person) == []


def test_a_record_that_is_being_written_is_let_be(person: Person, tmp_path: Path, data: bytes) -> None:
    root = str(tmp_path / "store")
    (tmp_path / "file").write_bytes(data)
    seen: list[list[str]] = []

    def told(_: int) -> None:
        Cache(root).settle()
        seen.append(os.listdir(f"{root}/{FOLDER}"))

    cache = Cache(root)
    with open(tmp_path / "file", "rb", buffering=0) as file, cache.putting_off():
        cache.add_descriptor(file.fileno(), told)
    assert seen
    assert all(len(names) == 1 for names in seen)
    assert len(os.listdir(f"{root}/{FOLDER}")) == 1


def test_a_copy_that_fails_leaves_no_record(tmp_path: Path, data: bytes) -> None:
    cache = Cache(str(tmp_path / "store"))
    (tmp_path / "file").write_bytes(data)

    def told(_: int) -> None:
        raise OSError(28, "No space left on device")

    with (
        open(tmp_path / "file", "rb", buffering=0) as file,
        cache.putting_off(),
        pytest.raises(OSError, match="No space"),
    ):
        cache.add_descriptor(file.fileno(), told)
    assert os.listdir(f"{cache.root}/{FOLDER}") == []
    assert os.listdir(f"{cache.root}/tmp") == []
