"""How a gc is shown."""

from __future__ import annotations

from collections.abc import Sequence

from repro.model.packs.gc_plan import Garbage
from repro.model.watching.observations import finding_to_plain
from repro.report.terminal import amount, put, put_json, say_findings


def show_collected(place: str, found: Garbage, projects: Sequence[str], *, deleted: bool, as_json: bool) -> None:
    """Show what is needed, what is garbage, and what became of it."""
    if as_json:
        put_json(
            {
                "place": place,
                "needed_objects": found.needed_objects,
                "needed_bytes": found.needed_bytes,
                "garbage_bytes": found.garbage_bytes,
                "deletable_bytes": found.deletable_bytes,
                "deleted_bytes": found.deleted_bytes,
                "condemned_bytes": found.condemned_bytes,
                "projects": list(projects),
                "findings": [finding_to_plain(finding) for finding in found.findings],
            }
        )
        return
    say_findings(found.findings)
    count = f"{len(projects)} project{'s' * (len(projects) != 1)}"
    objects = f"{found.needed_objects} object{'s' * (found.needed_objects != 1)}"
    put(f"{place}: {amount(found.needed_bytes)} needed ({objects}; {count})")
    young = found.garbage_bytes - found.deletable_bytes
    stays = f", of which {amount(young)} are too young to go" if young else ""
    put(f"garbage: {amount(found.garbage_bytes)}{stays}")
    if found.condemned_bytes:
        put(f"condemned: {amount(found.condemned_bytes)}; `repro gc --delete` deletes it a grace period later")
    if deleted:
        put(f"deleted: {amount(found.deleted_bytes)}")
    elif found.deletable_bytes:
        put(f"`repro gc --delete` deletes {amount(found.deletable_bytes)}")
