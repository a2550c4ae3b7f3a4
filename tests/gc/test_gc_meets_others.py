"""A gc of a remote before each question of which somebody else does all his work: a push, or another gc.

`tests/crash/test_stopped_at_each_step.py` stops processes where they change something; here it is where they look.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from repro.actions.gc.far import collect_far
from repro.actions.gc.marks import NeedsUnknown
from repro.actions.gc.roots import Roots
from repro.model.data.content import Content, Kind
from repro.model.data.pointer import Pointer, parse_pointer, render_pointer
from repro.model.data.tree import Entry, encode_tree, total_size
from repro.model.digest import digest_of
from repro.model.packs.gc_plan import Garbage
from repro.store.cache.cache import Cache
from repro.store.open_remote import open_remote
from repro.store.remote.garbage import condemn, packs_there
from repro.store.remote.names import pack_name, pointer_name
from repro.store.remote.remote import Remote
from repro.store.storages.directory import DirectoryStorage
from repro.store.transfer.transfer import Push, fetch_objects, push_objects
from tests.crash_points import SEEDS, noise, nothing_is_lost_there
from tests.packed_remotes import lose

DAY = 86400.0


class Asked:
    """A directory as a place, where something else happens before the question of a number."""

    def __init__(self, folder: Path, number: int, meanwhile: Callable[[], object]) -> None:
        self._storage = DirectoryStorage(str(folder))
        self._number = number
        self._meanwhile = meanwhile
        self.count = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._storage, name)

        def asked(*arguments: Any) -> Any:
            self.count += 1
            if self.count == self._number:
                self._meanwhile()
            return found(*arguments)

        return asked


@dataclass
class Far:
    """A remote in a directory, brought back to what it was as often as needed."""

    folder: Path
    kept: Path

    def keep(self) -> None:
        """Let it be brought back to what it is now."""
        shutil.rmtree(self.kept, ignore_errors=True)
        shutil.copytree(self.folder, self.kept)

    def restore(self) -> None:
        """Bring it back."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.kept, self.folder)

    def age(self, days: float = 20) -> None:
        """Let everything there be as old as that."""
        for path in self.folder.rglob("*"):
            os.utime(path, (time.time() - days * DAY,) * 2)

    def push(self, cache: Cache, name: str, *parts: bytes) -> None:
        """Push a directory that has these parts as files, with its pointer."""
        entries = []
        for number, data in enumerate(parts):
            ref = cache.add_bytes(data)
            entries.append(Entry(b"f%d" % number, Content(Kind.FILE, ref.size, digest=ref.digest)))
        tree = cache.add_bytes(encode_tree(entries))
        content = Content(Kind.DIRECTORY, total_size(entries), digest=tree.digest)
        remote = open_remote(str(self.folder))
        push_objects(cache, remote, [content])
        data = render_pointer(Pointer(name.encode(), content))
        remote.put_bytes(pointer_name(digest_of(data)), data)

    def forget(self) -> None:
        """Remove all records, so that everything there is garbage."""
        for path in (self.folder / "pointers").iterdir():
            path.unlink()

    def gc(self, cache: Cache, number: int = 0, meanwhile: Callable[[], object] = lambda: None) -> tuple[int, Garbage]:
        """Collect garbage; return how many questions were asked, and what was found."""
        asked = Asked(self.folder, number, meanwhile)
        remote = Remote(asked, str(self.folder))
        found = collect_far(cache, remote, Roots(), 14 * DAY, delete=True, sure=lambda: None)
        return asked.count, found


def far_with_garbage(tmp_path: Path) -> Far:
    """A remote with old garbage, some of it in one pack with what is needed."""
    far = Far(tmp_path / "far", tmp_path / "kept")
    far.push(Cache(str(tmp_path / "first")), "data", LARGE, *SMALL)
    far.forget()
    far.push(Cache(str(tmp_path / "first")), "some", *SMALL[:2])
    far.age()
    return far


LARGE = noise(1_400_000, 1)
SMALL = [noise(20_000, seed) for seed in range(2, 12)]
NEW = noise(30_000, 20)


def each_question(far: Far, tmp_path: Path, meanwhile: Callable[[], object], records: int) -> int:
    """Let a gc be met before each of its questions; nothing is lost then, nor (of some, or with `REPRO_SEEDS` of all)
    by two later ones. Returns how many questions there were."""
    far.keep()
    collector, empty = Cache(str(tmp_path / "collector")), tmp_path / "empty"
    number = count = 1
    while True:
        far.restore()
        try:
            count, _ = far.gc(collector, number, meanwhile)
            if count < number:
                return count
            assert nothing_is_lost_there(str(far.folder), empty) == records
            if SEEDS > 1 or number % 4 == 0:
                for _ in range(2):
                    far.age()
                    far.gc(collector)
                assert nothing_is_lost_there(str(far.folder), empty) == records
        except BaseException as error:
            error.add_note(f"met before question {number}")
            raise
        number += 1


def test_a_push_that_is_whole_before_any_question_of_a_gc_is_seen_whole(tmp_path: Path) -> None:
    far, pusher = far_with_garbage(tmp_path), Cache(str(tmp_path / "pusher"))
    assert each_question(far, tmp_path, lambda: far.push(pusher, "new", LARGE, *SMALL, NEW), records=2) > 20


def test_a_gc_that_another_gc_meets_loses_nothing_and_ends_well(tmp_path: Path) -> None:
    """What is condemned is needed again, so that each writes it elsewhere, and deletes where it was."""
    far = far_with_garbage(tmp_path)
    far.push(Cache(str(tmp_path / "first")), "data", LARGE, *SMALL)
    [late] = [path for path in (far.folder / "pointers").iterdir() if b"path: data" in path.read_bytes()]
    record = late.read_bytes()
    late.unlink()
    far.age()
    far.gc(Cache(str(tmp_path / "before")))
    assert list((far.folder / "condemned").iterdir())
    late.write_bytes(record)  # of a push that took longer than any
    far.age()
    other = Cache(str(tmp_path / "other"))
    assert each_question(far, tmp_path, lambda: far.gc(other), records=2) > 20


def test_a_tree_that_is_lost_there_stops_the_gc_of_who_tracks_it_and_does_not_have_it(tmp_path: Path) -> None:
    """What is below it is not known, and would be taken for garbage."""
    far = far_with_garbage(tmp_path)
    [pointer] = (far.folder / "pointers").iterdir()
    content = parse_pointer(pointer.read_bytes(), None, "some").content
    assert content.digest is not None
    lose(far.folder, content.digest)
    remote = open_remote(str(far.folder))
    for mine in (Roots(), Roots(needed={content})):
        with pytest.raises(NeedsUnknown, match="in no pack there"):
            collect_far(Cache(str(tmp_path / "empty")), remote, mine, 14 * DAY, delete=True, sure=lambda: None)
    assert list((far.folder / "condemned").iterdir()) == []


@pytest.mark.parametrize("when", ["before it begins", "after it looked"])
def test_a_push_sends_again_what_it_finds_there_and_is_condemned(tmp_path: Path, when: str) -> None:
    here, far = Cache(str(tmp_path / "here")), str(tmp_path / "far")
    refs = [here.add_bytes(os.urandom(size)) for size in (9, 5_000, 400_000)]
    push_objects(here, open_remote(far), refs)
    old = packs_there(open_remote(far)).written
    if when == "before it begins":
        condemn(open_remote(far), old)
    with Push(here, open_remote(far)) as push:
        sent = push.send(refs)
        if when == "after it looked":
            assert sent.objects == 0
            condemn(open_remote(far), old)
        push.flush()
    for pack in old:
        open_remote(far).delete(pack_name(pack.digest))
    assert fetch_objects(Cache(str(tmp_path / "there")), open_remote(far), refs).objects == len(refs)
