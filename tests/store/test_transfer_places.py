"""Push and fetch at every kind of place."""

import os
import uuid
from pathlib import Path

import pytest

from repro.model.data.content import Content, Kind, ObjectRef
from repro.model.data.tree import Entry, encode_tree, total_size
from repro.model.digest import Digest
from repro.store.cache.cache import Cache
from repro.store.cache.missing import missing_here
from repro.store.open_remote import open_remote
from repro.store.transfer import outgoing
from repro.store.transfer.transfer import Transferred, fetch_objects, push_objects
from tests.remote_servers import web_server


@pytest.fixture(params=["directory", "memory", "s3_url", "ssh_url"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "directory":
        return str(tmp_path / "remote")
    if request.param == "memory":
        return f"memory://{uuid.uuid4()}/remote"
    return str(request.getfixturevalue(request.param))


def _tree(cache: Cache) -> Content:
    with cache.batch() as batch:
        refs = [batch.add_bytes(os.urandom(2000)) for _ in range(1000)]
    refs += [cache.add_bytes(os.urandom(size)) for size in (200_000, 1_500_000, 5_000_000)]
    entries = [Entry(b"%d" % n, Content(Kind.FILE, ref.size, digest=ref.digest)) for n, ref in enumerate(refs)]
    return Content(Kind.DIRECTORY, total_size(entries), digest=cache.add_bytes(encode_tree(entries)).digest)


def test_data_goes_there_and_comes_back(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "PACK_SIZE", 1_200_000)
    cache, elsewhere = Cache(str(tmp_path / "cache")), Cache(str(tmp_path / "elsewhere"))
    tree = _tree(cache)
    assert push_objects(cache, open_remote(url), [tree], jobs=3).objects == 1004
    assert push_objects(cache, open_remote(url), [tree]) == Transferred()
    assert fetch_objects(elsewhere, open_remote(url), [tree], jobs=3).objects == 1004
    assert missing_here(elsewhere, [tree]) == ()
    for entry in elsewhere.read_tree(Digest(tree.digest or "")):
        elsewhere.verify(ObjectRef(Digest(entry.content.digest or ""), entry.content.size))
    assert os.listdir(tmp_path / "cache/tmp") == []


def test_a_web_server_that_lists_nothing_is_read_by_its_index_list(tmp_path: Path) -> None:
    cache, elsewhere = Cache(str(tmp_path / "cache")), Cache(str(tmp_path / "elsewhere"))
    trees = [_tree(cache), _tree(cache)]
    for tree in trees:
        push_objects(cache, open_remote(str(tmp_path / "remote")), [tree])
    with web_server(tmp_path / "remote") as port:
        assert fetch_objects(elsewhere, open_remote(f"http://127.0.0.1:{port}/"), trees).objects == 2008
    assert missing_here(elsewhere, trees) == ()
