"""The searched text of outputs finds what parsing manifests would find."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.model.data.content import Content, Kind
from repro.model.digest import digest_of, hex_of
from repro.model.names import RelPath, UnsafePath, check_path, name_to_text
from repro.model.runs.manifest import Manifest, Output, parse_manifest, render_manifest
from repro.model.runs.run_outputs import RunOutputs, outputs_of
from tests.model.some_records import COMPLETE


def is_path(raw: bytes) -> bool:
    try:
        check_path(raw)
    except UnsafePath:
        return False
    return True


PATHS = st.binary(min_size=1, max_size=30).filter(is_path)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200)


@settings(max_examples=80, deadline=None)
@given(paths=st.lists(PATHS, max_size=5, unique=True), message=TEXTS)
def test_the_outputs_of_any_manifest_are_found(paths: list[bytes], message: str) -> None:
    outputs = tuple(
        Output(RelPath(path), Content(Kind.FILE, len(path), digest_of(path)), declared=bool(number % 2))
        for number, path in enumerate(paths)
        if not any(path.startswith(other + b"/") or other.startswith(path + b"/") for other in paths)
    )
    text = f"outputs:\n\nfacts:\n\n  outputs:\n\n{message}"
    data = render_manifest(dataclasses.replace(COMPLETE, outputs=outputs, message=text))
    found = {(line.path, line.digest) for line in outputs_of(data)}
    assert found == {(name_to_text(o.path), hex_of(o.content.digest)) for o in outputs if o.content.digest}
    index = RunOutputs()
    index.add([(b"a" * 40, data), (b"b" * 40, b"junk")])
    index = RunOutputs(index.render())
    assert index.known() == {b"a" * 40, b"b" * 40}
    for output in outputs:
        assert output.content.digest
        (place,) = index.with_digest(hex_of(output.content.digest))
        assert place.owner == b"a" * 40
        assert [one.output for one in index.at_path(output.path)] == [place.output]


def test_every_kind_is_found_in_every_layout() -> None:
    data = b"""facts:
  outputs: [{path: "a b", kind: directory, digest: 'b3:%s'}, {path: l, kind: symlink, target: x}]
""" % (b"1" * 64)
    assert [(line.path, line.kind) for line in outputs_of(data)] == [("a b", "d"), ("l", "l")]
    index = RunOutputs()
    index.add([(b"c" * 40, data)])
    assert index.has_directories({b"c" * 40})
    assert not index.has_directories({b"d" * 40})


@pytest.mark.parametrize("change", [b"", b"junk", b"repro-outputs 1 0\n@", b"repro-outputs 2 00000000\n"])
def test_what_is_damaged_counts_as_nothing(change: bytes) -> None:
    assert RunOutputs(change).known() == set()


def test_the_record_that_is_used_here_is_one() -> None:
    assert isinstance(parse_manifest(render_manifest(COMPLETE), "x"), Manifest)
