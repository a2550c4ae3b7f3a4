"""How a check of results is shown: as text, as JSON, or in the formats of those who show it beside the code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from repro.model.finding import Finding
from repro.model.watching.observations import finding_to_plain
from repro.report.terminal import put, put_json, say, say_findings

FORMATS = ("text", "json", "github", "gitlab", "junit", "sarif")


def show_checked(
    results: Sequence[str], findings: Sequence[Finding], *, has_rules: bool, left_out: bool, form: str
) -> int:
    """Show what was found and return the exit code: 1 if there is anything.

    Args:
        results: the files that were checked.
        findings: what is wrong.
        has_rules: whether the settings name any results.
        left_out: whether rules were left out because no branch is known.
        form: one of `FORMATS`.
    """
    if left_out:
        say("no branch is known here, so rules for branches were left out: --branch says whose hold")
    if form == "json":
        put_json({"results": list(results), "findings": [finding_to_plain(finding) for finding in findings]})
    elif form != "text":
        text = _written(form)(results, findings)
        if text:
            put(text.rstrip("\n"))
    else:
        say_findings(findings)
        put(_summary(len(results), len(findings), has_rules))
    return int(bool(findings))


def _summary(results: int, findings: int, has_rules: bool) -> str:
    if not has_rules:
        return "nothing to check: `results` in repro.yaml names no files"
    checked = f"{results} result{'s' * (results != 1)} checked"
    return f"{checked}, {findings} finding{'s' * (findings != 1)}" if findings else f"{checked}, all accounted for"


def _written(form: str) -> Callable[[Sequence[str], Sequence[Finding]], str]:
    """Return who writes a form. They are imported here, as a hook shows text, and must be quick."""
    if form == "sarif":
        from repro.report.check_sarif import sarif_log

        return sarif_log
    from repro.report import check_formats

    writers = {
        "github": check_formats.github_annotations,
        "gitlab": check_formats.gitlab_report,
        "junit": check_formats.junit_report,
    }
    return writers[form]
