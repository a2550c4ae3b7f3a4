"""How runs are shown when they are frozen and sealed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from repro.model.data.content import Item
from repro.model.data.content_record import item_to_plain
from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.runs.compare import is_reproduced
from repro.model.runs.manifest import Manifest
from repro.model.runs.rebuild_record import RebuildRecord
from repro.model.runs.recipe import recipe_id
from repro.model.runs.run_state import State
from repro.model.runs.variation import Aspect
from repro.model.values import flatten
from repro.model.watching.observations import finding_to_plain
from repro.report.terminal import put, put_json, say, say_findings, say_some_findings


def say_frozen(manifest: Manifest) -> None:
    """Say that a run begins, and what there is to say before it does."""
    say_some_findings(manifest.observations.findings)
    say(f"run {manifest.run}")


def put_snapshot(manifest: Manifest, *, as_json: bool) -> None:
    """Print a snapshot's id."""
    if as_json:
        put_json(_head(manifest) | {"created": manifest.observations.created})
    else:
        put(manifest.run)


def say_sealed(manifest: Manifest, before: Sequence[Finding] = ()) -> None:
    """Say how a run ended, and what was found on top of what was said before it began."""
    say_some_findings(finding for finding in manifest.observations.findings if finding not in before)
    seen = manifest.observations
    ended = {State.COMPLETE: "complete", State.FAILED: "failed"}.get(manifest.state, str(manifest.state))
    if seen.signal:
        ended += f" ({seen.signal})"
    elif seen.exit_code:
        ended += f" (exit code {seen.exit_code})"
    count = len(manifest.outputs)
    text = f"run {manifest.run} {ended}{', tainted' if manifest.tainted else ''}: {count} output{'s' * (count != 1)}"
    shown = [name_to_text(output.path) for output in manifest.outputs[:5]]
    say(text + (f" ({', '.join(shown)}{', …' * (count > 5)})" if shown else ""))
    for name, value in list(flatten(manifest.metrics))[:10]:
        say(f"  {name} = {value}")


def say_repeated(record: RebuildRecord, started: bool, varied: Sequence[Aspect], depends_on: Sequence[Aspect]) -> None:
    """Say what a repetition gave: the same, or what differs and what makes it differ."""
    if not started:
        say_findings(record.findings)
        say("twice: it could not be repeated, for the reasons above")
        return
    if is_reproduced(record.verdict):
        say(f"twice: {record.verdict}, with another directory, {', '.join(varied)}")
        return
    say_findings(finding for finding in record.findings if finding.kind == "exit-code")
    differing = [name_to_text(output.path) for output in record.outputs if not is_reproduced(output.verdict)]
    say(f"twice: {record.verdict}: {', '.join(differing[:8]) or 'no output was compared'}")
    if depends_on:
        say(f"twice: it depends on {' and '.join(depends_on)}")
    else:
        say("twice: it differs with nothing varied: on the time, on random numbers without a seed, or on an order")


def put_sealed(manifest: Manifest) -> None:
    """Print a sealed run as JSON."""
    put_json(
        _head(manifest)
        | {
            "tainted": [name_to_text(path) for path in manifest.tainted],
            "outputs": [item_to_plain(Item(output.path, output.content)) for output in manifest.outputs],
            "findings": [finding_to_plain(finding) for finding in manifest.observations.findings],
        }
    )


def _head(manifest: Manifest) -> dict[str, Any]:
    return {"run": manifest.run, "recipe": recipe_id(manifest.recipe), "state": str(manifest.state)}
