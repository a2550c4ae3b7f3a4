"""What no record can hold is refused before the command runs; what a terminal would obey is shown, not obeyed."""

from __future__ import annotations

import json
from dataclasses import replace

from repro.model.runs.manifest import parse_manifest, render_manifest
from tests.command_line import Person

CODES = "\x1b]0;owned\x07\x9b31m\u202e\r"


def _committed(ann: Person) -> None:
    ann.git("init", "--quiet")
    ann.git("commit", "--quiet", "--allow-empty", "--message", "begin")


def test_a_variable_that_is_not_text_is_named_and_nothing_runs(ann: Person) -> None:
    _committed(ann)
    done = ann.having(PYTHONPATH="/\udcff").repro("run", "--", "touch", "ran", expect=125)
    assert "PYTHONPATH" in done.stderr
    assert not (ann.cwd / "ran").exists()
    assert ann.runs() == []


def test_a_run_inside_repros_own_folder_is_refused_before_it_runs(ann: Person) -> None:
    _committed(ann)
    inside = ann.cwd / ".repro" / "x"
    inside.mkdir(parents=True)
    done = ann.at(inside).repro("run", "--", "touch", "ran", expect=125)
    assert ".repro" in done.stderr
    assert not (inside / "ran").exists()
    assert ann.runs() == []


def test_codes_for_a_terminal_in_a_record_are_shown_as_text(ann: Person) -> None:
    _committed(ann)
    ann.repro("run", "-n", "first", "--", "true")
    path = ann.cwd / ".repro" / "runs" / f"{ann.runs()[0]}.yaml"
    manifest = parse_manifest(path.read_bytes(), "m")
    changed = replace(
        manifest,
        code=replace(manifest.code, branch=f"b{CODES}"),
        observations=replace(manifest.observations, created=f"now{CODES}"),
        name=f"name{CODES}",
        message=f"message{CODES}",
        metrics={"m.json": {f"loss{CODES}": CODES}},
    )
    path.write_bytes(render_manifest(changed))
    for command in ("log", "show"):
        arguments = [command] if command == "log" else [command, "@last"]
        done = ann.repro(*arguments)
        assert "name\\x1b]0;owned\\x07\\x9b31m\\u202e" in done.stdout
        shown = ann.repro(*arguments, "--json").stdout
        assert json.loads(shown)
        for text in (done.stdout, done.stderr, shown):
            assert not set(CODES) & set(text) - set("0;ownedm31]")
