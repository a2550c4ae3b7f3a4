"""Records of objects that were not waited for: as the format says, and never half believed."""

from __future__ import annotations

import pytest

from repro.model.data.content import ObjectRef
from repro.model.digest import Digest
from repro.model.packs.unsynced import UnsyncedRecord, parse_unsynced, render_begun, render_object
from repro.model.record import BadRecord, NewerFormat

REF = ObjectRef(Digest("b3:" + "ab" * 32), 2**63 - 1)


def whole(file: bytes) -> bytes:
    begun, at = render_begun("b-1", file)
    line = render_object(REF)
    return begun[:at] + line + begun[at + len(line) :]


@pytest.mark.parametrize("file", [b"/a/large file", b"/a/\xff\n\\b", b"/" + b"x" * 3990, b"/" + b"\x01" * 4000])
def test_what_is_written_is_read_again_and_the_object_fits_in_what_is_there(file: bytes) -> None:
    begun, _ = render_begun("b-1", file)
    assert parse_unsynced(begun) == UnsyncedRecord("b-1", file, None)
    assert len(whole(file)) == len(begun)
    assert len(begun) % 4096 == 0
    assert parse_unsynced(whole(file)) == UnsyncedRecord("b-1", file, REF)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(4096),
        whole(b"/a")[:40],
        whole(b"/a").replace(b"object b3:ab", b"object b3:a"),
        whole(b"/a").replace(b"boot", b"time"),
        whole(b"/a").replace(b"/a", b"/\\xzz"),
        whole(b"/a").replace(b"\nfile /a", b""),
        whole(b"/a").rstrip(b"\n") + b"\nmore of it",
        b"\xff" + whole(b"/a"),
    ],
)
def test_what_is_not_whole_is_refused(data: bytes) -> None:
    with pytest.raises(BadRecord):
        parse_unsynced(data)


def test_a_later_version_is_refused_by_name() -> None:
    with pytest.raises(NewerFormat, match="'2'"):
        parse_unsynced(whole(b"/a").replace(b"repro-unsynced 1", b"repro-unsynced 2"))
