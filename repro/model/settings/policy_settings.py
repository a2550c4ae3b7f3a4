"""Reading `results`, `require` and `rules` of the settings."""

from __future__ import annotations

from typing import Any

from repro.model.path_patterns import PathPatterns, branch_pattern
from repro.model.settings.policy import DEFAULT_REMOTE, REBUILT, Rebuilt, Requirements, Rule
from repro.model.verdict import Verdict
from repro.model.yaml.positions import KeyPath
from repro.model.yaml.settings_reader import BadSettings, SettingsReader, dotted

REQUIREMENT_KEYS = (
    "manifest",
    "reachable",
    "locked",
    "untainted",
    "network",
    "pushed",
    "environment_pushed",
    "archived",
    "rebuilt",
)
_RULE_KEYS = ("paths", "branches", "require")
_VERDICTS = tuple(str(verdict) for verdict in REBUILT)


def read_patterns(reader: SettingsReader, mapping: dict[str, Any], at: KeyPath) -> tuple[str, ...]:
    """Return patterns of paths.

    Raises:
        BadSettings: one can match nothing.
    """
    return reader.texts(mapping, at, _path_pattern)


def read_rules(reader: SettingsReader, value: Any) -> tuple[Rule, ...]:
    """Return the rules.

    Raises:
        BadSettings: one has no meaning, or requires nothing.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise reader.bad(("rules",), "rules must be a list", "for example: rules: [{branches: [main], require: …}]")
    return tuple(_rule(reader, item, ("rules", index)) for index, item in enumerate(value))


def read_requirements(reader: SettingsReader, value: Any, at: KeyPath) -> Requirements:
    """Return what is required.

    Raises:
        BadSettings: a requirement is unknown, or cannot be had.
    """
    given = reader.mapping(value, at, REQUIREMENT_KEYS)
    if given.get("manifest", True) is not True:
        raise reader.bad((*at, "manifest"), "a manifest is always required", "`results` names what needs one")
    reader.word(given, (*at, "network"), ("none",))
    return Requirements(
        reachable=_flag(reader, given, (*at, "reachable")),
        locked=_flag(reader, given, (*at, "locked")),
        untainted=_flag(reader, given, (*at, "untainted")),
        no_network="network" in given and given["network"] is not None,
        pushed=_remotes(reader, given, (*at, "pushed")),
        environment_pushed=_remotes(reader, given, (*at, "environment_pushed")),
        archived=_remotes(reader, given, (*at, "archived")),
        rebuilt=_rebuilt(reader, given.get("rebuilt"), (*at, "rebuilt")),
    )


def _rule(reader: SettingsReader, value: Any, at: KeyPath) -> Rule:
    rule = reader.mapping(value, at, _RULE_KEYS)
    if not rule.get("require"):
        raise reader.bad(
            at, f"{dotted(at)} requires nothing", "for example: {branches: [main], require: {locked: true}}"
        )
    for key in ("paths", "branches"):
        if key in rule and not rule[key]:  # a list that is empty by mistake would hold for everything
            raise reader.bad((*at, key), f"{dotted((*at, key))} is empty", "without it, the rule holds for all")
    return Rule(
        require=read_requirements(reader, rule["require"], (*at, "require")),
        paths=read_patterns(reader, rule, (*at, "paths")),
        branches=reader.texts(rule, (*at, "branches"), _branch_pattern),
    )


def _flag(reader: SettingsReader, given: dict[str, Any], at: KeyPath) -> bool:
    value = given.get(str(at[-1]))
    if value is not None and not isinstance(value, bool):
        raise reader.bad(at, f"{dotted(at)} must be true or false, not {value!r}")
    return bool(value)


def _remotes(reader: SettingsReader, given: dict[str, Any], at: KeyPath) -> frozenset[str]:
    value = given.get(str(at[-1]))
    if value is None or value is False:
        return frozenset()
    if value is True:
        return frozenset((DEFAULT_REMOTE,))
    if not isinstance(value, str) or not value:
        raise reader.bad(at, f"{dotted(at)} must be a remote's name, or true for the default remote, not {value!r}")
    return frozenset((value,))


def _rebuilt(reader: SettingsReader, value: Any, at: KeyPath) -> tuple[Rebuilt, ...]:
    if value is None or value is False:
        return ()
    given = {} if value is True else reader.mapping(value, at, ("verdict", "hosts"))
    verdict = reader.word(given, (*at, "verdict"), _VERDICTS) or Verdict.IDENTICAL
    hosts = given.get("hosts", 1)
    if isinstance(hosts, bool) or not isinstance(hosts, int) or hosts < 1:
        raise reader.bad((*at, "hosts"), f"{dotted(at)}.hosts must be a number of hosts, not {hosts!r}")
    return (Rebuilt(Verdict(verdict), hosts),)


def _path_pattern(text: str) -> str:
    try:
        PathPatterns((text,))
    except ValueError as error:
        raise BadSettings(str(error)) from None
    return text


def _branch_pattern(text: str) -> str:
    try:
        branch_pattern(text)
    except ValueError as error:
        raise BadSettings(str(error)) from None
    return text
