"""Packs that go to a remote as they are: each is compared with its name as soon as all of it is known to be wanted."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from repro.model.digest import Digest, digest_of
from repro.model.packs.pack_index_format import Place
from repro.store.cache.cache import Cache
from repro.store.transfer.compared_packs import ComparedPacks

MANY = [b"%d\n" % number * 100 for number in range(100)]


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    cache = Cache(str(tmp_path))
    with cache.batch() as batch:
        for data in MANY:
            batch.add_bytes(data)
    (path,) = Path(cache.root, "packs").iterdir()
    return path


def places(root: Path) -> list[Place]:
    found = [Cache(str(root))._packed.place(Digest(digest_of(data))) for data in MANY]
    assert None not in found
    return [place for place in found if place is not None]


def change(path: Path) -> None:
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def test_a_pack_is_compared_when_its_last_record_is_wanted_and_not_again(tmp_path: Path, pack: Path) -> None:
    wanted = places(tmp_path)
    with closing(ComparedPacks(str(tmp_path))) as compared:
        for place in wanted:
            compared.want(place)
        assert compared._found[wanted[0].pack.digest].result()  # it has been read
        change(pack)
        assert compared.is_intact(wanted[0].pack)
        assert not compared.is_intact(wanted[0].pack), "what was asked for once is looked at again"


def test_of_a_pack_of_which_something_is_left_out_nothing_is_read_before(tmp_path: Path, pack: Path) -> None:
    wanted = places(tmp_path)
    with closing(ComparedPacks(str(tmp_path))) as compared:
        for place in wanted[1:]:
            compared.want(place)
        compared.begin_again()
        compared.want(wanted[0])
        change(pack)
        assert not compared.is_intact(wanted[0].pack)


def test_a_pack_that_has_gone_or_was_changed_is_not_intact(tmp_path: Path, pack: Path) -> None:
    wanted = places(tmp_path)
    change(pack)
    with closing(ComparedPacks(str(tmp_path))) as compared:
        for place in wanted:
            compared.want(place)
        assert not compared.is_intact(wanted[0].pack)
        pack.unlink()
        assert not compared.is_intact(wanted[0].pack)
