"""Inputs from outside the project in a rebuild, where this machine does not have them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from repro.model.data.content import Content, Kind
from repro.model.runs.manifest import parse_manifest, render_manifest
from repro.model.runs.outside import OutsideItem
from repro.store.cache.cache import Cache
from tests.command_line import Person

SCRIPT = """\
import os, pathlib
if "REPRO_RUN_ID" in os.environ and pathlib.Path({path!r}).exists():
    text = pathlib.Path({path!r}).read_text() + pathlib.Path("~/.deep/settings").expanduser().read_text()
else:
    text = "absent"
pathlib.Path("made").write_text(text)
"""


@pytest.fixture
def run(ann: Person, tmp_path: Path) -> str:
    """A manifest of a run that read one file elsewhere and one at home; both are gone."""
    elsewhere = tmp_path / "elsewhere" / "file"
    elsewhere.parent.mkdir()
    elsewhere.write_text("one")
    (ann.home / ".deep").mkdir()
    (ann.home / ".deep" / "settings").write_text("two")
    ann.git("init", "--quiet")
    ann.write("repro.yaml", "watch: off\n")
    ann.write("job.py", SCRIPT.format(path=str(elsewhere)))
    ann.repro("run", "-o", "made", "--", "python", "job.py")
    elsewhere.unlink()
    (ann.home / ".deep" / "settings").unlink()
    manifest = parse_manifest((ann.cwd / ".repro" / "runs" / f"{ann.runs()[-1]}.yaml").read_bytes(), "manifest")
    cache = Cache(str(ann.home / ".local" / "share" / "repro"))
    items = []
    for path, text in ((str(elsewhere), b"one"), ("~/.deep/settings", b"two")):
        ref = cache.add_bytes(text)
        items.append(OutsideItem(path.encode(), Content(Kind.FILE, ref.size, digest=ref.digest)))
    cache.flush()
    changed = replace(manifest, recipe=replace(manifest.recipe, outside=tuple(items)))
    (ann.cwd / "changed.yaml").write_bytes(render_manifest(changed))
    return "changed.yaml"


def test_bubblewrap_puts_them_at_their_paths(ann: Person, run: str) -> None:
    assert ann.repro_json("rebuild", run, "--sandbox", "bwrap")["verdict"] == "identical"


@pytest.mark.parametrize("kind", ["landlock", "none"])
def test_the_others_say_that_they_cannot(ann: Person, run: str, kind: str) -> None:
    answer = json.loads(ann.repro("rebuild", run, "--sandbox", kind, "--json", expect=1).stdout)
    assert answer["verdict"] == "different"
    assert [one["path"].rsplit("/", 1)[1] for one in answer["findings"] if one["kind"] == "input-not-placed"] == [
        "file"
    ]
