"""Rules: what settings say, and what is required of a path on a branch."""

from __future__ import annotations

import pytest

from repro.model.settings.policy import Rebuilt, Requirements
from repro.model.settings.settings import BadSettings, Settings, merge_settings, parse_settings
from repro.model.verdict import Verdict


def settings(text: str) -> Settings:
    return parse_settings(text.encode(), "repro.yaml", committed=True)


RULES = """\
results: ["results/**", "!results/tmp/**"]
require: {reachable: true, network: none}
rules:
- {paths: ["results/final/**"], require: {locked: true, rebuilt: {verdict: close, hosts: 2}}}
- {branches: [main, "release/*"], require: {pushed: store, rebuilt: true, untainted: true, environment_pushed: true}}
"""


def test_the_strictest_of_all_rules_that_hold_is_required() -> None:
    policy = settings(RULES).policy
    everywhere = Requirements(reachable=True, no_network=True)
    assert policy.requirements(b"results/x", "feature/a") == everywhere
    assert policy.requirements(b"results/x", None) == everywhere
    final = policy.requirements(b"results/final/x", "release/1")
    assert final.locked
    assert final.untainted
    assert final.pushed == {"store"}
    assert final.environment_pushed == {""}
    assert final.rebuilt == (Rebuilt(Verdict.CLOSE, 2), Rebuilt(Verdict.IDENTICAL, 1))
    assert policy.is_result(b"results/x")
    assert not policy.is_result(b"results/tmp/x")
    assert policy.asks_for_branch


def test_other_settings_files_add_and_take_nothing_back() -> None:
    merged = merge_settings(
        settings('results: ["!results/**"]\nrequire: {reachable: false, locked: true}\n'), settings(RULES)
    )
    assert merged.policy.is_result(b"results/x")
    assert merged.require == Requirements(reachable=True, locked=True, no_network=True)
    assert len(merged.rules) == 2


@pytest.mark.parametrize(
    ("required", "verdict", "counts"),
    [
        ("identical", "identical", True),
        ("identical", "equivalent", False),
        ("close", "equivalent", True),
        ("close", "different", False),
        ("close", "undetermined", False),
        ("equivalent", "failed", False),
    ],
)
def test_a_rebuild_counts_if_its_verdict_is_as_good(required: str, verdict: str, counts: bool) -> None:
    assert Rebuilt(Verdict(required)).counts(Verdict(verdict)) is counts


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("results: results", 1, "must be a list"),
        ("results: [a, '[']", 1, "not closed"),
        ("require: {lock: true}", 1, "not a setting"),
        ("require: {locked: yes}", 1, "true or false"),
        ("require: {manifest: false}", 1, "always required"),
        ("require: {network: some}", 1, "not one of: none"),
        ("require: {pushed: 3}", 1, "a remote's name"),
        ("require: {rebuilt: {verdict: different}}", 1, "not one of: identical, equivalent, close"),
        ("require: {rebuilt: {hosts: 0}}", 1, "a number of hosts"),
        ("require: {rebuilt: {hosts: true}}", 1, "a number of hosts"),
        ("rules: {}", 1, "must be a list"),
        ("rules:\n- {paths: [a]}", 2, "requires nothing"),
        ("rules:\n- {paths: [], require: {locked: true}}", 2, "is empty"),
        ("rules:\n- {branches: ['a['], require: {locked: true}}", 2, "not closed"),
        ("rules:\n- a", 2, "names with values"),
    ],
)
def test_what_has_no_meaning_is_refused_by_line(text: str, line: int, problem: str) -> None:
    with pytest.raises(BadSettings) as caught:
        settings(text)
    assert f"line {line}" in caught.value.message
    assert problem in caught.value.message
