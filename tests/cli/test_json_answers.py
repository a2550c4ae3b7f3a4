"""What `--json` prints, against the keys that docs/reference/cli.md names: scripts rest on them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import Person

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"


def documented(command: str) -> dict[str, Any]:
    """Return the skeleton that the reference shows for a command: keys, and in lists one element."""
    text = re.split(rf"## repro {command}(?![a-z])", PAGE.read_text(encoding="utf-8"), maxsplit=1)[1].split("\n## ")[0]
    found = re.search(r"^\| `--json` \| prints `(\{.*?\})`", text, re.MULTILINE)
    assert found, f"{command}: the reference shows no JSON"
    skeleton = re.sub(r'"(\w+)"(?!\s*:)', r'"\1": null', found[1]).replace("…", "null").replace("[A, B]", "[]")
    answer: dict[str, Any] = json.loads(skeleton)
    return answer


def has_the_keys_of(answer: Any, skeleton: Any, at: str) -> None:
    if not isinstance(skeleton, dict):
        return
    # Of a finding, what is absent is left out.
    if at.endswith("findings[]"):
        assert set(answer) <= set(skeleton) | {"kind", "path", "run", "detail", "hint"}, at
        assert {"kind", "detail"} <= set(answer), at
        return
    assert set(answer) == set(skeleton), at
    for key, inner in skeleton.items():
        if isinstance(inner, list) and inner and inner[0] is not None:
            assert answer[key], f"{at}.{key} is empty: the test shows nothing"
            for element in answer[key]:
                has_the_keys_of(element, inner[0], f"{at}.{key}[]")
        else:
            has_the_keys_of(answer[key], inner, f"{at}.{key}")


@pytest.fixture
def called(project: Person, tmp_path: Path) -> dict[str, Any]:
    """The answers of a day's work, by command."""
    remote = str(tmp_path / "remote")
    project.repro("remote", "add", "store", remote)
    project.repro("run", "-n", "first", "--", "python", "train.py")
    answers = {"add": project.repro_json("add", "data")}
    answers["snapshot"] = json.loads(project.repro("snapshot", "-o", "nothing", "--json", "--", "true").stdout)
    answers["status"] = project.repro_json("status")
    project.write("made.txt", "1")
    answers["seal"] = project.repro_json("seal", "@last", "-o", "made.txt", expect=1)
    answers["log"] = project.repro_json("log")
    answers["push"] = project.repro_json("push")
    answers["fetch"] = project.repro_json("fetch", "first")
    answers["diff"] = project.repro_json("diff", "first", "@last", expect=1)
    answers["verify"] = project.repro_json("verify", "first")
    answers["fsck"] = project.repro_json("fsck")
    answers["gc"] = project.repro_json("gc")
    answers["check"] = project.repro_json("check")
    answers["hooks install"] = project.repro_json("hooks", "install")
    answers["hooks status"] = project.repro_json("hooks", "status")
    answers["hooks uninstall"] = project.repro_json("hooks", "uninstall")
    answers["rebuild"] = project.repro_json("rebuild", "first")
    answers["show"] = project.repro_json("show", "first")
    answers["remote list"] = project.repro_json("remote", "list")
    answers["env show"] = project.repro_json("env", "show", "first")
    answers["env lock"] = project.repro_json("env", "lock")
    answers["env create"] = project.repro_json("env", "create", "first")
    answers["env check"] = project.repro_json("env", "check", "first")
    answers["env diff"] = project.repro_json("env", "diff", "first")
    answers["env archive"] = project.repro_json("env", "archive", "first")
    # Nothing is installed here; tests/elsewhere/test_archived_environment.py looks at an archive that has files.
    answers["env archive"]["runs"][0]["files"] = [{"name": "any", "sha256": "any", "size": 1}]
    (project.cwd / "data" / "numbers.csv").unlink()
    answers["checkout"] = project.repro_json("checkout", "--force")
    answers["pull"] = project.repro_json("pull")
    return answers


def test_every_answer_has_the_documented_keys_and_every_command_that_has_one_is_asked(
    called: dict[str, Any], project: Person
) -> None:
    (project.cwd / ".repro" / "runs" / "20991231-235959-aaaaaaaa.yaml").write_text("repro: 99\n")
    called["log"]["findings"] = project.repro_json("log", expect=3)["findings"]
    empty = dict.fromkeys(("verify", "rebuild", "fsck", "gc", "check", "env check"), "findings")
    for command, answer in called.items():
        if command == "show":
            assert {"run", "facts", "observations", "rebuilds"} <= set(answer)
            continue
        skeleton = documented(command)
        if command in empty and not answer[empty[command]]:
            answer[empty[command]] = [{"kind": "any", "detail": "any"}]
        has_the_keys_of(answer, skeleton, command)
    assert (called["diff"]["runs"][0], called["log"]["runs"][1]["name"]) == (called["fetch"]["runs"][0], "first")
    assert set(called) == commands_with_json()


def commands_with_json() -> set[str]:
    parts = re.split(r"^## repro ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    named = (re.match(r"[a-z]+(?: [a-z]+)*", part) for part in parts if "`--json`" in part)
    return {match[0] for match in named if match}
