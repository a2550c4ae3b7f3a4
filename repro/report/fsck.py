"""How a check of the store or of a remote is shown."""

from __future__ import annotations

from collections.abc import Sequence

from repro.model.dataclass import dataclass
from repro.model.finding import Finding
from repro.model.packs.store_check import exit_code
from repro.model.watching.observations import finding_to_plain
from repro.report.terminal import amount, put, put_json, say, say_findings

_MANY = 50


@dataclass(frozen=True, slots=True)
class Place:
    """What was looked at: where, how many sound objects of how many bytes, and how many runs."""

    shown: str
    objects: int
    bytes: int
    runs: int


def show_checked(
    place: Place,
    findings: Sequence[Finding],
    information: Sequence[Finding],
    repaired: Sequence[Finding],
    *,
    as_json: bool,
) -> int:
    """Show what was found and return the exit code: 0, 1, or 4 for corrupt bytes."""
    if as_json:
        plain: dict[str, object] = {"place": place.shown, "objects": place.objects, "bytes": place.bytes}
        plain["runs"] = place.runs
        for name, found in (("findings", findings), ("information", information), ("repaired", repaired)):
            plain[name] = [finding_to_plain(finding) for finding in found]
        put_json(plain)
        return exit_code(findings)
    _say("repaired: ", repaired)
    _say("", information)
    _say("", findings)
    end = f"{len(findings)} finding{'s' * (len(findings) != 1)}" if findings else "all present and intact"
    mended = f"{len(repaired)} repaired, " if repaired else ""
    objects = f"{place.objects} object{'s' * (place.objects != 1)}, {amount(place.bytes)}"
    put(f"{place.shown}: {objects}, {place.runs} run{'s' * (place.runs != 1)}: {mended}{end}")
    return exit_code(findings)


def _say(prefix: str, findings: Sequence[Finding]) -> None:
    shown = findings[:_MANY]
    say_findings(Finding(prefix + one.kind, one.detail, one.path, one.run, one.hint) for one in shown)
    if len(findings) > _MANY:
        say(f"… and {len(findings) - _MANY} more (--json lists all)")
