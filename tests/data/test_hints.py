import os
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.data.capture import capture
from repro.data.checkout import place
from repro.data.memo import opened_memo
from repro.data.standing import would_lose
from repro.model.data.content import Content, ObjectRef
from repro.model.names import RelPath
from repro.store.cache.cache import Cache
from tests.data.random_trees import TREES, Node, build, read_back
from tests.data.remembering import Remembering

DATA = RelPath(b"data")


class Reading(Cache):
    """A cache that counts the files of the work tree that it is made to read."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.files_read = 0

    def matches(self, ref: ObjectRef, descriptor: int) -> bool:
        self.files_read += 1
        return super().matches(ref, descriptor)

    def holds(self, descriptor: int) -> bool:
        self.files_read += 1
        return super().holds(descriptor)


def bring(tmp_path: Path, content: Content, cache: Cache) -> list[RelPath]:
    """Check out as a command does, and return what would have been lost."""
    memos = str(tmp_path / "memo")
    with opened_memo(memos, DATA) as memo:
        lost = would_lose(content, str(tmp_path), DATA, cache, True, memo)
    with opened_memo(memos, DATA) as memo:
        place(content, str(tmp_path), DATA, cache, True, memo=memo)
    return lost


def test_only_files_that_changed_are_read_by_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Reading(str(tmp_path / "cache"))
    data = tmp_path / "data"
    for name in ("a", "b", "sub/c", "sub/deep/d", "zone/e"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(name.encode())
    project = Remembering(tmp_path)
    project.capture(DATA, cache)
    content = project.capture_later(DATA, monkeypatch).content
    (data / "sub" / "deep" / "d").write_bytes(b"zone/e"[:10])
    (data / "b").unlink()
    (data / "between").mkdir()
    assert bring(tmp_path, content, cache) == []
    assert capture(str(tmp_path), DATA, cache).content == content
    assert cache.files_read == 1  # is what stands at `d` in the cache?


def test_a_file_that_was_edited_and_keeps_its_length_is_not_taken_for_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(str(tmp_path / "cache"))
    (tmp_path / "data").write_bytes(b"old")
    project = Remembering(tmp_path)
    project.capture(DATA, cache)
    content = project.capture_later(DATA, monkeypatch).content
    status = (tmp_path / "data").stat()
    (tmp_path / "data").write_bytes(b"new")
    os.utime(tmp_path / "data", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert bring(tmp_path, content, cache) == [b"data"]
    assert (tmp_path / "data").read_bytes() == b"old"


@settings(max_examples=60, deadline=None)
@given(old=TREES, new=TREES, seed=st.integers(0, 2**32), is_damaged=st.booleans())
def test_with_and_without_a_memo_a_checkout_does_the_same(
    old: dict[bytes, Node], new: dict[bytes, Node], seed: int, is_damaged: bool
) -> None:
    how = random.Random(seed)
    with tempfile.TemporaryDirectory() as root, pytest.MonkeyPatch.context() as patch:
        for module in ("repro.data.scan", "repro.data.memo_records"):
            patch.setattr(f"{module}.PART", 3)
        here = os.fsencode(root)
        build(new | dict(how.sample(sorted(old.items(), key=str), len(old) // 2)), here + b"/wanted")
        wanted = read_back(here + b"/wanted")
        build(old, here + b"/data")
        cache = Cache(root + "/cache")
        content = capture(root, RelPath(b"wanted"), cache).content
        project = Remembering(Path(root))
        project.capture_later(DATA, patch)
        if is_damaged:
            file = project.file(DATA)
            data = bytearray(file.read_bytes())
            data[how.randrange(len(data))] ^= 255
            file.write_bytes(data)
        for folder, _, names in os.walk(here + b"/data"):
            for name in names:
                if how.random() < 0.2 and not os.path.islink(os.path.join(folder, name)):
                    with open(os.path.join(folder, name), "ab") as edited:
                        edited.write(b"!")
        expected = would_lose(content, root, DATA, cache, prune=True)
        assert bring(Path(root), content, cache) == expected
        assert read_back(here + b"/data") == wanted
