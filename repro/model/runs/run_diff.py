"""What changed between two runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from repro.model.canonical import canonical_json
from repro.model.data.content import Content
from repro.model.data.content_record import content_to_plain
from repro.model.dataclass import dataclass
from repro.model.environments.edited_file import compare_edited, compare_totals, total_in_words
from repro.model.environments.environment import Environment
from repro.model.environments.environment_diff import compare, lock_digest
from repro.model.names import name_to_text
from repro.model.runs.manifest import Manifest
from repro.model.runs.recipe import Recipe
from repro.model.values import flatten


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs. `part` is `code`, `data`, `environment`, `command`, `parameters`, `variables`,
    `recipe` (fields of a later version), `metrics` or `outputs`; `before` and `after` are plain values, None where it
    is absent.
    """

    part: str
    name: str
    before: Any
    after: Any


def diff_runs(one: Manifest, two: Manifest) -> tuple[Difference, ...]:
    """Return the differences of facts between two runs, by part; observations are not compared."""
    return tuple(_differences(one, two))


def _differences(one: Manifest, two: Manifest) -> Iterator[Difference]:
    a, b = one.recipe, two.recipe
    yield from _compare("command", {"command": list(a.command)}, {"command": list(b.command)})
    yield from _compare("command", {"directory": name_to_text(a.directory)}, {"directory": name_to_text(b.directory)})
    yield from _compare("code", {"tree": a.code}, {"tree": b.code})
    yield from _compare(
        "data",
        _inputs(a),
        _inputs(b),
    )
    yield from _environment(a.environment, b.environment)
    for file in compare_edited(one.edited, two.edited):
        yield Difference("environment", f"package {file.package}: {file.path}", file.before, file.after)
    totals = compare_totals(one.edited, two.edited)
    if totals:
        yield Difference("environment", "edited files", *map(total_in_words, totals))
    yield from _compare("parameters", dict(flatten(a.parameters)), dict(flatten(b.parameters)))
    yield from _compare("variables", _variables(one), _variables(two))
    yield from _compare("recipe", a.extra, b.extra)
    yield from _compare("metrics", dict(flatten(one.metrics)), dict(flatten(two.metrics)))
    yield from _compare(
        "outputs",
        {name_to_text(output.path): _plain(output.content) for output in one.outputs},
        {name_to_text(output.path): _plain(output.content) for output in two.outputs},
    )


def _compare(part: str, one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[Difference]:
    for name in sorted(one.keys() | two.keys()):
        before, after = one.get(name), two.get(name)
        # By canonical text: 1, 1.0 and true are three values, and a metric that is not a number is one.
        if (name in one) != (name in two) or canonical_json(before) != canonical_json(after):
            yield Difference(part, name, before, after)


def _inputs(recipe: Recipe) -> dict[str, str]:
    found = {name_to_text(item.path): _plain(item.content) for item in recipe.data}
    found |= {name_to_text(item.path): _plain(item.content) for item in recipe.outside}
    return found | {name_to_text(path) + "/": "directory" for path in recipe.folders}


def _plain(content: Content) -> str:
    plain = content_to_plain(content)
    return f"{plain['kind']} {plain.get('digest') or plain.get('target')}"


def _environment(one: Environment | None, two: Environment | None) -> Iterator[Difference]:
    part = "environment"
    if one is None or two is None:
        if one is not two:
            yield Difference(part, "kind", one.kind if one else None, two.kind if two else None)
        return
    found = compare(one, two)
    for change in found.base:
        yield Difference(part, change.name, change.before, change.after)
    for name, version in found.removed:
        yield Difference(part, f"package {name}", version, None)
    for name, version in found.added:
        yield Difference(part, f"package {name}", None, version)
    for change in (*found.changed, *found.sources):
        yield Difference(part, f"package {change.name}", change.before, change.after)
    if found.lock:
        yield Difference(part, "lock", lock_digest(one), lock_digest(two))


def _variables(manifest: Manifest) -> dict[str, Any]:
    recipe = manifest.recipe
    return {**recipe.variables, "umask": recipe.umask, "cpus": recipe.cpus}
