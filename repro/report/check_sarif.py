"""Findings as SARIF 2.1.0, the OASIS standard for what analysers find."""

from __future__ import annotations

import json
from collections.abc import Sequence
from urllib.parse import quote

from repro import __version__
from repro.model.finding import Finding
from repro.report.check_formats import fingerprint

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_MEANINGS = {
    "no-manifest": "No run is recorded that made the result.",
    "result-changed": "A run made the result, and with other bytes.",
    "line-ends-changed": "Git has the result with other line endings than the run gave it.",
    "manifest-not-committed": "The manifest of the run is not in git.",
    "bad-manifest": "A manifest was edited, or cannot be read.",
    "newer-format": "A record was written by a newer repro.",
    "bad-pointer": "A pointer file cannot be read.",
    "run-failed": "The run that made the result failed.",
    "unreachable": "The code of the run is not in the history.",
    "not-locked": "The environment of the run is not pinned by content.",
    "tainted": "Code or inputs changed while the run ran.",
    "network-used": "The run used the network.",
    "network-not-known": "Whether the run used the network is not known.",
    "not-pushed": "A remote does not have the run.",
    "missing-on-remote": "A remote lacks objects of the run.",
    "manifest-mismatch": "A remote has another manifest of the run.",
    "not-archived": "A remote lacks the archive of the run's environment.",
    "environment-not-pushed": "A remote lacks the environment of the run.",
    "not-rebuilt": "Too few hosts have rebuilt the run.",
    "could-not-tell": "What a rule asks for could not be found out.",
}
"""By kind of finding, as in `docs/reference/cli.md`."""


def sarif_log(results: Sequence[str], findings: Sequence[Finding]) -> str:
    """Return a log of one run of the analyser `repro`."""
    rules = sorted({finding.kind for finding in findings})
    driver = {
        "name": "repro",
        "semanticVersion": __version__,
        "rules": [{"id": kind, "shortDescription": {"text": _MEANINGS[kind]}} for kind in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, rules.index(finding.kind)) for finding in findings],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2)


def _result(finding: Finding, rule: int) -> dict[str, object]:
    text = finding.detail + (f"\nhint: {finding.hint}" if finding.hint else "")
    found: dict[str, object] = {
        "ruleId": finding.kind,
        "ruleIndex": rule,
        "level": "error",
        "message": {"text": text},
        "partialFingerprints": {"repro/v1": fingerprint(finding)},
    }
    if finding.path:
        place = {"artifactLocation": {"uri": quote(finding.path)}, "region": {"startLine": 1}}
        found["locations"] = [{"physicalLocation": place}]
    return found
