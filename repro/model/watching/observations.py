"""What was seen beside the facts: host, times, versions. Shown, never compared, never trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.model.dataclass import dataclass, field
from repro.model.finding import Finding
from repro.model.record import Fields
from repro.model.watching.place import Place, place_from_fields, place_to_plain
from repro.model.watching.watch_record import Watch, watch_from_fields, watch_to_plain


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and the account that a run or a rebuild was seen on.

    `system` is the kernel and its architecture, `processor` the model's name, `cpus` how many this process may use,
    `cpu_features` the instruction sets by which numerical libraries choose their code; empty where they are not known.
    """

    host: str
    user: str
    system: str
    processor: str | None
    cpus: int
    cpu_features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Observations:
    """Observations of one run.

    Attributes:
        repro: version of repro that wrote the record.
        created: time of the snapshot; started, finished: of the command. ISO 8601, UTC, to the second.
        duration_s: wall time of the command, in seconds.
        exit_code: of the command; None while open, or where something else executed it.
        signal: name of the signal that ended the command, `SIGKILL`.
        watched: by which means the run was watched: `strace`, `audit` or `none`.
        watch: what was seen by it; None where the run was not watched.
        environment: what is known of the environment beyond the recipe: `build`, `libc`, `executable` ...
        findings: what a reader should know.
        place: where the run stood.
    """

    repro: str
    created: str
    machine: Machine
    started: str | None = None
    finished: str | None = None
    duration_s: float | None = None
    exit_code: int | None = None
    signal: str | None = None
    watched: str = "none"
    watch: Watch | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    place: Place | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


def machine_to_plain(machine: Machine) -> dict[str, Any]:
    """Return the machine as plain values."""
    plain: dict[str, Any] = {"host": machine.host, "user": machine.user, "system": machine.system}
    plain |= {"processor": machine.processor, "cpus": machine.cpus}
    return plain | ({"cpu_features": list(machine.cpu_features)} if machine.cpu_features else {})


def machine_from_fields(fields: Fields) -> Machine:
    """Read a machine.

    Raises:
        BadRecord: a field is missing or of the wrong type.
    """
    return Machine(
        host=fields.text("host"),
        user=fields.text("user"),
        system=fields.text("system"),
        processor=fields.optional_text("processor"),
        cpus=fields.integer("cpus"),
        cpu_features=fields.texts("cpu_features"),
    )


def finding_to_plain(finding: Finding) -> dict[str, Any]:
    """Return the finding as plain values; what is absent is left out."""
    plain: dict[str, Any] = {"kind": finding.kind, "path": finding.path, "run": finding.run}
    plain |= {"detail": finding.detail, "hint": finding.hint}
    return {key: value for key, value in plain.items() if value is not None}


def finding_from_fields(fields: Fields) -> Finding:
    """Read a finding.

    Raises:
        BadRecord: a field is missing or of the wrong type.
    """
    return Finding(
        kind=fields.text("kind"),
        detail=fields.text("detail"),
        path=fields.optional_text("path"),
        run=fields.optional_text("run"),
        hint=fields.optional_text("hint"),
    )


def observations_to_plain(seen: Observations) -> dict[str, Any]:
    """Return the observations as plain values; what is not known is left out."""
    plain: dict[str, Any] = {
        "repro": seen.repro,
        "created": seen.created,
        "started": seen.started,
        "finished": seen.finished,
        "duration_s": seen.duration_s,
        "exit_code": seen.exit_code,
        "signal": seen.signal,
        "watched": seen.watched,
        "watch": watch_to_plain(seen.watch) if seen.watch else None,
        "machine": machine_to_plain(seen.machine),
        "place": place_to_plain(seen.place) if seen.place else None,
        "environment": dict(seen.environment) or None,
        "findings": [finding_to_plain(finding) for finding in seen.findings] or None,
    }
    return {key: value for key, value in plain.items() if value is not None} | dict(seen.extra)


def _watch(fields: Fields) -> Watch | None:
    found = fields.optional_fields("watch")
    return watch_from_fields(found) if found else None


def observations_from_fields(fields: Fields) -> Observations:
    """Read observations.

    Raises:
        BadRecord: a field is missing or of the wrong type.
    """
    place = fields.optional_fields("place")
    return Observations(
        repro=fields.text("repro"),
        created=fields.text("created"),
        machine=machine_from_fields(fields.fields("machine")),
        started=fields.optional_text("started"),
        finished=fields.optional_text("finished"),
        duration_s=fields.optional_number("duration_s"),
        exit_code=fields.optional_integer("exit_code"),
        signal=fields.optional_text("signal"),
        watched=fields.optional_text("watched") or "none",
        watch=_watch(fields),
        environment=fields.plain_map("environment"),
        findings=fields.records("findings", finding_from_fields),
        place=place_from_fields(place) if place else None,
        extra=fields.rest(),
    )
