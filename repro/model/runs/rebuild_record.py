"""The record of one rebuild: who rebuilt a run, where, with what outcome. See `docs/reference/format.md`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.model.data.content import Content
from repro.model.data.content_record import content_from_fields, content_to_plain
from repro.model.dataclass import dataclass, field
from repro.model.digest import Digest, digest_of, hex_of, parse_digest
from repro.model.finding import Finding
from repro.model.names import name_to_text, text_to_name
from repro.model.record import Fields
from repro.model.run_id import RunId, parse_run_id
from repro.model.runs.compare import ComparedOutput
from repro.model.verdict import Verdict
from repro.model.watching.observations import (
    Machine,
    finding_from_fields,
    finding_to_plain,
    machine_from_fields,
    machine_to_plain,
)
from repro.model.watching.sandbox import Guarantee
from repro.model.watching.sandbox_kind import SandboxKind
from repro.model.yaml.strict import dump_yaml, load_yaml

FORMAT = 1
_HEADER = "# A rebuild of a run as repro saw it.\n"


@dataclass(frozen=True, slots=True)
class RebuildRecord:
    """One rebuild.

    `environment` says in a line what it ran in; `sandbox` is None where nothing ran, or a repro without sandboxes
    wrote the record; `exit_code` is the command's; times are ISO 8601, UTC.
    """

    run: RunId
    recipe: Digest
    verdict: Verdict
    outputs: tuple[ComparedOutput, ...]
    environment: str
    machine: Machine
    repro: str
    started: str
    duration_s: float
    exit_code: int | None = None
    sandbox: Guarantee | None = None
    findings: tuple[Finding, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


def rebuild_to_plain(record: RebuildRecord) -> dict[str, Any]:
    """Return the record as plain values."""
    plain: dict[str, Any] = {
        "repro": FORMAT,
        "run": str(record.run),
        "recipe": str(record.recipe),
        "verdict": str(record.verdict),
        "outputs": [_output_to_plain(output) for output in record.outputs],
        "environment": record.environment,
        "started": record.started,
        "duration_s": record.duration_s,
        "exit_code": record.exit_code,
        "machine": machine_to_plain(record.machine),
        "version": record.repro,
        "findings": [finding_to_plain(finding) for finding in record.findings],
    }
    if record.sandbox is not None:
        plain["sandbox"] = guarantee_to_plain(record.sandbox)
    return plain | dict(record.extra)


def guarantee_to_plain(guarantee: Guarantee) -> dict[str, Any]:
    """Return in what a command ran as plain values."""
    return {"kind": str(guarantee.kind), "not_guaranteed": list(guarantee.not_guaranteed)}


def render_rebuild(record: RebuildRecord) -> bytes:
    """Return the record file's bytes."""
    return (_HEADER + dump_yaml(rebuild_to_plain(record))).encode()


def rebuild_file_name(record: RebuildRecord, data: bytes) -> str:
    """Return the record's file name: its time and the beginning of its digest, so that no two clash."""
    stamp = record.started.replace("-", "").replace(":", "").replace("T", "-").rstrip("Z")
    return f"{stamp}-{hex_of(digest_of(data))[:16]}.yaml"


def parse_rebuild(data: bytes, what: str) -> RebuildRecord:
    """Read a rebuild record, from here or from elsewhere.

    Raises:
        BadYaml, BadRecord: malformed.
        NewerFormat: written by a newer repro.
    """
    fields = Fields(load_yaml(data, what), what)
    fields.version(FORMAT)
    return RebuildRecord(
        run=fields.checked("run", parse_run_id),
        recipe=fields.checked("recipe", parse_digest),
        verdict=fields.checked("verdict", Verdict),
        outputs=fields.records("outputs", _output_from_fields),
        environment=fields.text("environment"),
        machine=machine_from_fields(fields.fields("machine")),
        repro=fields.text("version"),
        started=fields.text("started"),
        duration_s=fields.optional_number("duration_s") or 0.0,
        exit_code=fields.optional_integer("exit_code"),
        sandbox=_guarantee(fields),
        findings=fields.records("findings", finding_from_fields),
        extra=fields.rest(),
    )


def _output_to_plain(output: ComparedOutput) -> dict[str, Any]:
    return {
        "path": name_to_text(output.path),
        "verdict": str(output.verdict),
        "expected": content_to_plain(output.expected) if output.expected else None,
        "found": content_to_plain(output.found) if output.found else None,
    }


def _output_from_fields(fields: Fields) -> ComparedOutput:
    return ComparedOutput(
        fields.checked("path", text_to_name),
        fields.checked("verdict", Verdict),
        _content(fields, "expected"),
        _content(fields, "found"),
    )


def _guarantee(fields: Fields) -> Guarantee | None:
    inner = fields.optional_fields("sandbox")
    return Guarantee(inner.checked("kind", SandboxKind), inner.texts("not_guaranteed")) if inner else None


def _content(fields: Fields, key: str) -> Content | None:
    inner = fields.optional_fields(key)
    return content_from_fields(inner) if inner else None
