"""Code packs from somebody who means harm, by name. Each is refused, and nothing is left on the disk."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from repro.code.git_objects import encode_commit, object_id
from repro.code.pack_format import BLOB, COMMIT, KIND_NAMES, TREE, PackWriter, object_header
from repro.code.restore import restore_commit
from repro.errors import IntegrityError

Object = tuple[int, bytes]
Raw = tuple[str, bytes, str]


@dataclass(frozen=True)
class Pack:
    """A pack's bytes and the commit that is asked of it."""

    data: bytes
    commit: str


def _oid(kind: int, data: bytes) -> bytes:
    return object_id(KIND_NAMES[kind], data)


def _tree(*entries: tuple[str | bytes, str | bytes, bytes]) -> bytes:
    """A tree of (mode, name, hex id), exactly as given and in that order."""
    parts = []
    for mode, name, oid in entries:
        raw = [part if isinstance(part, bytes) else part.encode() for part in (mode, name)]
        parts.append(raw[0] + b" " + raw[1] + b"\0" + bytes.fromhex(oid.decode()))
    return b"".join(parts)


def _whole(*objects: Object, tree: bytes, parents: bytes | None = None) -> Pack:
    commit = encode_commit(_oid(TREE, tree), parents, 0, b"x\n")
    everything = [(COMMIT, commit), *([(TREE, tree)] if (TREE, tree) not in objects else []), *objects]
    out = io.BytesIO()
    writer = PackWriter(out, len(everything))
    for kind, data in everything:
        writer.add(kind, data)
    writer.finish()
    return Pack(out.getvalue(), _oid(COMMIT, commit).decode())


_BLOB = b"content\n"
_B = _oid(BLOB, _BLOB)
_FILE: Object = (BLOB, _BLOB)
_LINK = b"../../outside"
_L = _oid(BLOB, _LINK)


def _named(name: str | bytes, mode: str = "100644") -> Pack:
    return _whole(_FILE, tree=_tree((mode, name, _B)))


def _good() -> Pack:
    return _named("a.txt")


def _framed(body: bytes, count: int, commit: str, version: int = 2, magic: bytes = b"PACK") -> Pack:
    data = struct.pack(">4sLL", magic, version, count) + body
    return Pack(data + hashlib.sha1(data).digest(), commit)


def _record(kind: int, data: bytes, size: int | None = None) -> bytes:
    return object_header(kind, len(data) if size is None else size) + zlib.compress(data)


def _with_record(record: bytes) -> Pack:
    """A good pack with one more record at its end."""
    good = _good()
    return _framed(good.data[12:-20] + record, 4, good.commit)


def _inside(directory: bytes, *more: Object) -> Pack:
    return _whole((TREE, directory), *more, tree=_tree(("40000", "dir", _oid(TREE, directory))))


def _twins_with_link() -> Pack:
    inner = _tree(("100644", "evil", _B))
    tree = _tree(("120000", "dir", _L), ("40000", "dir", _oid(TREE, inner)))
    return _whole(_FILE, (BLOB, _LINK), (TREE, inner), tree=tree)


def _nested(levels: int) -> Pack:
    tree = _tree(("100644", "f", _B))
    objects: list[Object] = [_FILE]
    for _ in range(levels):
        objects.append((TREE, tree))
        tree = _tree(("40000", "d", _oid(TREE, tree)))
    return _whole(*objects, tree=tree)


def _tree_bomb() -> Pack:
    tree = _tree(*((("100644"), f"f{number}", _B) for number in range(10)))
    objects: list[Object] = [_FILE]
    for _ in range(9):
        objects.append((TREE, tree))
        tree = _tree(*((("40000"), f"d{number}", _oid(TREE, tree)) for number in range(10)))
    return _whole(*objects, tree=tree)


def _long_path() -> Pack:
    tree = _tree(("100644", "f", _B))
    objects: list[Object] = [_FILE]
    for _ in range(17):
        objects.append((TREE, tree))
        tree = _tree(("40000", "d" * 250, _oid(TREE, tree)))
    return _whole(*objects, tree=tree)


def _flipped(position: int) -> Pack:
    good = _good()
    data = bytearray(good.data)
    data[position] ^= 1
    return Pack(bytes(data), good.commit)


def _bad_commit(data: bytes) -> Pack:
    record = _record(COMMIT, data)
    return _framed(record, 1, _oid(COMMIT, data).decode())


_CASES: dict[str, tuple[Callable[[], Pack], str]] = {
    # the pack itself
    "empty": (lambda: Pack(b"", _good().commit), "empty"),
    "cut off in the header": (lambda: Pack(_good().data[:20], _good().commit), "cut off"),
    "cut off by a byte": (lambda: Pack(_good().data[:-1], _good().commit), "cut off or damaged"),
    "cut off but with a right checksum": (lambda: _framed(_good().data[12:-25], 3, _good().commit), "cut off|inflated"),
    "a byte too many": (lambda: Pack(_good().data + b"x", _good().commit), "damaged"),
    "bytes after the last object": (lambda: _framed(_good().data[12:-20] + b"xx", 3, _good().commit), "2 bytes after"),
    "one bit flipped in an object": (lambda: _flipped(40), "checksum"),
    "one bit flipped in the checksum": (lambda: _flipped(-1), "checksum"),
    "not a pack": (lambda: _framed(b"", 0, "1" * 40, magic=b"JUNK"), "not a git pack"),
    "a version to come": (lambda: _framed(b"", 0, "1" * 40, version=3), "version 3"),
    "fewer objects than it counts": (lambda: _framed(_good().data[12:-20], 4, _good().commit), "cut off"),
    "more objects than it counts": (lambda: _framed(_good().data[12:-20], 2, _good().commit), "bytes after its 2"),
    "an offset delta": (lambda: _with_record(object_header(6, 4) + b"\x05" + zlib.compress(b"abcd")), "is a delta"),
    "a reference delta": (lambda: _with_record(object_header(7, 4) + b"x" * 20 + zlib.compress(b"abcd")), "is a delta"),
    "a tag": (lambda: _with_record(_record(4, b"object")), "of the kind 4"),
    "the kind 0": (lambda: _with_record(_record(0, b"object")), "of the kind 0"),
    "an object twice": (lambda: _with_record(_record(BLOB, _BLOB)), f"{_B.decode()} twice"),
    "an object that nobody needs": (lambda: _with_record(_record(BLOB, b"extra")), "does not need"),
    "a size too small": (lambda: _with_record(_record(BLOB, b"x" * 100, 99)), "more than the 99 bytes"),
    "a size too large": (lambda: _with_record(_record(BLOB, b"x" * 100, 101)), "100 bytes and claims 101"),
    "a zlib bomb": (lambda: _with_record(_record(BLOB, bytes(1 << 26), 10)), "more than the 10 bytes"),
    "a size over the limit": (lambda: _with_record(_record(BLOB, b"x", (4 << 30) + 1)), "more than is allowed"),
    "a tree over the limit": (lambda: _with_record(_record(TREE, b"x", 65 << 20)), "more than is allowed"),
    "an endless size": (lambda: _with_record(b"\xbf" + b"\xff" * 30), "malformed in the header"),
    "not zlib": (lambda: _with_record(object_header(BLOB, 5) + b"plain"), "cannot be inflated"),
    # what it holds
    "another commit": (lambda: Pack(_good().data, "1" * 40), "lacks the git object 1{40}"),
    "a commit's id that is a tree": (lambda: Pack(_good().data, _oid(TREE, _tree(("100644", "a.txt", _B))).decode()),
                                     "is a tree and should be a commit"),
    "a missing blob": (lambda: _whole(tree=_tree(("100644", "a.txt", _B))), f"{_B.decode()}, the file 'a.txt'"),
    "a missing tree": (lambda: _whole(tree=_tree(("40000", "dir", b"2" * 40))), "2{40}, the directory 'dir/'"),
    "a file that is a tree": (lambda: _whole((TREE, b""), tree=_tree(("100644", "a", _oid(TREE, b"")))), "is a tree"),
    "a directory that is a blob": (lambda: _whole(_FILE, tree=_tree(("40000", "a", _B))), "is a blob"),
    "a commit that is none": (lambda: _bad_commit(b"hello"), "begins with 'hello'"),
    "a commit whose tree is a path": (lambda: _bad_commit(b"tree ../../x\nauthor a\ncommitter a\n\n"), "begins with"),
    "a malformed tree": (lambda: _whole(_FILE, tree=_tree(("100644", "a", _B))[:-1]), "malformed at byte 0"),
    "a mode of letters": (lambda: _named("a", mode="rwxrwx"), "malformed"),
    # names and modes
    "a slash": (lambda: _named("a/b"), "slash"),
    "an absolute path": (lambda: _named("/etc/passwd"), "slash"),
    "two dots": (lambda: _named(".."), "points outside"),
    "one dot": (lambda: _named("."), "points outside"),
    "two dots as a directory": (lambda: _whole((TREE, _tree(("100644", "a", _B))), _FILE, tree=_tree(
        ("40000", "..", _oid(TREE, _tree(("100644", "a", _B)))))), "points outside"),
    "an empty name": (lambda: _named(""), "malformed"),
    "git's folder": (lambda: _named(".git"), "git's own folder"),
    "git's folder in capitals": (lambda: _named(".GiT"), "git's own folder"),
    "git's folder as NTFS shortens it": (lambda: _named("GIT~1"), "git's own folder"),
    "git's folder with a stream": (lambda: _named(".git::$INDEX_ALLOCATION"), "git's own folder"),
    "git's folder with a dot": (lambda: _named(".git. ."), "git's own folder"),
    "git's folder with a joiner": (lambda: _named(".g\u200cit".encode()), "git's own folder"),
    "git's folder deep down": (lambda: _inside(_tree(("100644", ".git", _B)), _FILE), "dir/.git"),
    "a name of 256 bytes": (lambda: _named("a" * 256), "longer than 255"),
    "a path of 4 KiB": (_long_path, "a path of 42"),
    "600 levels": (lambda: _nested(600), "512 directories"),
    "a billion files": (_tree_bomb, "unfolds to"),
    "a name twice": (lambda: _whole(_FILE, tree=_tree(("100644", "a", _B), ("100644", "a", _B))), "'a' twice"),
    "a file and a directory of one name": (lambda: _whole(_FILE, (TREE, _tree(("100644", "f", _B))), tree=_tree(
        ("100644", "a", _B), ("40000", "a", _oid(TREE, _tree(("100644", "f", _B)))))), "'a' twice"),
    "a link to write through": (_twins_with_link, "'dir' twice"),
    "out of order": (lambda: _whole(_FILE, tree=_tree(("100644", "b", _B), ("100644", "a", _B))), "out of git's order"),
    "a device's mode": (lambda: _named("a", mode="060000"), "mode 60000"),
    "a setuid mode": (lambda: _named("a", mode="104755"), "mode 104755"),
    "a link without a target": (lambda: _whole((BLOB, b""), tree=_tree(("120000", "l", _oid(BLOB, b"")))), "target"),
    "a link with a NUL": (lambda: _whole((BLOB, b"a\0b"), tree=_tree(("120000", "l", _oid(BLOB, b"a\0b")))), "target"),
    "a link of 5,000 bytes": (lambda: _whole((BLOB, b"a" * 5000), tree=_tree(
        ("120000", "l", _oid(BLOB, b"a" * 5000)))), "target"),
}  # fmt: skip


def _snapshot_of(folder: Path) -> list[str]:
    return sorted(os.path.join(place, name) for place, dirs, files in os.walk(folder) for name in (*dirs, *files))


@pytest.mark.parametrize(("make", "message"), _CASES.values(), ids=_CASES.keys())
def test_a_hostile_pack_is_refused_and_leaves_nothing(make: Callable[[], Pack], message: str, tmp_path: Path) -> None:
    pack = make()
    (tmp_path / "code.pack").write_bytes(pack.data)
    before = _snapshot_of(tmp_path)
    with pytest.raises(IntegrityError, match=message) as caught:
        restore_commit(pack.commit, str(tmp_path / "code.pack"), str(tmp_path / "back"))
    assert caught.value.exit_code == 4
    assert _snapshot_of(tmp_path) == before


def test_the_pack_that_the_hostile_ones_are_made_from_is_good(tmp_path: Path) -> None:
    pack = _good()
    (tmp_path / "code.pack").write_bytes(pack.data)
    restore_commit(pack.commit, str(tmp_path / "code.pack"), str(tmp_path / "back"))
    assert (tmp_path / "back/a.txt").read_bytes() == _BLOB


def test_a_link_out_of_the_tree_is_written_as_a_link_and_nothing_through_it(tmp_path: Path) -> None:
    pack = _whole((BLOB, _LINK), tree=_tree(("120000", "link", _L)), parents=b"3" * 40)
    (tmp_path / "code.pack").write_bytes(pack.data)
    restore_commit(pack.commit, str(tmp_path / "code.pack"), str(tmp_path / "back"))
    assert os.readlink(tmp_path / "back/link") == _LINK.decode()


def test_a_shared_directory_is_written_at_each_of_its_places(tmp_path: Path) -> None:
    inner = _tree(("100644", "f", _B))
    tree = _tree(("40000", "a", _oid(TREE, inner)), ("40000", "b", _oid(TREE, inner)), ("100664", "old", _B))
    pack = _whole(_FILE, (TREE, inner), tree=tree)
    (tmp_path / "code.pack").write_bytes(pack.data)
    restore_commit(pack.commit, str(tmp_path / "code.pack"), str(tmp_path / "back"))
    assert (tmp_path / "back/a/f").read_bytes() == (tmp_path / "back/b/f").read_bytes() == _BLOB


def test_a_bomb_takes_no_memory_beyond_what_it_claims(tmp_path: Path) -> None:
    import tracemalloc

    pack = _with_record(_record(BLOB, bytes(1 << 28), 10))
    (tmp_path / "code.pack").write_bytes(pack.data)
    tracemalloc.start()
    with pytest.raises(IntegrityError, match="more than the 10 bytes"):
        restore_commit(pack.commit, str(tmp_path / "code.pack"), str(tmp_path / "back"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 24
