"""How a rebuild's verdict and a verification are shown."""

from __future__ import annotations

from collections.abc import Sequence

from repro.model.data.content import Content
from repro.model.environments.outside_world import Outside
from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.runs.compare import ComparedOutput, is_reproduced
from repro.model.runs.rebuild_record import RebuildRecord, rebuild_to_plain
from repro.model.verdict import Verdict
from repro.model.watching.observations import finding_to_plain
from repro.model.watching.sandbox_kind import SandboxKind
from repro.report.terminal import put, put_json, say, say_findings, table

_SHOWN = 50


def show_rebuilt(record: RebuildRecord, started: bool, directory: str | None, corrupt: bool, *, as_json: bool) -> int:
    """Show a rebuild's outcome and return the exit code: 0, 1, or, where it was not started, 3, of wrong bytes 4."""
    code = 0 if is_reproduced(record.verdict) else 1 if started else 4 if corrupt else 3
    if as_json:
        plain = rebuild_to_plain(record)
        keys = ("run", "recipe", "verdict", "outputs", "environment", "duration_s", "exit_code", "findings")
        where = {"host": record.machine.host, "directory": directory, "sandbox": plain.get("sandbox")}
        put_json({key: plain[key] for key in keys} | where)
        return code
    say_findings(record.findings)
    rows = [(str(output.verdict), name_to_text(output.path), _difference(output)) for output in record.outputs]
    for line in table(rows[:_SHOWN]):
        put(line)
    if len(rows) > _SHOWN:
        put(f"… and {len(rows) - _SHOWN} more (--json lists all)")
    put(f"verdict: {record.verdict}")
    if record.sandbox is not None and record.sandbox.kind is not SandboxKind.BWRAP:
        say(f"not guaranteed: {'; '.join(record.sandbox.not_guaranteed)}")
    if directory is not None:
        say(f"the rebuild is in {directory}")
    if record.verdict is Verdict.UNBUILDABLE:
        say("nothing was started")
    return code


def show_verified(
    run: str, findings: Sequence[Finding], objects: int, corrupt: bool, outside: Outside | None, *, as_json: bool
) -> int:
    """Show what a verification found and return the exit code: 0, 1 for missing, 4 for corrupt."""
    code = 4 if corrupt else int(bool(findings))
    if as_json:
        plain = [finding_to_plain(one) for one in findings]
        put_json({"run": run, "findings": plain, "objects": objects, "outside": outside and outside.source})
        return code
    say_findings(findings)
    if outside is not None:
        say(f"a rebuild depends on {outside.source}: {outside.unarchived} is not archived (`repro env archive {run}`)")
    put(f"{run}: {objects} objects, " + ("all present and intact" if not findings else f"{len(findings)} findings"))
    return code


def _difference(output: ComparedOutput) -> str:
    if output.expected == output.found:
        return ""
    return f"expected {_shown(output.expected)}, found {_shown(output.found)}"


def _shown(content: Content | None) -> str:
    if content is None:
        return "nothing"
    if content.target is not None:
        return f"a link to {name_to_text(content.target)}"
    return f"{content.kind} {str(content.digest)[:15]}… of {content.size} B"
