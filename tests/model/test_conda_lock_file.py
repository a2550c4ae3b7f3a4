from __future__ import annotations

import dataclasses

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from repro.model.environments.conda_lock import LockedFile, ProjectFolder
from repro.model.environments.conda_lock_file import (
    BadCondaLock,
    dump_conda_lock,
    lock_of_one,
    parse_conda_lock,
    part_of,
)
from tests.model.some_environments import ALPHA, CONDA_LOCK, SIX


def test_what_is_written_is_read_back() -> None:
    data = dump_conda_lock(CONDA_LOCK)
    assert parse_conda_lock(data, "x") == CONDA_LOCK
    assert dump_conda_lock(parse_conda_lock(data, "x")) == data


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.text(st.characters(codec="utf-8"), max_size=20))
@example("", "a: b # c")
@example("1e5", "- x")
@example("yes", "'")
@example(">=1,<2", "a:")
@example("*", "\x85\u2028\n\t")
def test_any_text_survives(version: str, name: str) -> None:
    hopeful = dataclasses.replace(SIX, dependencies=((name, version),))
    lock = dataclasses.replace(CONDA_LOCK, packages=(hopeful,), sources=(name,))
    data = dump_conda_lock(lock)
    read = parse_conda_lock(data, "x")
    assert read.packages[0].dependencies == ((name, version),)
    assert read.sources == (name,)
    assert yaml.safe_load(data)["package"][0]["dependencies"] == {name: version}


def test_what_repro_wrote_is_read_without_a_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(data: bytes, what: str) -> object:
        raise AssertionError("a YAML parser was asked")

    # In place of the parser, whose answer would be the same: only so it shows that it was not asked.
    monkeypatch.setattr("repro.model.environments.conda_lock_file.load_yaml", refuse)
    assert parse_conda_lock(dump_conda_lock(CONDA_LOCK), "x") == CONDA_LOCK
    one = part_of(CONDA_LOCK, "linux-64")
    assert dump_conda_lock(parse_conda_lock(one, "x")) == one


def test_what_somebody_edited_is_read_as_yaml_has_it() -> None:
    data = dump_conda_lock(CONDA_LOCK)
    key = b"category: main"
    for edited in (data.replace(key, b"category: 'main'"), data + b"# a comment\n", data.replace(b"\n", b"\r\n")):
        assert edited != data
        assert parse_conda_lock(edited, "x") == CONDA_LOCK


def test_the_order_of_packages_does_not_matter() -> None:
    assert dump_conda_lock(dataclasses.replace(CONDA_LOCK, packages=(ALPHA, SIX))) == dump_conda_lock(CONDA_LOCK)


def test_the_lock_of_an_installed_environment_does_not_say_how_it_was_asked_for() -> None:
    one = lock_of_one("linux-64", (ALPHA, SIX), CONDA_LOCK.needs["linux-64"], CONDA_LOCK.site_packages["linux-64"])
    assert one == part_of(CONDA_LOCK, "linux-64")
    assert b"environment.yml" not in one
    assert b"TOKEN" not in one
    assert parse_conda_lock(one, "x").needs == CONDA_LOCK.needs


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    sha256: " + "a" * 64 + "\n", "", "no SHA-256"),
        ("a" * 64, "a" * 63, "SHA-256"),
        ("version: 1\n", "version: 2\n", "version 2"),
        ("https://example.org/chan/noarch", "https://u:p@example.org/chan/noarch", "without user"),
        ("https://example.org/chan/noarch", "https://example.org/t/secret/chan/noarch", "token"),
        ("https://example.org/chan/noarch", "ftp://example.org/chan/noarch", "http, https or file"),
        ("six-1.16-pyh_0.tar.bz2", "six.sh", "no URL of a package"),
        ("six-1.16-pyh_0.tar.bz2", "six%20--x.conda; x", "no URL of a package"),
        ("manager: conda", "manager: brew", "neither conda nor pip"),
        ("name: six", "name: -rf", "no name of a package"),
        ("name: alpha\n  version: '1.0'\n  manager: pip", "name: six\n  version: '1.0'\n  manager: conda", "URL"),
        ("__unix=0=0", "unix", "no virtual package"),
        ("package:", "package: [", "line"),
    ],
)
def test_a_lock_that_is_not_one_is_an_integrity_error(old: str, new: str, said: str) -> None:
    text = dump_conda_lock(CONDA_LOCK).decode()
    assert old in text
    with pytest.raises(BadCondaLock) as caught:
        parse_conda_lock(text.replace(old, new, 1).encode(), "conda-lock.yml")
    assert said in caught.value.message
    assert caught.value.exit_code == 4


HEAD = "0123456789" * 4
COMMIT = LockedFile(
    "delta", "2.0", "pip", "linux-64", f"git+https://example.org/delta@{HEAD}#subdirectory=py/delta", HEAD
)
OWN = {"linux-64": (ProjectFolder("own", ".", editable=True), ProjectFolder("x", "libs/x", editable=False))}


def test_a_commit_and_folders_of_the_project_are_read_back_and_are_no_part_of_the_files() -> None:
    lock = dataclasses.replace(CONDA_LOCK, packages=(SIX, ALPHA, COMMIT), project=OWN)
    data = dump_conda_lock(lock)
    assert sorted(parse_conda_lock(data, "x").packages, key=str) == sorted(lock.packages, key=str)
    assert parse_conda_lock(data, "x").project == OWN
    assert part_of(lock, "linux-64") == part_of(CONDA_LOCK, "linux-64")
    written = yaml.safe_load(data)["package"]
    assert [p["source"] for p in written if p["name"] == "delta"] == [{"type": "url", "url": COMMIT.url}]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f"sha256: '{HEAD}'", f"sha256: '{HEAD[::-1]}'"),
        (f"@{HEAD}", "@main"),
        ("git+https://example.org", "git+https://ann:secret@example.org"),
        ("git+https://example.org", "git+ext::sh"),
        ("git+https://example.org", "git+ssh://-oProxyCommand=x@example.org"),
        ("subdirectory=py/delta", "subdirectory=../delta"),
        ("--editable .", "--editable ../x"),
        ("--editable .", "--editable /etc"),
        ("--editable .", "--editable --editable ."),
        ("project-install.linux-64.own", "project-install.linux-64.-own"),
    ],
)
def test_a_commit_or_a_folder_that_is_not_one_is_refused(old: str, new: str) -> None:
    text = dump_conda_lock(dataclasses.replace(CONDA_LOCK, packages=(COMMIT,), project=OWN)).decode()
    assert old in text
    with pytest.raises(BadCondaLock):
        parse_conda_lock(text.replace(old, new).encode(), "conda-lock.yml")


def test_a_package_that_is_there_twice_is_refused() -> None:
    with pytest.raises(BadCondaLock, match="six twice"):
        parse_conda_lock(dump_conda_lock(dataclasses.replace(CONDA_LOCK, packages=(SIX, SIX))), "x")
