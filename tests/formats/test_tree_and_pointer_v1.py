"""Files of version 1 as they were first written. They are never made again: every later repro must read them."""

from pathlib import Path

import pytest

from repro.model.data.content import Content, Kind
from repro.model.data.pointer import Pointer, parse_pointer, pointer_name, render_pointer
from repro.model.data.tree import Entry, decode_tree, encode_tree
from repro.model.digest import digest_of

V1 = Path(__file__).parent / "v1"
MIXED = "b3:2073427d9d2c7330d34cb9e14ea3494f9268b954f3118672b36a89ccad9de054"
EMPTY = "b3:fc6ee8b74a95e8742bb1e1c92cc323fdb7f9c4ad148daa554904f4b320179576"


def _file(data: bytes, kind: Kind = Kind.FILE) -> Content:
    return Content(kind, len(data), digest=digest_of(data))


def _link(target: bytes) -> Content:
    return Content(Kind.SYMLINK, len(target), target=target)


TREES = {
    "empty": (EMPTY, ()),
    "mixed": (
        MIXED,
        (
            Entry(b"dangling", _link(b"\xff/x")),
            Entry(b"data.csv", _file(b"1,2\n")),
            Entry(b"empty", Content(Kind.DIRECTORY, 0, digest=digest_of(encode_tree([])))),
            Entry("größe".encode(), _file(b"x")),
            Entry(b"latest", _link(b"data.csv")),
            Entry(b"run.sh", _file(b"#!/bin/sh\n", Kind.EXECUTABLE)),
            Entry(b"\xff\n name", _file(b"")),
        ),
    ),
}

POINTERS = {
    "digits.csv.repro": Pointer(b"digits.csv", _file(b"1,2\n")),
    "mixed.repro": Pointer(b"mixed", Content(Kind.DIRECTORY, 26, digest=digest_of(encode_tree(TREES["mixed"][1]))), 6),
    "run.sh.repro": Pointer(b"run.sh", _file(b"#!/bin/sh\n", Kind.EXECUTABLE)),
    "yes.repro": Pointer(b"yes", _file(b"")),
    "link.pointer": Pointer("größe \\ \xff".encode("latin-1"), _link(b"\xff y: #\n")),
    "long.pointer": Pointer("é".encode() * 127, _file(b"long")),
}


@pytest.mark.parametrize("name", TREES)
def test_a_tree_of_version_1_is_read_and_written_the_same(name: str) -> None:
    data = (V1 / "tree" / f"{name}.tree").read_bytes()
    digest, entries = TREES[name]
    assert digest_of(data) == digest
    assert decode_tree(data) == entries
    assert encode_tree(reversed(entries)) == data


@pytest.mark.parametrize("name", POINTERS)
def test_a_pointer_of_version_1_is_read_and_written_the_same(name: str) -> None:
    data = (V1 / "pointer" / name).read_bytes()
    pointer = POINTERS[name]
    # The two .pointer files have names of their own here: theirs would trouble some file systems and archives.
    file_name = name.encode() if name.endswith(".repro") else pointer_name(pointer.name)
    assert parse_pointer(data, file_name, name) == pointer
    assert render_pointer(pointer) == data


def test_every_file_of_version_1_is_in_a_table() -> None:
    assert {path.stem for path in (V1 / "tree").iterdir()} == set(TREES)
    assert {path.name for path in (V1 / "pointer").iterdir()} == set(POINTERS)


def test_the_pointer_of_a_long_name_is_called_by_a_part_of_it_and_its_digest() -> None:
    name = "é".encode() * 127
    assert pointer_name(name) == "é".encode() * 120 + b"~" + digest_of(name)[3:11].encode() + b".repro"
