"""Findings as GitHub, GitLab and readers of JUnit's XML take them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from repro.model.digest import digest_of
from repro.model.finding import Finding
from repro.model.pattern import pattern

# Characters that XML 1.0 cannot hold in any way.
_NOT_XML = pattern("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def github_annotations(results: Sequence[str], findings: Sequence[Finding]) -> str:
    """Return workflow commands, one line for each finding: GitHub shows them beside the files.

    Source: GitHub's documentation, "Workflow commands"; what is escaped is as in actions/toolkit, `command.ts`.
    """
    lines = []
    for finding in findings:
        where = f"file={_property(finding.path)},line=1," if finding.path else ""
        lines.append(f"::error {where}title={_property('repro: ' + finding.kind)}::{_data(_whole(finding))}\n")
    return "".join(lines)


def gitlab_report(results: Sequence[str], findings: Sequence[Finding]) -> str:
    """Return a code quality report. Source: GitLab's documentation, "Code Quality report format"."""
    items = [
        {
            "description": _whole(finding),
            "check_name": finding.kind,
            "fingerprint": fingerprint(finding),
            "severity": "major",
            "location": {"path": finding.path or ".", "lines": {"begin": 1}},
        }
        for finding in findings
    ]
    return json.dumps(items, ensure_ascii=False, indent=2)


def junit_report(results: Sequence[str], findings: Sequence[Finding]) -> str:
    """Return a test suite in JUnit's XML: each result is a test, and what else is found one too."""
    places = dict.fromkeys([*results, *(finding.path or "repro" for finding in findings)])
    cases = []
    for place in places:
        failures = [
            f'      <failure type="{_xml(one.kind)}" message="{_xml(one.detail)}">{_xml(_whole(one))}</failure>\n'
            for one in findings
            if (one.path or "repro") == place
        ]
        inner = "\n" + "".join(failures) + "    " if failures else ""
        cases.append(f'    <testcase classname="repro check" name="{_xml(place)}">{inner}</testcase>\n')
    failed = len({finding.path or "repro" for finding in findings})
    counts = f'tests="{len(places)}" failures="{failed}"'
    suite = f'  <testsuite name="repro check" {counts} errors="0">\n{"".join(cases)}  </testsuite>\n'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites {counts}>\n{suite}</testsuites>\n'


def fingerprint(finding: Finding) -> str:
    """Return what tells a finding from others, and stays when its words change."""
    return digest_of("\0".join((finding.kind, finding.path or "", finding.run or "")).encode())[3:35]


def _whole(finding: Finding) -> str:
    return finding.detail + (f"\nhint: {finding.hint}" if finding.hint else "")


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _xml(text: str) -> str:
    kept = _NOT_XML.sub("\ufffd", text)
    kept = kept.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return kept.replace('"', "&quot;")
