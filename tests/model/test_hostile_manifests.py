"""Manifests from somebody who means harm, or who edited by hand: each is refused, and the message names the field."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import Any

import pytest

from repro.errors import CannotProceed, IntegrityError
from repro.model.canonical import canonical_digest
from repro.model.environments.environment_record import UnknownEnvironmentKind
from repro.model.record import BadRecord, NewerFormat
from repro.model.runs.manifest import parse_manifest, render_manifest
from repro.model.yaml.strict import MAX_BYTES, BadYaml, dump_yaml, load_yaml
from tests.model.some_records import COMPLETE

PLAIN: dict[str, Any] = load_yaml(render_manifest(COMPLETE), "m")
PATHS = {
    "absolute": "/etc/passwd",
    "up": "../x",
    "up-inside": "a/../../x",
    "dot": "./x",
    "doubled-slash": "a//x",
    "trailing-slash": "a/",
    "empty": "",
    "git": ".git/hooks/post-checkout",
    "git-in-capitals": "sub/.GIT/config",
    "git-on-ntfs": "git~1/config",
    "git-with-a-joiner": ".g\u200cit/config",
    "repro": ".repro/runs/x.yaml",
    "repro-in-capitals": ".REPRO/local.yaml",
    "nul": "a\\x00b",
    "second-spelling": "\\x41",
    "too-long": "a/" * 2100 + "a",
}
URLS = {
    "option": "--upload-pack=touch /tmp/x",
    "ext": "ext::sh -c touch% /tmp/x",
    "ssh-option": "ssh://-oProxyCommand=touch/x",
    "ssh-option-after-user": "ssh://git@-oProxyCommand=touch/x",
    "scp-form": "git@example.org:x.git",
    "variable": "https://example.org/${HOME}",
    "second-requirement": "https://example.org/x evil @ https://evil.example",
    "line-break": "https://example.org/x\n--index-url=https://evil.example",
    "fragment": "https://example.org/x#egg=evil",
    "unknown-scheme": "fd::17/x",
    "no-host": "https://",
}


def _set(place: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(plain: dict[str, Any]) -> None:
        *way, last = place.split(".")
        inner: Any = plain
        for step in way:
            inner = inner[int(step) if step.isdigit() else step]
        inner[int(last) if last.isdigit() else last] = value

    return change


def _drop(place: str) -> Callable[[dict[str, Any]], None]:
    def change(plain: dict[str, Any]) -> None:
        *way, last = place.split(".")
        inner: Any = plain
        for step in way:
            inner = inner[int(step) if step.isdigit() else step]
        del inner[last]

    return change


def _items(place: str, *paths: str) -> Callable[[dict[str, Any]], None]:
    digest = "b3:" + "0" * 64
    return _set(place, [{"path": path, "kind": "file", "size": 1, "digest": digest} for path in paths])


DATA, OUT, ENV, CODE = "facts.recipe.data", "facts.outputs", "facts.recipe.environment", "facts.code"
VCS, WHEEL, PROJECT = f"{ENV}.vcs.0", f"{ENV}.wheels.0", f"{ENV}.project.0"

# name -> (what is changed, what the message names)
CASES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    **{f"input-path-{name}": (_set(f"{DATA}.0.path", path), "data[0]: path") for name, path in PATHS.items()},
    **{f"output-path-{name}": (_set(f"{OUT}.0.path", path), "outputs[0]: path") for name, path in PATHS.items()},
    **{f"missing-{name}": (_set("facts.missing_outputs", [path]), "missing_outputs") for name, path in PATHS.items()},
    **{f"directory-{name}": (_set("facts.recipe.directory", path), "directory") for name, path in PATHS.items()},
    **{f"submodule-{name}": (_set(f"{CODE}.submodules.0.path", path), "path") for name, path in PATHS.items()},
    **{f"project-install-{name}": (_set(f"{PROJECT}.path", path), "project[0]: path") for name, path in PATHS.items()},
    **{f"vcs-url-{name}": (_set(f"{VCS}.url", url), "vcs[0]: url") for name, url in URLS.items()},
    "input-twice": (_items(DATA, "a", "a"), "data: a path stands twice"),
    "input-inside-another": (_items(DATA, "a", "a-b", "a/b"), "'a/b' lies inside 'a'"),
    "output-twice": (_items(OUT, "a", "a"), "outputs: a path stands twice"),
    "output-inside-another": (_items(OUT, "a", "a/b/c"), "'a/b/c' lies inside 'a'"),
    "submodule-twice": (_set(f"{CODE}.submodules", PLAIN["facts"]["code"]["submodules"] * 2), "submodules"),
    "inputs-out-of-order": (_items(DATA, "b", "a"), "order"),
    "digest-short": (_set(f"{DATA}.0.digest", "b3:12"), "digest"),
    "digest-in-capitals": (_set(f"{DATA}.0.digest", "b3:" + "A" * 64), "digest"),
    "digest-with-a-path": (_set(f"{DATA}.0.digest", "b3:../../" + "0" * 58), "digest"),
    "digest-missing": (_drop(f"{DATA}.0.digest"), "digest is missing"),
    "size-negative": (_set(f"{DATA}.0.size", -1), "size"),
    "size-float": (_set(f"{DATA}.0.size", 1.5), "size"),
    "size-whole-float": (_set(f"{DATA}.0.size", 1.0), "size"),
    "size-true": (_set(f"{DATA}.0.size", True), "size"),
    "size-text": (_set(f"{DATA}.0.size", "1"), "size"),
    "size-huge": (_set(f"{DATA}.0.size", 2**63), "size"),
    "pack-size-huge": (_set(f"{CODE}.pack.size", 10**3000), "size"),
    "kind-unknown": (_set(f"{DATA}.0.kind", "fifo"), "kind"),
    "kind-missing": (_drop(f"{DATA}.0.kind"), "kind is missing"),
    "symlink-of-another-size": (_set(f"{DATA}.2.size", 3), "data[2]"),
    "symlink-without-target": (_drop(f"{DATA}.2.target"), "target is missing"),
    "symlink-to-nothing": (_set(f"{DATA}.2.target", ""), "target"),
    "symlink-with-nul": (_set(f"{DATA}.2.target", "a\\x00"), "target"),
    "item-is-text": (_set(f"{DATA}.0", "data"), "data[0]"),
    "data-is-a-mapping": (_set(DATA, {}), "data is not a list"),
    "run-missing": (_drop("run"), "run is missing"),
    "run-with-a-path": (_set("run", "../20261123-021300-7f3kq2mz"), "run"),
    "run-with-line-break": (_set("run", "20261123-021300-7f3kq2mz\n"), "run"),
    "run-number": (_set("run", 20261123), "run"),
    "state-unknown": (_set("state", "done"), "state"),
    "name-is-a-list": (_set("name", ["a"]), "name"),
    "tainted-is-text": (_set("tainted", "train.py"), "tainted"),
    "tainted-second-spelling": (_set("tainted", ["\\x41"]), "tainted[0]"),
    "command-is-text": (_set("facts.recipe.command", "rm -rf /"), "command"),
    "command-of-numbers": (_set("facts.recipe.command", ["sleep", 1]), "command[1]"),
    "command-with-nul": (_set("facts.recipe.command", ["echo", "a\0b"]), "command[1]"),
    "parameter-with-nul": (_set("facts.recipe.parameters", {"lr": "\0"}), "parameters: lr"),
    "parameters-are-a-list": (_set("facts.recipe.parameters", []), "parameters"),
    "variable-with-equals": (_set("facts.recipe.variables", {"A=B": "c"}), "A=B"),
    "variable-with-nul": (_set("facts.recipe.variables", {"A": "b\0"}), "A="),
    "variable-empty": (_set("facts.recipe.variables", {"": "b"}), "variables"),
    "variable-number": (_set("facts.recipe.variables", {"A": 1}), "A"),
    "umask-number": (_set("facts.recipe.umask", 22), "umask"),
    "umask-nonsense": (_set("facts.recipe.umask", "9999"), "umask"),
    "umask-large": (_set("facts.recipe.umask", "7777"), "umask"),
    "cpus-none": (_set("facts.recipe.cpus", 0), "cpus"),
    "cpus-huge": (_set("facts.recipe.cpus", 10**30), "cpus"),
    "code-not-an-id": (_set("facts.recipe.code", "HEAD"), "code"),
    "commit-option": (_set(f"{CODE}.commit", "--upload-pack=x"), "commit"),
    "commit-short": (_set(f"{CODE}.commit", "abcdef1"), "commit"),
    "head-not-an-id": (_set(f"{CODE}.head", "main"), "head"),
    "pack-missing": (_drop(f"{CODE}.pack"), "pack"),
    "code-missing": (_drop("facts.code"), "facts.code"),
    "recipe-missing": (_drop("facts.recipe"), "recipe"),
    "facts-missing": (_drop("facts"), "facts"),
    "observations-missing": (_drop("observations"), "observations"),
    "duration-huge": (_set("observations.duration_s", 10**400), "duration_s"),
    "duration-nan": (_set("observations.duration_s", float("nan")), "duration_s"),
    "exit-code-text": (_set("observations.exit_code", "0"), "exit_code"),
    "finding-is-text": (_set("observations.findings", ["x"]), "findings[0]"),
    "python-version-with-a-path": (_set(f"{ENV}.python.version", "3.11.7/../../x"), "python: version"),
    "python-implementation-option": (_set(f"{ENV}.python.implementation", "--x"), "python: implementation"),
    "wheel-with-slash": (_set(f"{WHEEL}.file", "../x-1.0-py3-none-any.whl"), "wheels[0]"),
    "wheel-option": (_set(f"{WHEEL}.file", "-r.whl"), "wheels[0]"),
    "wheel-other-ending": (_set(f"{WHEEL}.file", "x.tar.gz"), "wheels[0]"),
    "wheel-sha": (_set(f"{WHEEL}.sha256", "D" * 64), "wheels[0]: sha256"),
    "wheel-name-option": (_set(f"{WHEEL}.name", "-r"), "wheels[0]: name"),
    "vcs-unknown": (_set(f"{VCS}.vcs", "hg"), "vcs[0]"),
    "vcs-branch": (_set(f"{VCS}.commit", "main"), "vcs[0]: commit"),
    "vcs-name": (_set(f"{VCS}.name", "a b"), "vcs[0]: name"),
    "vcs-name-not-normalised": (_set(f"{VCS}.name", "A_b"), "vcs[0]: name"),
    "vcs-folder-up": (_set(f"{VCS}.subdirectory", "a/../../b"), "vcs[0]: subdirectory"),
    "vcs-folder-fragment": (_set(f"{VCS}.subdirectory", "a&egg=b"), "vcs[0]: subdirectory"),
    "project-version-option": (_set(f"{PROJECT}.version", "--x"), "project[0]: version"),
    "unknown-field-deep-in-the-recipe": (_set(f"{DATA}.0.later", 1), "does not write"),
    "version-0": (_set("repro", 0), "repro is 0"),
    "version-negative": (_set("repro", -1), "repro"),
    "version-text": (_set("repro", "1"), "repro"),
    "version-missing": (_drop("repro"), "repro is missing"),
}  # fmt: skip


def hostile(change: Callable[[dict[str, Any]], None]) -> bytes:
    """The complete manifest changed, with the recipe id that belongs to the change: only the field itself is wrong."""
    plain = copy.deepcopy(PLAIN)
    change(plain)
    facts = plain.get("facts")
    recipe = facts.get("recipe") if isinstance(facts, dict) else None
    if isinstance(recipe, dict):
        recipe["id"] = canonical_digest({key: value for key, value in recipe.items() if key != "id"})
    return dump_yaml(plain).encode()


def test_the_table_begins_with_a_manifest_that_is_read() -> None:
    assert parse_manifest(hostile(lambda plain: None), "m").run == COMPLETE.run


@pytest.mark.parametrize("case", CASES)
def test_a_hostile_manifest_is_refused_and_its_field_named(case: str) -> None:
    change, named = CASES[case]
    with pytest.raises(BadRecord) as caught:
        parse_manifest(hostile(change), "runs/x.yaml")
    assert caught.value.exit_code == 4
    assert named in caught.value.message
    assert caught.value.message.startswith("runs/x.yaml")
    assert len(caught.value.message) < 1500


def test_an_edited_recipe_is_refused_with_both_ids() -> None:
    data = render_manifest(COMPLETE).replace(b"cpus: 8", b"cpus: 9", 1)
    with pytest.raises(BadRecord, match="it was edited") as caught:
        parse_manifest(data, "m")
    assert PLAIN["facts"]["recipe"]["id"] in caught.value.message


def test_a_newer_version_and_a_newer_kind_of_environment_ask_for_a_newer_repro() -> None:
    for change, expected in (
        (_set("repro", 2), NewerFormat),
        (_set(f"{ENV}.kind", "nix"), UnknownEnvironmentKind),
    ):
        with pytest.raises(expected) as caught:
            parse_manifest(hostile(change), "m")
        assert isinstance(caught.value, CannotProceed)
        assert caught.value.hint == "install a newer repro"


BYTES = {
    "empty": (b"", "not a mapping"),
    "a-list": (b"- a\n", "not a mapping"),
    "a-text": (b"hello", "not a mapping"),
    "not-utf-8": (b"repro: \xff", "UTF-8"),
    "nul": (b"repro: \0", "runs/x.yaml"),
    "deep": (b"a: " + b"[" * 100_000, "nested too deeply"),
    "deep-mappings": (b"a: " + b"{a: " * 100_000, "nested too deeply"),
    "billion-laughs": (b"a: &a [x,x]\nb: &b [*a,*a]\n", "anchors"),
    "python-object": (b"a: !!python/object/apply:os.system [id]\n", "tag"),
    "two-documents": (b"repro: 1\n---\nrepro: 1\n", "second document"),
    "key-twice": (b"repro: 1\nrepro: 1\n", "stands twice"),
    "long-number": (b"repro: " + b"9" * 5000, "digits"),
    "long-hex-number": (b"repro: 0x" + b"f" * 3600, "digits"),
}


@pytest.mark.parametrize("case", BYTES)
def test_bytes_that_are_no_record_are_refused(case: str) -> None:
    data, named = BYTES[case]
    with pytest.raises((BadYaml, BadRecord)) as caught:
        parse_manifest(data, "runs/x.yaml")
    assert isinstance(caught.value, IntegrityError)
    assert named in caught.value.message


def test_a_record_of_more_than_64_mib_is_refused_unread() -> None:
    with pytest.raises(BadYaml, match="larger"):
        parse_manifest(b"#" * (MAX_BYTES + 1), "m")


def test_every_place_of_a_manifest_may_hold_anything_without_a_crash() -> None:
    """Each value in turn is replaced by one of every type: the answer is a manifest or a refusal."""
    odd: list[Any] = [None, 10**3000, float("inf"), "\0", [None], {"a": None}]
    places = list(_places(PLAIN, ()))
    assert len(places) > 100
    for place in places:
        for value in odd:
            data = hostile(_set(".".join(map(str, place)), value))
            with contextlib.suppress(BadRecord, NewerFormat, UnknownEnvironmentKind):
                render_manifest(parse_manifest(data, "m"))


def _places(value: Any, way: tuple[object, ...]) -> Any:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        if "." not in str(key):
            yield (*way, key)
            yield from _places(item, (*way, key))
