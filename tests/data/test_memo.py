import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.data import memo_records
from repro.data.capture import capture
from repro.data.known_directory import remembered_files
from repro.data.memo import opened_memo
from repro.data.rows import pack_rows, row_of, unpack_rows
from repro.data.scan import NestedRepository, NotKept
from repro.model.data.content import ObjectRef
from repro.model.data.objects import Told
from repro.model.digest import Digest, digest_of
from repro.model.names import RelPath
from repro.store.cache.cache import Cache
from repro.store.files.digest_only import DigestOnly
from tests.data.random_trees import TREES, Node, build
from tests.data.remembering import Counting, Remembering

DATA = RelPath(b"data")


@pytest.fixture
def project(tmp_path: Path) -> Remembering:
    (tmp_path / "data" / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "zone").mkdir()
    for name in ("a", "b", "sub/c", "zone/d", "sub/deep/e"):
        (tmp_path / "data" / name).write_bytes(name.encode())
    os.symlink("a", tmp_path / "data" / "link")
    return Remembering(tmp_path)


def test_unchanged_files_are_not_read_again(project: Remembering, monkeypatch: pytest.MonkeyPatch) -> None:
    before = project.capture_later(DATA, monkeypatch)
    assert project.is_unchanged(DATA)
    sink = Counting()
    assert project.capture(DATA, sink) == before
    assert (sink.read, before.files) == (0, 6)


def test_only_the_files_that_changed_are_read(project: Remembering, monkeypatch: pytest.MonkeyPatch) -> None:
    project.capture_later(DATA, monkeypatch)
    data = Path(project.root) / "data"
    (data / "sub" / "c").write_bytes(b"changed")
    (data / "new").mkdir()
    (data / "new" / "file").write_bytes(b"new")
    shutil.rmtree(data / "sub" / "deep")
    sink = Counting()
    assert project.capture(DATA, sink) == capture(project.root, DATA, DigestOnly())
    assert sink.read == 2


def test_a_file_that_has_just_changed_is_not_trusted(project: Remembering) -> None:
    project.capture(DATA)
    assert not project.is_unchanged(DATA)
    sink = Counting()
    project.capture(DATA, sink)
    assert sink.read == 5


@pytest.mark.parametrize(
    "change",
    ["content", "length and mtime stay", "inode", "mode", "new", "gone", "link", "kind", "folder", "swapped", "deep"],
)
def test_every_change_is_seen(project: Remembering, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    before = project.capture_later(DATA, monkeypatch).content
    data = Path(project.root) / "data"
    status = (data / "a").stat()
    if change == "content":
        (data / "sub" / "c").write_bytes(b"longer than before")
    elif change == "length and mtime stay":
        (data / "a").write_bytes(b"A")
        os.utime(data / "a", ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "inode":
        (data / "a").rename(data.parent / "old")
        (data / "a").write_bytes(b"A")
        os.utime(data / "a", ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "mode":
        (data / "a").chmod(0o755)
    elif change == "new":
        (data / "sub" / "d").write_bytes(b"")
    elif change == "gone":
        (data / "b").unlink()
    elif change == "link":
        (data / "link").unlink()
        os.symlink("b", data / "link")
    elif change == "kind":
        (data / "b").unlink()
        (data / "b").mkdir()
    elif change == "folder":
        (data / "empty").mkdir()
    elif change == "swapped":
        (data / "sub").rename(data / "other")
        (data / "zone").rename(data / "sub")
        (data / "other").rename(data / "zone")
    else:
        (data / "sub" / "deep" / "e").write_bytes(b"changed")
    assert not project.is_unchanged(DATA)
    fresh = capture(project.root, DATA, DigestOnly()).content
    assert project.capture(DATA).content == fresh
    assert fresh != before


@pytest.mark.parametrize("kind", ["file", "link", "empty", "executable"])
def test_a_path_of_any_kind_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    path = RelPath(b"some/where/x")
    (tmp_path / "some" / "where").mkdir(parents=True)
    place = tmp_path / os.fsdecode(path)
    if kind == "link":
        os.symlink("away", place)
    elif kind == "empty":
        place.mkdir()
    else:
        place.write_bytes(b"x")
        place.chmod(0o755 if kind == "executable" else 0o644)
    project = Remembering(tmp_path)
    captured = project.capture_later(path, monkeypatch)
    with opened_memo(str(project.memos), path) as memo:
        assert memo is not None
        assert (memo.whole, memo.files) == (captured.content, captured.files)
    assert project.is_unchanged(path)
    for change in (shutil.rmtree if kind == "empty" else os.unlink, Path.mkdir if kind != "empty" else Path.touch):
        change(place)
    assert not project.is_unchanged(path)
    assert project.capture(path) == capture(project.root, path, DigestOnly())


def test_a_directory_that_was_touched_with_the_same_names_is_unchanged(
    project: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.capture_later(DATA, monkeypatch)
    (Path(project.root) / "data" / "sub" / "passing").write_bytes(b"")
    (Path(project.root) / "data" / "sub" / "passing").unlink()
    assert project.is_unchanged(DATA)


# --- the store ---------------------------------------------------------------------------------------------------


def _everything_is_in(cache: Cache, digest: Digest | None) -> bool:
    assert digest is not None
    return cache.has(digest) and all(
        inner.content.digest is None
        or (
            _everything_is_in(cache, inner.content.digest)
            if inner.content.kind == "directory"
            else cache.has(inner.content.digest)
        )
        for inner in cache.read_tree(digest)
    )


def test_a_memo_does_not_stand_for_objects_that_the_store_lacks(
    project: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.capture_later(DATA, monkeypatch)
    cache = Cache(project.root + "/cache")
    assert _everything_is_in(cache, project.capture(DATA, cache).content.digest)


class Forgetful:
    """A store that has lost one object after the other, and is asked for each."""

    def __init__(self) -> None:
        self.known: set[Digest] = set()

    def has(self, digest: Digest) -> bool:
        return digest in self.known

    def add_bytes(self, data: bytes) -> ObjectRef:
        self.known.add(digest_of(data))
        return ObjectRef(digest_of(data), len(data))

    def add_descriptor(self, descriptor: int, told: Told | None = None) -> ObjectRef:
        return self.add_bytes(os.read(descriptor, 1 << 20))


def test_whichever_object_has_gone_from_the_store_comes_back(
    project: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = Forgetful()
    project.capture(DATA, sink)
    everything = set(sink.known)
    assert len(everything) == 5 + 4
    before = project.capture_later(DATA, monkeypatch)
    for lost in everything:
        sink.known = everything - {lost}
        assert project.capture(DATA, sink) == before
        assert sink.known == everything
        project.capture_later(DATA, monkeypatch)


# --- the file ----------------------------------------------------------------------------------------------------


def _records(project: Remembering) -> bytes:
    return project.file(DATA).read_bytes()


@pytest.mark.parametrize("damage", ["nothing left", "other version", "older version", "noise", "cut", "one byte less"])
def test_a_memo_without_head_or_foot_is_no_memo(
    project: Remembering, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    project.capture_later(DATA, monkeypatch)
    good = _records(project)
    file = project.file(DATA)
    file.write_bytes(
        {
            "nothing left": b"",
            "other version": good.replace(b"repro-memo 3\n", b"repro-memo 4\n"),
            "older version": good.replace(b"repro-memo 3\n", b"repro-memo 2\n"),
            "noise": random.Random(0).randbytes(len(good)),
            "cut": good[: len(good) // 2],
            "one byte less": good[:-1],
        }[damage]
    )
    assert not project.has_memo(DATA)
    assert project.capture(DATA) == capture(project.root, DATA, DigestOnly())
    assert project.has_memo(DATA)


def test_whichever_byte_of_a_memo_is_wrong_no_wrong_content_comes_of_it(
    project: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.capture_later(DATA, monkeypatch)
    good, fresh = _records(project), capture(project.root, DATA, DigestOnly())
    for position in range(len(good)):
        damaged = bytearray(good)
        damaged[position] ^= 1 << position % 8
        project.file(DATA).write_bytes(damaged)
        assert project.capture(DATA) == fresh, position
    for length in range(0, len(good), 7):
        project.file(DATA).write_bytes(good[:length] + good[length + 7 :])
        assert project.capture(DATA) == fresh, length


def test_a_memo_that_was_made_to_do_harm_costs_neither_memory_nor_the_right_answer(
    project: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.capture_later(DATA, monkeypatch)
    good, fresh = _records(project), capture(project.root, DATA, DigestOnly())
    first = good.index(b"data") - memo_records._HEAD.size
    foot = good[good.rindex(b"data") :]
    for kind, count, length in ((b".", 2**32 - 1, 4), (b"+", 1, 2**32 - 1), (b".", 4096, 4096 * 1024), (b"=", 0, 0)):
        head = memo_records._HEAD.pack(kind, count, length, zlib.crc32(b""))
        project.file(DATA).write_bytes(good[:first] + head + foot)
        assert project.capture(DATA) == fresh
    endless = memo_records.encode_part(b"data", good[first + 17 : first + 57], bytes(32), is_last=True)
    inner = memo_records.encode_part(b"a", pack_rows([(stat.S_IFDIR, 0, 0, 0, 0)]), bytes(32), is_last=True)
    project.file(DATA).write_bytes(good[:first] + endless + inner * 5000 + foot)
    assert project.capture(DATA) == fresh


def test_memos_of_different_paths_do_not_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Remembering(tmp_path)
    (tmp_path / ("x" * 200)).mkdir()
    paths = [RelPath(b"x" * 200 + tail) for tail in (b"/a", b"/b")]
    for path in paths:
        (tmp_path / os.fsdecode(path)).write_bytes(path)
        project.capture_later(path, monkeypatch)
    assert all(project.is_unchanged(path) for path in paths)
    shutil.copy(project.file(paths[0]), project.file(RelPath(b"other")))
    assert not project.has_memo(RelPath(b"other"))


def test_a_memo_that_cannot_be_written_costs_only_the_shortcut(
    project: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.memos = Path(project.root) / "file"
    project.memos.write_bytes(b"")
    assert project.capture(DATA) == capture(project.root, DATA, DigestOnly())
    assert not project.has_memo(DATA)


def in_a_child(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    top = Path(__file__).parents[2]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=top).stdout


_FULL = """
import os, sys
from pathlib import Path
from tests.data.remembering import Remembering
project = Remembering(Path(sys.argv[1]))
if sys.argv[2] == "full":
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
print(project.capture(b"data").content.digest, project.has_memo(b"data"), os.listdir(project.memos))
"""


def test_a_disk_that_is_full_costs_only_the_shortcut(project: Remembering) -> None:
    command = [sys.executable, "-c", _FULL, project.root]
    answers = [
        subprocess.run(
            [*command, way], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
        ).stdout
        for way in ("full", "room")
    ]
    assert answers[0].split()[1:] == ["False", "[]"]
    assert answers[1].split()[1:] == ["True", "['data.memo']"]
    assert answers[0].split()[0] == answers[1].split()[0]


def test_a_capture_that_fails_leaves_the_old_memo(project: Remembering, monkeypatch: pytest.MonkeyPatch) -> None:
    project.capture_later(DATA, monkeypatch)
    good = _records(project)
    os.mkfifo(Path(project.root) / "data" / "zone" / "fifo")
    for look in (project.capture, project.is_unchanged):
        with pytest.raises(NotKept, match="zone/fifo is a fifo"):
            look(DATA)
    assert (_records(project), os.listdir(project.memos)) == (good, ["data.memo"])


def test_a_repository_that_appears_in_the_data_is_refused(
    project: Remembering, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.capture_later(DATA, monkeypatch)
    (Path(project.root) / "data" / "sub" / ".GIT").mkdir()
    assert not project.is_unchanged(DATA)
    with pytest.raises(NestedRepository):
        project.capture(DATA)


# --- many names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("edit", ["none", "first", "last", "middle", "changed", "folder", "fewer", "more"])
def test_a_directory_of_several_parts_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edit: str) -> None:
    for module in ("repro.data.scan", "repro.data.memo_records"):
        monkeypatch.setattr(f"{module}.PART", 8)
    data = tmp_path / "data"
    data.mkdir()
    for number in range(40):
        (data / f"{number:02}").write_bytes(b"%d" % number)
    for name in ("05x", "20x"):
        (data / name).mkdir()
        (data / name / "inner").write_bytes(name.encode())
    project = Remembering(tmp_path)
    project.capture_later(DATA, monkeypatch)
    changes = {
        "none": [],
        "first": ["00a"],
        "last": ["99"],
        "middle": ["19a"],
        "changed": ["17"],
        "folder": ["04y/f", "05x/g"],
        "fewer": [],
        "more": [f"{number}b" for number in range(10, 30)],
    }[edit]
    for name in changes:
        (data / name).parent.mkdir(exist_ok=True)
        (data / name).write_bytes(b"edited")
    gone = range(10, 30) if edit == "fewer" else ()
    for number in gone:
        (data / f"{number:02}").unlink()
    assert project.is_unchanged(DATA) == (edit == "none")
    sink = Counting()
    assert project.capture(DATA, sink) == capture(project.root, DATA, DigestOnly())
    assert sink.read == len(changes)


_FLAT = """
import resource, sys
from pathlib import Path
from tests.data.remembering import Remembering
project = Remembering(Path(sys.argv[1]))
project.capture(b"small")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
files = project.capture(b"data").files + project.capture(b"data").files
project.is_unchanged(b"data")
print(files, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_many_directories_take_no_more_memory_than_one(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for folder in range(150):
        (tmp_path / "data" / str(folder)).mkdir(parents=True)
        for name in range(100):
            os.link(tmp_path / "file", tmp_path / "data" / str(folder) / str(name))
    files, grown_kib = map(int, in_a_child(_FLAT, str(tmp_path)).split())
    assert files == 30_000
    assert grown_kib < 4_000


# --- any tree, any edit ------------------------------------------------------------------------------------------


def _paths(node: Node, path: bytes) -> list[tuple[bytes, Node]]:
    found = [(path, node)]
    if isinstance(node, dict):
        for name, inner in node.items():
            found += _paths(inner, path + b"/" + name)
    return found


def _link(path: bytes) -> None:
    os.symlink("a", path)


def _make(path: bytes) -> None:
    with open(path, "xb"):
        return


def _edit(here: bytes, tree: Node, how: random.Random) -> None:
    path, node = how.choice(_paths(tree, here))
    if not os.path.lexists(path):
        return
    if isinstance(node, dict):
        target = path + b"/" + how.choice([b"new", b"\n", b"zz", b"\xff"])
        if not os.path.lexists(target):
            how.choice([os.mkdir, _link, _make])(target)
        return
    kind = how.choice(["write", "times kept", "gone", "other inode", "mode", "link", "to folder", "nothing"])
    status = os.lstat(path)
    is_file = stat.S_ISREG(status.st_mode)
    if stat.S_ISDIR(status.st_mode):
        return
    if kind == "mode" and is_file:
        os.chmod(path, how.choice([0o644, 0o755, 0o600]))
    elif kind in ("write", "times kept") and is_file:
        with open(path, "r+b") as file:
            file.write(how.randbytes(min(2, status.st_size)))
        if kind == "times kept":
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif kind not in ("nothing", "mode", "write", "times kept"):
        os.unlink(path)
        if kind == "other inode":
            build(node, path)
            os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)
        elif kind == "link":
            os.symlink("a", path)
        elif kind == "to folder":
            os.mkdir(path)


@settings(max_examples=100, deadline=None)
@given(tree=TREES, seed=st.integers(0, 2**32), edits=st.integers(0, 4), is_settled=st.booleans())
def test_what_is_remembered_never_gives_another_answer_than_reading_everything(
    tree: dict[bytes, Node], seed: int, edits: int, is_settled: bool
) -> None:
    with tempfile.TemporaryDirectory() as root, pytest.MonkeyPatch.context() as patch:
        for module in ("repro.data.scan", "repro.data.memo_records"):
            patch.setattr(f"{module}.PART", 3)
        project = Remembering(Path(root))
        here = os.fsencode(root) + b"/data"
        build(tree, here)
        before = project.capture_later(DATA, patch) if is_settled else project.capture(DATA)
        how = random.Random(seed)
        for _ in range(edits):
            _edit(here, tree, how)
        same = project.is_unchanged(DATA)
        after = capture(root, DATA, DigestOnly())
        assert not same or after == before
        assert same or not is_settled or edits
        assert project.capture(DATA) == after
        assert project.capture_later(DATA, patch) == after
        assert project.is_unchanged(DATA)
        with opened_memo(str(project.memos), DATA) as memo:
            assert memo is not None
            assert {path for path, _, _ in remembered_files(memo, DATA)} == _files(here)


def _files(here: bytes) -> set[bytes]:
    start = len(here) - len(DATA)
    return {
        os.path.join(folder, name)[start:]
        for folder, _, names in os.walk(here)
        for name in names
        if not os.path.islink(os.path.join(folder, name))
    }


@given(st.lists(st.tuples(*[st.integers(0, 2**63 - 1)] * 3, *[st.integers(-(2**63), 2**63 - 1)] * 2), max_size=9))
def test_rows_come_back(rows: list[tuple[int, int, int, int, int]]) -> None:
    assert unpack_rows(pack_rows(rows)) == rows


def test_times_that_no_clock_reaches_are_never_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert max(unpack_rows(pack_rows([(0, 0, 0, 2**70, -(2**70))]))[0]) == 2**63 - 1
    project = Remembering(tmp_path)
    (tmp_path / "data").write_bytes(b"x")
    os.utime(tmp_path / "data", ns=(0, time.time_ns() + 10**18))
    project.capture_later(DATA, monkeypatch)
    assert row_of(os.stat(tmp_path / "data"))[3] > time.time_ns()
    assert not project.is_unchanged(DATA)
