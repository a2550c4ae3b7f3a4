"""A remote whose files are encrypted, one of them tampered with."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.actions.fsck.answer import Checked
from repro.actions.fsck.remote import Far, check_far
from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.pointer import Pointer, render_pointer
from repro.model.digest import digest_of
from repro.model.progress import SILENT
from repro.model.remote_key import RemoteKey
from repro.project import Workspace
from repro.store.cache.cache import Cache
from repro.store.open_remote import Encryption, open_remote
from repro.store.remote.names import pointer_name
from repro.store.remote.objects import RemoteObjects
from repro.store.remote.remote import Remote
from repro.store.transfer.transfer import push_objects
from tests.broken.packed import SMALL, code, flip, kinds

KEY = RemoteKey(bytes(range(32)))


def remote_in(folder: Path) -> Remote:
    return open_remote(str(folder / "far"), encryption=Encryption(lambda: KEY, str(folder / "scratch")))


def check(folder: Path, *, repair: bool = False) -> Checked:
    environ = {"HOME": str(folder), "REPRO_STORE": str(folder / "store")}
    workspace = Workspace(environ, str(folder), (str(folder / "user.yaml"),), str(folder))
    return check_far(Far(workspace, remote_in(folder), 2, quick=False, progress=SILENT), repair)


@pytest.mark.parametrize("largest", [True, False])
def test_a_file_that_was_tampered_with_is_found_and_healed(tmp_path: Path, largest: bool) -> None:
    cache = Cache(str(tmp_path / "store"))
    with cache.batch() as sink:
        refs = [sink.add_bytes(data) for data in SMALL]
    remote = remote_in(tmp_path)
    push_objects(cache, remote, refs)
    for number, ref in enumerate(refs):
        pointer = render_pointer(Pointer(b"f%d" % number, Content(Kind.FILE, ref.size, ref.digest)))
        remote.put_bytes(pointer_name(digest_of(pointer)), pointer)
    assert check(tmp_path).findings == ()
    by_size = sorted((path for path in (tmp_path / "far").rglob("*") if path.is_file()), key=lambda p: p.stat().st_size)
    flip(by_size[-1 if largest else -2], 200)  # the index, or the pack: small objects compress well
    found = check(tmp_path)
    assert code(found) == 4
    assert {"corrupt-pack", "corrupt-index"} & set(kinds(found.findings))
    assert check(tmp_path, repair=True).findings == ()
    assert check(tmp_path).findings == ()
    objects = RemoteObjects(remote_in(tmp_path), str(tmp_path / "bobs"))
    assert all(objects.read(ref.digest, 10**6) == data for ref, data in zip(refs, SMALL, strict=True))


def test_the_two_largest_files_are_a_pack_and_an_index(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path / "store"))
    with cache.batch() as sink:
        refs: list[ObjectRef] = [sink.add_bytes(data) for data in SMALL]
    remote = remote_in(tmp_path)
    push_objects(cache, remote, refs)
    assert len(remote.list("packs")) == len(remote.list("indexes")) == 1
