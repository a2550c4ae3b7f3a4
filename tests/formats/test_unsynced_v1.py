"""Records of objects that were not waited for, as they were first written. They are never made again."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.model.data.content import ObjectRef
from repro.model.digest import digest_of
from repro.model.packs.unsynced import UnsyncedRecord, parse_unsynced, render_begun, render_object

V1 = Path(__file__).parent / "v1" / "unsynced"
BOOT = "0f1e2d3c-4b5a-4697-8879-6a5b4c3d2e1f"
FILE = b"/home/ann/a project/data/numbers \xff\n1.bin"
DATA = b"abc" * 6_000_000
REF = ObjectRef(digest_of(DATA), len(DATA))


@pytest.mark.parametrize(("name", "ref"), [("begun", None), ("copied", REF)])
def test_a_record_of_version_1_is_read(name: str, ref: ObjectRef | None) -> None:
    assert parse_unsynced((V1 / f"{name}.record").read_bytes()) == UnsyncedRecord(BOOT, FILE, ref)


def test_a_record_of_version_1_is_written_the_same() -> None:
    begun, at = render_begun(BOOT, FILE)
    line = render_object(REF)
    assert begun == (V1 / "begun.record").read_bytes()
    assert begun[:at] + line + begun[at + len(line) :] == (V1 / "copied.record").read_bytes()
