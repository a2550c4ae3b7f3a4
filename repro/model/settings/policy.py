"""Rules: which files are results, and what is required of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from repro.model.dataclass import dataclass
from repro.model.path_patterns import PathPatterns, branch_pattern
from repro.model.verdict import Verdict

DEFAULT_REMOTE = ""
"""Stands for the default remote where a remote's name is expected: `pushed: true`."""

REBUILT = (Verdict.IDENTICAL, Verdict.EQUIVALENT, Verdict.CLOSE)
"""The verdicts that can be required, the best first."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """So many hosts must have rebuilt the run with this verdict or a better one."""

    verdict: Verdict = Verdict.IDENTICAL
    hosts: int = 1

    def counts(self, verdict: Verdict) -> bool:
        """Whether a rebuild with this verdict counts."""
        return verdict in REBUILT[: REBUILT.index(self.verdict) + 1]


@dataclass(frozen=True, slots=True)
class Requirements:
    """What is required of the run that made a result, beside that there is a manifest.

    `pushed`, `environment_pushed` and `archived` are names of remotes.
    """

    reachable: bool = False
    locked: bool = False
    untainted: bool = False
    no_network: bool = False
    pushed: frozenset[str] = frozenset()
    environment_pushed: frozenset[str] = frozenset()
    archived: frozenset[str] = frozenset()
    rebuilt: tuple[Rebuilt, ...] = ()


NOTHING = Requirements()
"""Nothing beside a manifest."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Further requirements; no paths are all results, no branches are all branches."""

    require: Requirements
    paths: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    """All that the settings say of results; `results` has the patterns of each settings file apart."""

    results: tuple[tuple[str, ...], ...]
    require: Requirements
    rules: tuple[Rule, ...]

    @cached_property
    def _patterns(self) -> tuple[PathPatterns, ...]:
        return tuple(PathPatterns(texts) for texts in self.results)

    def is_result(self, path: bytes, *, is_directory: bool = False) -> bool:
        """Whether the file or directory at `path` is a result, or in one."""
        return any(patterns.matches(path, is_directory=is_directory) for patterns in self._patterns)

    def may_hold_results(self, directory: bytes) -> bool:
        """Whether something in a directory may be a result."""
        return any(patterns.may_match_below(directory) for patterns in self._patterns)

    @cached_property
    def _rules(self) -> tuple[tuple[Rule, PathPatterns], ...]:
        return tuple((rule, PathPatterns(rule.paths)) for rule in self.rules)

    def requirements(self, path: bytes, branch: str | None) -> Requirements:
        """Return what is required of the result at `path` on `branch`; None is "not known"."""
        found = [self.require]
        for rule, paths in self._rules:
            if (not paths or paths.matches(path)) and _holds_on(rule, branch):
                found.append(rule.require)
        return strictest(found)

    @property
    def asks_for_branch(self) -> bool:
        """Whether some rule holds on some branches only."""
        return any(rule.branches for rule in self.rules)

    def has_rules_of(self, branch: str) -> bool:
        """Whether some rule holds on this branch and not on all."""
        return any(rule.branches and _holds_on(rule, branch) for rule in self.rules)


def strictest(found: Sequence[Requirements]) -> Requirements:
    """Return all of these requirements together."""
    return Requirements(
        reachable=any(one.reachable for one in found),
        locked=any(one.locked for one in found),
        untainted=any(one.untainted for one in found),
        no_network=any(one.no_network for one in found),
        pushed=frozenset().union(*(one.pushed for one in found)),
        environment_pushed=frozenset().union(*(one.environment_pushed for one in found)),
        archived=frozenset().union(*(one.archived for one in found)),
        rebuilt=tuple(dict.fromkeys(rebuilt for one in found for rebuilt in one.rebuilt)),
    )


def _holds_on(rule: Rule, branch: str | None) -> bool:
    if not rule.branches:
        return True
    if branch is None:
        return False
    name = branch.encode("utf-8", "surrogateescape")
    return any(branch_pattern(text).fullmatch(name) for text in rule.branches)
