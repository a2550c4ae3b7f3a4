"""docs/reference against the code: what one names, the other has."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

import repro
from repro.cli.main import COMMANDS, SUMMARIES
from repro.cli.main import repro as top
from repro.errors import ReproError
from repro.model.environments.environment_settings import ENVIRONMENT_KEYS
from repro.model.settings.settings import KEYS, Settings

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


@cache
def sections() -> dict[str, str]:
    """The part of cli.md about each command, by the command's words: `remote add`."""
    parts = re.split(r"^## ", page("cli.md"), flags=re.MULTILINE)[1:]
    found = {}
    for part in parts:
        heading, _, text = part.partition("\n")
        words = re.match(r"repro((?: [a-z]+(?:-[a-z]+)*)+)", heading)
        if words:
            found[words[1].strip()] = heading + "\n" + text
    return found


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


ALL = dict(commands(top))


def options_of(command: click.Command) -> set[str]:
    return {name for p in command.params if isinstance(p, click.Option) for name in (*p.opts, *p.secondary_opts)}


def documented_options(text: str) -> set[str]:
    rows = re.findall(r"^\| (`-.*?) \|", text, re.MULTILINE)
    return {word for row in rows for word in re.findall(r"(?<![\w-])--?[A-Za-z][\w-]*", row)}


def test_every_command_is_documented_and_every_documented_one_exists() -> None:
    assert set(sections()) == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_the_options_of_a_command_are_those_of_the_reference(name: str) -> None:
    assert documented_options(sections()[name]) == options_of(ALL[name])


def test_the_global_options_are_those_of_the_reference() -> None:
    text = page("cli.md").split("## Options of `repro` itself")[1].split("\n## ")[0]
    assert documented_options(text) - {"--help"} == options_of(top)


@pytest.mark.parametrize("name", ALL)
def test_the_heading_names_the_arguments(name: str) -> None:
    heading = sections()[name].splitlines()[0]
    for parameter in ALL[name].params:
        if isinstance(parameter, click.Argument):
            word = re.sub(r"[^A-Z]", "", (parameter.metavar or str(parameter.name)).upper())
            assert word in heading


@pytest.mark.parametrize("name", ["", *ALL])
def test_every_help_has_an_example_that_calls_the_command(name: str) -> None:
    command = ALL[name] if name else top
    text = command.get_help(click.Context(command, info_name=f"repro {name}".strip()))
    example = text.split("Example:")[1]
    assert f"repro {name}".strip() in example


@pytest.mark.parametrize("name", ALL)
def test_every_option_has_a_help_text(name: str) -> None:
    silent = [p.opts for p in ALL[name].params if isinstance(p, click.Option) and not p.help]
    assert silent == []


def test_every_command_has_a_summary_in_the_list() -> None:
    assert set(SUMMARIES) == set(COMMANDS)


def test_what_reports_has_json() -> None:
    without = {name for name, command in ALL.items() if "--json" not in options_of(command)}
    # These report nothing: they write settings, print a script, or give stdout to the command.
    by_git = {"hooks run", "merge-pointer"}
    assert without - by_git == {"init", "run", "remote add", "remote key", "remote remove", "completion"}


def error_classes() -> set[type[ReproError]]:
    for module in pkgutil.walk_packages(repro.__path__, "repro."):
        if module.name not in ("repro.__main__", "repro.env.pip.probe_script"):  # these two are run, not imported
            importlib.import_module(module.name)
    found: set[type[ReproError]] = set()
    waiting: list[type[ReproError]] = [ReproError]
    while waiting:
        kind = waiting.pop()
        found.add(kind)
        waiting += kind.__subclasses__()
    return {kind for kind in found if kind.__module__.startswith("repro.")}


def documented_ids() -> dict[str, int]:
    text = page("exit-codes.md").split("## Error ids")[1]
    found: dict[str, int] = {}
    for names, code in re.findall(r"^\| (`.*?) \| (\d+) \|", text, re.MULTILINE):
        for name in re.findall(r"`([a-z-]+)`", names):
            assert name not in found, f"{name} is there twice"
            found[name] = int(code)
    return found


def test_every_error_id_is_documented_with_its_exit_code() -> None:
    ids: dict[str, int] = {"bug": 70, "interrupted": 130}
    for kind in error_classes():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.id)
        assert ids.setdefault(kind.id, kind.exit_code) == kind.exit_code, f"{kind.id} has two exit codes"
    documented = documented_ids()
    assert {name: code for name, code in ids.items() if documented.get(name) != code} == {}
    assert set(documented) - set(ids) == set()


def test_every_error_says_what_it_is() -> None:
    assert [kind.__name__ for kind in error_classes() if not (kind.__doc__ or "").strip()] == []


def test_every_exit_code_is_documented() -> None:
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", page("exit-codes.md"), re.MULTILINE)}
    from repro.cli.outcome import BUG, INTERRUPTED, RUN_FAILED
    from repro.cli.streams import BROKEN_PIPE

    codes = {kind.exit_code for kind in error_classes()} | {0, BUG, INTERRUPTED, RUN_FAILED, 126, 127, BROKEN_PIPE}
    assert documented == codes


def test_every_setting_is_documented_and_every_documented_one_is_known() -> None:
    within_remotes = {"encryption"}
    assert set(KEYS) | within_remotes == {field.name for field in dataclasses.fields(Settings)}
    rows = re.findall(r"^\| `([a-z_.]+)` \|", page("settings.md"), re.MULTILINE)
    known = {key for key in KEYS if key != "environment"} | {f"environment.{key}" for key in ENVIRONMENT_KEYS}
    assert set(rows) == known


def test_every_variable_that_the_code_reads_or_sets_is_documented() -> None:
    text = page("cli.md").split("## Environment variables")[1]
    documented = set(re.findall(r"`((?:REPRO|NO)_[A-Z_]+)", text))
    root = Path(repro.__file__).parent
    named = {
        word
        for path in root.rglob("*.py")
        for word in re.findall(r'"(REPRO_[A-Z_]+)"', path.read_text(encoding="utf-8"))
    }
    assert named <= documented
