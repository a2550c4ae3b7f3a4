"""`repro env diff` and `repro env check`: runs, lock files, and what is in use here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.command_line import Person, make_venv
from tests.env.small_index import SmallIndex


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SmallIndex]:
    (tmp_path / "index").mkdir()
    index = SmallIndex(tmp_path / "index")
    for name, version in (("alpha", "1.0"), ("alpha", "1.1"), ("beta", "2.0")):
        index.add(name, version)
    index.start()
    yield index
    index.stop()


@pytest.fixture
def ann(ann: Person, index: SmallIndex, tmp_path: Path) -> Person:
    ann = replace(ann, venv=make_venv(tmp_path / "env", [find_uv_bin()])).having(
        UV_DEFAULT_INDEX=index.url, UV_CACHE_DIR=str(tmp_path / "uv")
    )
    ann.git("init", "--quiet")
    install(ann, "alpha==1.0")
    ann.write("train.py", "open('who', 'w').write('x')\n")
    ann.repro("run", "--", "python", "train.py")
    return ann


def install(ann: Person, *what: str) -> None:
    done = ann.call(find_uv_bin(), "pip", "install", "-q", "-p", str(ann.venv / "bin/python"), *what)
    assert done.returncode == 0, done.stderr


def test_what_changed_since_a_run(ann: Person) -> None:
    assert ann.repro_json("env", "diff", "@last")["changed"] == []
    install(ann, "alpha==1.1", "beta")
    found = ann.repro_json("env", "diff", "@last", expect=1)
    assert found["changed"] == [{"name": "alpha", "before": "1.0", "after": "1.1"}]
    assert found["added"] == [{"name": "beta", "version": "2.0"}]
    assert found["base"] == found["removed"] == found["sources"] == []
    shown = ann.repro("env", "diff", "@last", ".", expect=1).stdout
    assert shown.splitlines() == ["+ beta 2.0", "~ alpha: 1.0 -> 1.1"]
    ann.repro("run", "--", "python", "train.py")
    told = ann.repro("diff", "@last~1", "@last", expect=1).stdout
    assert "package beta" in told


def test_lock_files_are_compared_by_their_packages(ann: Person) -> None:
    ann.repro("env", "lock", "-o", "one.lock")
    install(ann, "alpha==1.1")
    assert ann.repro_json("env", "diff", "one.lock", ".", expect=1)["changed"][0]["after"] == "1.1"
    assert ann.repro_json("env", "diff", "one.lock", "@last")["changed"] == []
    ann.write("no-lock.txt", "this is no lock\n")
    error = ann.repro_json("env", "diff", "no-lock.txt", ".", expect=3)["error"]
    assert error["id"] == "unreadable-lock"
    assert error["message"] == "no-lock.txt cannot be read: no line of it names a package and its version"
    ann.write("empty.txt", "# nothing\n--no-index\n")
    assert ann.repro_json("env", "diff", "empty.txt", ".", expect=1)["removed"] == []
    ann.write("broken.toml", "[")
    assert ann.repro_json("env", "diff", "broken.toml", ".", expect=3)["error"]["id"] == "unreadable-lock"


def test_a_check_against_a_run_names_each_difference(ann: Person) -> None:
    assert ann.repro_json("env", "check", "@last")["findings"] == []
    install(ann, "alpha==1.1", "beta")
    details = [f["detail"] for f in ann.repro_json("env", "check", "@last", expect=1)["findings"]]
    assert details == [
        "beta 2.0 is installed here and was not recorded",
        "alpha is 1.1 here, recorded is 1.0",
    ]


def test_a_check_without_a_run_is_against_the_projects_lock_and_what_was_installed(ann: Person) -> None:
    ann.repro("env", "lock")
    assert ann.repro_json("env", "check")["findings"] == []
    install(ann, "alpha==1.1")
    (path,) = ann.venv.glob("lib/*/site-packages/alpha.py")
    path.unlink()
    path.write_text("edited = 1\n")
    kinds = [f["kind"] for f in ann.repro_json("env", "check", expect=1)["findings"]]
    assert sorted(kinds) == ["environment-drift", "environment-edited"]
    done = ann.repro("run", "--", "python", "train.py")
    assert "alpha.py was edited" in done.stderr


def test_a_file_that_was_edited_for_one_of_two_runs_is_named_by_their_difference(ann: Person) -> None:
    (path,) = ann.venv.glob("lib/*/site-packages/alpha.py")
    path.unlink()
    path.write_text("edited = 1\n")
    ann.repro("run", "--", "python", "train.py")
    edited = "edited, sha256 " + hashlib.sha256(b"edited = 1\n").hexdigest()
    [found] = ann.repro_json("diff", "@last~1", "@last", expect=1)["differences"]
    name = "package alpha: alpha.py"
    assert found == {"part": "environment", "name": name, "before": "as installed", "after": edited}
    assert name in ann.repro("diff", "@last~1", "@last", expect=1).stdout
    of_environments = ann.repro_json("env", "diff", "@last~1", "@last", expect=1)
    as_before = {"name": "alpha", "file": "alpha.py", "before": "as installed", "after": edited}
    assert of_environments["edited"] == [as_before]
    assert not any(of_environments[part] for part in ("base", "added", "removed", "changed", "sources", "lock"))
    [warned] = [f for f in ann.repro_json("rebuild", "@last")["findings"] if f["kind"] == "environment-edited"]
    assert warned["detail"].endswith("has them as installed: alpha.py of alpha")
    shown = ann.repro("env", "diff", "@last~1", expect=1).stdout  # with what is in use here
    assert shown == f"~ alpha: alpha.py: as installed -> {edited}\n"
    path.unlink()
    shown = ann.repro("env", "diff", "@last", ".", expect=1).stdout
    assert shown == f"~ alpha: alpha.py: {edited} -> removed\n"


def test_of_many_edited_files_a_manifest_names_some_and_differences_still_tell(ann: Person) -> None:
    """The installer's record is given more files, which are not there: as removed as any."""
    [record] = ann.venv.glob("lib/*/site-packages/alpha-*/RECORD")
    lines = [f"more/f{number:04d}.py,sha256={'A' * 43},1\n" for number in range(3000)]
    record.write_text("".join([*lines, record.read_text()]))
    ann.repro("run", "--", "python", "train.py")
    assert ann.manifest()["facts"]["edited_total"]["files"] == 3000
    assert (ann.cwd / f".repro/runs/{ann.runs()[-1]}.yaml").stat().st_size < 50_000
    [warned] = [f for f in ann.repro_json("rebuild", "@last")["findings"] if f["kind"] == "environment-edited"]
    assert warned["detail"].endswith("more/f0002.py of alpha and 2997 more")
    record.write_text(record.read_text().replace(lines[-1], ""))
    ann.repro("run", "--", "python", "train.py")
    [found] = ann.repro_json("diff", "@last~1", "@last", expect=1)["differences"]
    assert (found["part"], found["name"]) == ("environment", "edited files")
    assert found["before"].startswith("3000 edited or removed, b3:")
    assert found["after"].startswith("2999 edited or removed, b3:")
    told = ann.repro_json("env", "diff", "@last~1", ".", expect=1)
    assert told["edited"] == []
    assert [told["edited_total"][when]["files"] for when in ("before", "after")] == [3000, 2999]
    assert ann.repro("env", "diff", "@last~1", expect=1).stdout.startswith(
        "~ edited files: 3000 edited or removed, b3:"
    )
    assert ann.repro_json("env", "diff", "@last", ".")["edited_total"] is None
