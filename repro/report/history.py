"""How runs are listed, shown and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from repro.model.data.content import Content, ObjectRef
from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.runs.manifest import Manifest, render_manifest
from repro.model.runs.pieces import pieces_of
from repro.model.runs.rebuild_record import RebuildRecord, rebuild_to_plain
from repro.model.runs.recipe import recipe_id
from repro.model.runs.run_diff import Difference
from repro.model.values import flatten
from repro.model.watching.observations import finding_to_plain
from repro.model.yaml.strict import load_yaml
from repro.report.run_view import run_lines
from repro.report.terminal import amount, put, put_json, say, say_findings, table


def show_log(
    runs: Sequence[tuple[Manifest, Sequence[RebuildRecord]]],
    left_out: int,
    unread: Sequence[Finding],
    *,
    as_json: bool,
) -> None:
    """List runs, the newest first, and say which cannot be read."""
    if as_json:
        listed = [_log_to_plain(manifest, rebuilds) for manifest, rebuilds in runs]
        put_json({"runs": listed, "findings": [finding_to_plain(finding) for finding in unread]})
        return
    rows = []
    for manifest, rebuilds in runs:
        state = str(manifest.state) + (", tainted" if manifest.tainted else "")
        command = " ".join(manifest.recipe.command)
        rows.append((manifest.run, manifest.name or "", state, _verdicts(rebuilds), _metrics(manifest), command[:60]))
    for line in table(rows):
        put(line)
    say_findings(unread)
    if not runs and not unread:
        say("no runs yet: `repro run -- COMMAND` records one")
    if left_out:
        say(f"{left_out} older run{'s' * (left_out != 1)} not shown (--limit 0 shows all)")


def show_run(manifest: Manifest, rebuilds: Sequence[RebuildRecord], *, as_json: bool) -> None:
    """Show one run: for a person what matters of it, for a program all of its manifest and its rebuilds."""
    if as_json:
        plain = load_yaml(render_manifest(manifest), "manifest")
        put_json(plain | {"rebuilds": [rebuild_to_plain(record) for record in rebuilds]})
        return
    for line in run_lines(manifest, rebuilds):
        put(line)


def show_objects(manifest: Manifest, *, as_json: bool) -> None:
    """List the objects that a run names; those of a directory hang on its tree."""
    rows = [(piece.part, piece.path, *_digest_and_size(piece.root)) for piece in pieces_of(manifest)]
    if as_json:
        put_json({"objects": [dict(zip(("part", "path", "digest", "size"), row, strict=True)) for row in rows]})
        return
    for line in table([(part, digest, amount(size), path) for part, path, digest, size in rows]):
        put(line)


def show_differences(one: Manifest, two: Manifest, differences: Sequence[Difference], *, as_json: bool) -> int:
    """Show what changed between two runs; return the exit code."""
    if as_json:
        listed = [{"part": d.part, "name": d.name, "before": d.before, "after": d.after} for d in differences]
        put_json({"runs": [one.run, two.run], "differences": listed})
        return int(bool(differences))
    part = ""
    for difference in differences:
        if difference.part != part:
            part = difference.part
            put(f"{part}:")
        put(f"  {difference.name}: {_shown(difference.before)} -> {_shown(difference.after)}")
    if not differences:
        say(f"{one.run} and {two.run} have the same recipe and outputs")
    elif any(difference.part == "code" for difference in differences):
        say("`repro diff -u` shows the code's change")
    return int(bool(differences))


def show_patch(text: str) -> None:
    """Print a patch."""
    put(text.rstrip("\n"), raw=True)


def _log_to_plain(manifest: Manifest, rebuilds: Sequence[RebuildRecord]) -> dict[str, Any]:
    return {
        "run": manifest.run,
        "recipe": recipe_id(manifest.recipe),
        "name": manifest.name,
        "message": manifest.message,
        "state": str(manifest.state),
        "tainted": [name_to_text(path) for path in manifest.tainted],
        "created": manifest.observations.created,
        "command": list(manifest.recipe.command),
        "metrics": dict(manifest.metrics),
        "verdicts": [str(record.verdict) for record in rebuilds],
    }


def _verdicts(rebuilds: Iterable[RebuildRecord]) -> str:
    counted = Counter(str(record.verdict) for record in rebuilds)
    return ", ".join(f"{count} {verdict}" for verdict, count in counted.items())


def _metrics(manifest: Manifest) -> str:
    values = [item for file in manifest.metrics.values() for item in _flat(file)]
    return " ".join(f"{name}={_number(value)}" for name, value in values[:4])


def _flat(file: Any) -> Iterable[tuple[str, Any]]:
    return flatten(file) if isinstance(file, dict) else ()


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _shown(value: Any) -> str:
    text = "(none)" if value is None else str(value)
    return text if len(text) <= 90 else text[:87] + "…"


def _digest_and_size(root: Content | ObjectRef) -> tuple[str, int]:
    return str(root.digest), root.size
