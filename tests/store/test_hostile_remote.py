"""Indexes, packs and chunk lists that lie, by name: each is refused with exit code 4, and nothing of it is seen."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from repro.errors import CannotProceed, IntegrityError
from repro.model.data.content import ObjectRef
from repro.model.digest import Digest, digest_of
from repro.model.packs.chunk_list import chunk_bytes, list_start
from repro.model.packs.pack import HEAD_BYTES, RecordKind, check_bytes, head_start
from repro.model.packs.pack_index_format import PackFile
from repro.model.packs.pack_index_writing import encode_index
from repro.model.packs.pack_places import place_bytes
from repro.store.cache.cache import Cache
from repro.store.open_remote import open_remote
from repro.store.packs.records import Packed, check_of, pack_chunk_list, pack_object
from repro.store.remote.names import index_name, pack_name
from repro.store.remote.objects import RemoteObjects
from repro.store.remote.remote import Remote
from repro.store.storages.errors import CorruptRemoteObject
from repro.store.transfer.transfer import fetch_objects
from tests.packed_remotes import pack_bytes, put_index, put_objects, put_records, spoil

ONE, TWO = b"1" * 200_000, b"2" * 200_000
WHOLE = ONE + TWO
REF = ObjectRef(digest_of(WHOLE), len(WHOLE))


def _raw(digest: Digest) -> bytes:
    return bytes.fromhex(digest[3:])


def _record(data: bytes) -> tuple[Digest, Packed]:
    return digest_of(data), pack_object(digest_of(data), data)


def _listed(chunks: list[tuple[bytes, int]], size: int = REF.size, count: int | None = None) -> tuple[Digest, Packed]:
    body = b"".join(chunk_bytes(_raw(digest_of(data)), length) for data, length in chunks)
    listed = list_start(size, len(chunks) if count is None else count) + body
    return REF.digest, pack_chunk_list(ObjectRef(REF.digest, size), listed)


def _flipped_list(remote: Remote) -> None:
    digest, packed = _listed([(ONE, len(ONE)), (TWO, len(TWO))])
    payload = bytes(packed.payload)
    put_records(
        remote,
        [_record(ONE), _record(TWO), (digest, Packed(packed.head, payload[:-1] + b"\7", packed.kind, packed.size))],
    )


def _list_in_a_list(remote: Remote) -> None:
    put_records(remote, [_listed([(WHOLE, len(WHOLE))])])


def _zstd_bomb(remote: Remote) -> None:
    import zstandard

    payload = zstandard.ZstdCompressor().compress(bytes(50_000_000))
    start = head_start(RecordKind.ZSTD, 400_000, len(payload), _raw(REF.digest))
    head = start + check_bytes(check_of(start, payload))
    put_records(remote, [(REF.digest, Packed(head, payload, RecordKind.ZSTD, 400_000))])


def _index_beside(remote: Remote) -> None:
    data, _ = pack_bytes([_record(b"x")])
    pack = PackFile(digest_of(data), len(data))
    remote.put_bytes(pack_name(pack.digest), data)
    put_index(remote, {pack: {REF.digest: (16, REF.size, 65, RecordKind.RAW)}})


def _index_of_another_record(remote: Remote) -> None:
    data, spots = pack_bytes([_record(WHOLE)])
    pack = PackFile(digest_of(data), len(data))
    remote.put_bytes(pack_name(pack.digest), data)
    offset, size, stored, kind = spots[REF.digest]
    put_index(remote, {pack: {REF.digest: (offset, size, stored - 1, kind)}})


def _index_under_a_wrong_name(remote: Remote) -> None:
    remote.put_bytes(index_name(digest_of(b"other")), encode_index([], []))


def _index_that_is_none(remote: Remote) -> None:
    data = b"repro-index 1\0\0\0" + bytes(100)
    remote.put_bytes(index_name(digest_of(data)), data[:-1] + b"x")
    remote.put_bytes(index_name(digest_of(b"no index")), b"no index")


def _index_of_an_enormous_pack(remote: Remote) -> None:
    pack = PackFile(digest_of(b""), 2**62)
    data = encode_index([pack], [(_raw(REF.digest), place_bytes(0, 16, 5, 5, RecordKind.RAW))])
    remote.put_bytes(index_name(digest_of(data)), data)


CASES: dict[str, Callable[[Remote], object]] = {
    "chunk of other bytes": lambda r: put_records(
        r, [(digest_of(ONE), _record(TWO)[1]), _record(TWO), _listed([(ONE, len(ONE)), (TWO, len(TWO))])]
    ),
    "chunks in another order": lambda r: put_records(
        r, [_record(ONE), _record(TWO), _listed([(TWO, len(TWO)), (ONE, len(ONE))])]
    ),
    "chunk too many": lambda r: put_records(r, [_record(ONE), _listed([(ONE, len(ONE))] * 3)]),
    "chunk too few": lambda r: put_records(r, [_record(ONE), _listed([(ONE, len(ONE))])]),
    "chunk of another length": lambda r: put_records(
        r, [_record(ONE), _record(TWO), _listed([(ONE, len(ONE) - 1), (TWO, len(TWO) + 1)])]
    ),
    "empty chunk": lambda r: put_records(
        r, [_record(ONE), _record(TWO), _listed([(ONE, len(ONE)), (b"", 0), (TWO, len(TWO))])]
    ),
    "count lies": lambda r: put_records(r, [_record(ONE), _listed([(ONE, len(ONE))], count=2)]),
    "list of an enormous object": lambda r: put_records(r, [_record(ONE), _listed([(ONE, len(ONE))], size=2**62)]),
    "list flipped": _flipped_list,
    "list in a list": _list_in_a_list,
    "zstd bomb": _zstd_bomb,
    "index beside the record": _index_beside,
    "index of another record": _index_of_another_record,
    "index under a wrong name": _index_under_a_wrong_name,
    "index that is none": _index_that_is_none,
    "index of an enormous pack": _index_of_an_enormous_pack,
}


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_remote_is_refused(tmp_path: Path, name: str) -> None:
    remote = open_remote(str(tmp_path / "remote"))
    remote.prepare()
    CASES[name](remote)
    before = {path: path.read_bytes() for path in (tmp_path / "remote").rglob("*") if path.is_file()}
    cache = Cache(str(tmp_path / "cache"))
    with pytest.raises(IntegrityError) as caught:
        fetch_objects(cache, remote, [REF])
    assert caught.value.exit_code == 4
    assert not cache.has(REF.digest)
    objects = RemoteObjects(remote, str(tmp_path / "other"))
    with pytest.raises((IntegrityError, CannotProceed)):
        objects.verify(REF, lambda count: None)
    assert {path: path.read_bytes() for path in (tmp_path / "remote").rglob("*") if path.is_file()} == before
    left = [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.stat().st_blocks > 4000]
    assert left == []


def test_what_an_index_says_of_a_pack_that_is_not_there_is_unsaid(tmp_path: Path) -> None:
    remote = open_remote(str(tmp_path / "remote"))
    put_index(remote, {PackFile(digest_of(b"no pack"), 100): {digest_of(b"hello"): (16, 5, 5, RecordKind.RAW)}})
    ref = ObjectRef(digest_of(b"hello"), 5)
    with pytest.raises(CannotProceed, match="does not have 1"):
        fetch_objects(Cache(str(tmp_path / "cache")), remote, [ref])
    put_objects(remote, [b"hello"])
    assert fetch_objects(Cache(str(tmp_path / "cache")), remote, [ref]).objects == 1


def test_a_whole_pack_becomes_the_stores_own_only_if_its_name_is_that_of_its_bytes(tmp_path: Path) -> None:
    objects = [bytes([number]) * 9 + random.Random(number).randbytes(60_000) for number in range(40)]
    remote, cache = open_remote(str(tmp_path / "far")), Cache(str(tmp_path / "cache"))
    put_objects(remote, objects)
    spoil(tmp_path / "far", digest_of(objects[7]), at=HEAD_BYTES - 1)  # a byte that no object's digest depends on
    refs = [ObjectRef(digest_of(data), len(data)) for data in objects]
    fetch_objects(cache, remote, refs)
    for pack in (tmp_path / "cache/packs").iterdir():
        assert digest_of(pack.read_bytes()) == f"b3:{pack.name}"
    assert [cache.read(ref) for ref in refs] == objects


@pytest.mark.parametrize("others", [0, 40], ids=["a few records", "a whole pack"])
def test_a_record_of_other_bytes_than_its_head_says_is_never_an_object_here(tmp_path: Path, others: int) -> None:
    remote, cache = open_remote(str(tmp_path / "far")), Cache(str(tmp_path / "cache"))
    objects = [random.Random(number).randbytes(60_000) for number in range(others)]
    wanted, wrong = b"wanted" * 99, b"wr0ng!" * 99
    put_records(remote, [*map(_record, objects), (digest_of(wanted), pack_object(digest_of(wanted), wrong))])
    refs = [ObjectRef(digest_of(data), len(data)) for data in (*objects, wanted)]
    with pytest.raises(CorruptRemoteObject, match=digest_of(wanted)):
        fetch_objects(cache, remote, refs)
    assert [cache.has(ref.digest) for ref in refs] == [True] * others + [False]
    assert not cache.has(digest_of(wrong))
