import os
import time
from pathlib import Path

import pytest

from repro.data.capture import capture, is_unchanged
from repro.data.memo import Memo, read_memo, write_memo
from repro.model.content import ObjectRef
from repro.model.names import RelPath
from repro.store.cache import Cache
from repro.store.hashing import DigestOnly

DATA = RelPath(b"data")


class _Counting(DigestOnly):
    def __init__(self) -> None:
        self.read = 0

    def add_descriptor(self, descriptor: int) -> ObjectRef:
        self.read += 1
        return super().add_descriptor(descriptor)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "data" / "sub").mkdir(parents=True)
    for name in ("a", "b", "sub/c"):
        (tmp_path / "data" / name).write_bytes(name.encode())
    os.symlink("a", tmp_path / "data" / "link")
    return tmp_path


def _settled_memo(project: Path, monkeypatch: pytest.MonkeyPatch) -> Memo:
    """Capture as if it were some seconds later, when the files' times can be trusted."""
    later = time.time_ns() + 10_000_000_000
    with monkeypatch.context() as patch:
        patch.setattr("repro.data.capture.now_ns", lambda: later)
        memo = capture(str(project), DATA, DigestOnly()).memo
    write_memo(str(project / "memo"), DATA, memo)
    found = read_memo(str(project / "memo"), DATA)
    assert found == memo
    return memo


def test_unchanged_files_are_not_read_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memo = _settled_memo(project, monkeypatch)
    assert is_unchanged(str(project), DATA, memo)
    sink = _Counting()
    assert capture(str(project), DATA, sink, memo).content == memo.whole
    assert sink.read == 0


def test_a_file_that_has_just_changed_is_not_trusted(project: Path) -> None:
    memo = capture(str(project), DATA, DigestOnly()).memo
    assert not is_unchanged(str(project), DATA, memo)
    sink = _Counting()
    capture(str(project), DATA, sink, memo)
    assert sink.read == 3


@pytest.mark.parametrize(
    "change", ["content", "same length and mtime", "mode", "new", "gone", "link", "kind", "folder"]
)
def test_every_change_is_seen(project: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    memo = _settled_memo(project, monkeypatch)
    data = project / "data"
    if change == "content":
        (data / "sub" / "c").write_bytes(b"longer than before")
    elif change == "same length and mtime":
        before = (data / "a").stat()
        (data / "a").write_bytes(b"A")
        os.utime(data / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
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
    else:
        (data / "empty").mkdir()
    assert not is_unchanged(str(project), DATA, memo)
    fresh = capture(str(project), DATA, DigestOnly()).content
    assert capture(str(project), DATA, DigestOnly(), memo).content == fresh
    assert fresh != memo.whole


def test_a_memo_does_not_stand_for_objects_that_the_cache_lacks(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memo = _settled_memo(project, monkeypatch)
    cache = Cache(str(project / "cache"))
    content = capture(str(project), DATA, cache, memo).content
    assert content.digest is not None
    assert all(e.content.digest is None or cache.has(e.content.digest) for e in cache.read_tree(content.digest))


@pytest.mark.parametrize("damage", [b"", b"repro-memo 2\n", b"\xff\xfe", b"repro-memo 1\n", b"cut", b"digits"])
def test_a_damaged_memo_is_no_memo(project: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes) -> None:
    _settled_memo(project, monkeypatch)
    (file,) = (project / "memo").iterdir()
    good = file.read_bytes()
    file.write_bytes({b"cut": good[:-20], b"digits": good.replace(b"b3:", b"b4:")}.get(damage, damage))
    assert read_memo(str(project / "memo"), DATA) is None


def test_memos_of_different_paths_do_not_mix(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memo = _settled_memo(project, monkeypatch)
    long = [RelPath(b"x" * 200 + tail) for tail in (b"/a", b"/b")]
    for path in long:
        write_memo(str(project / "memo"), path, memo)
    (project / "memo").joinpath("other.memo").write_bytes(b"")
    assert read_memo(str(project / "memo"), RelPath(b"other")) is None
    assert all(read_memo(str(project / "memo"), path) == memo for path in long)


def test_a_memo_that_cannot_be_written_costs_only_the_shortcut(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memo = _settled_memo(project, monkeypatch)
    (project / "file").write_bytes(b"")
    write_memo(str(project / "file"), DATA, memo)
    assert read_memo(str(project / "file"), DATA) is None
