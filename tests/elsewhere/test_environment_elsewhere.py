"""The environment of a run, made again elsewhere from an index on this machine, or refused for the right reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from tests.command_line import Person, make_venv
from tests.env.small_index import SmallIndex
from tests.packed_remotes import spoil


@dataclass(frozen=True)
class Recorded:
    """A run that used the package `alpha` of an index, on a remote."""

    run: str
    remote: Path
    manifest: Any
    bob: Person


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SmallIndex]:
    (tmp_path / "index").mkdir()
    index = SmallIndex(tmp_path / "index")
    index.add("alpha", "1.0")
    index.start()
    yield index
    index.stop()


@pytest.fixture
def recorded(ann: Person, bob: Person, index: SmallIndex, tmp_path: Path) -> Recorded:
    uv = {"UV_DEFAULT_INDEX": index.url, "UV_HTTP_RETRIES": "0"}
    ann = replace(ann, venv=make_venv(tmp_path / "env", [find_uv_bin()])).having(
        UV_CACHE_DIR=str(tmp_path / "ann-uv"), **uv
    )
    installed = ann.call(find_uv_bin(), "pip", "install", "-q", "-p", str(ann.venv / "bin/python"), "alpha")
    assert installed.returncode == 0, installed.stderr
    ann.git("init", "--quiet")
    ann.write("train.py", "import alpha; open('who', 'w').write(alpha.WHO)\n")
    ann.repro("run", "--", "python", "train.py")
    ann.repro("push", "-r", str(tmp_path / "remote"))
    there = bob.having(UV_CACHE_DIR=str(tmp_path / "bob-uv"), **uv)
    return Recorded(ann.runs()[-1], tmp_path / "remote", ann.manifest(), there)


def rebuild(recorded: Recorded, code: int, *options: str) -> Any:
    return recorded.bob.repro_json("rebuild", recorded.run, "--from", str(recorded.remote), *options, expect=code)


def test_the_environment_is_made_again_once_and_then_needs_no_index(recorded: Recorded, index: SmallIndex) -> None:
    assert recorded.manifest["facts"]["recipe"]["environment"]["packages"] == {"alpha": "1.0"}
    assert rebuild(recorded, 0)["verdict"] == "identical"
    index.stop()
    assert rebuild(recorded, 0)["verdict"] == "identical"
    index.start()


def test_a_package_that_was_replaced_makes_a_run_unbuildable(recorded: Recorded, index: SmallIndex) -> None:
    index.remove("alpha", "1.0")
    index.add("alpha", "1.0", body="SOMETHING_ELSE = 1")
    answer = rebuild(recorded, 4)
    assert answer["verdict"] == "unbuildable"
    finding = answer["findings"][0]
    assert finding["kind"] == "package-hash-mismatch"
    assert "alpha" in finding["detail"]
    assert "repro env archive" in finding["hint"]


def test_a_package_that_the_index_has_no_more_makes_a_run_unbuildable(recorded: Recorded, index: SmallIndex) -> None:
    index.remove("alpha", "1.0")
    answer = rebuild(recorded, 3)
    assert answer["verdict"] == "unbuildable"
    finding = answer["findings"][0]
    assert finding["kind"] == "package-gone"
    assert "alpha" in finding["detail"]
    assert "repro env archive" in finding["hint"]
    assert answer["directory"] is None
    said = recorded.bob.repro("rebuild", recorded.run, "--from", str(recorded.remote), expect=3)
    assert "verdict: unbuildable" in said.stdout
    assert "nothing was started" in said.stderr


def test_an_index_that_does_not_answer_is_unreachable_and_no_verdict(recorded: Recorded, index: SmallIndex) -> None:
    index.stop()
    error = rebuild(recorded, 5)["error"]
    assert error["hint"]
    index.start()


def test_a_changed_lock_is_an_integrity_error(recorded: Recorded) -> None:
    digest = recorded.manifest["facts"]["recipe"]["environment"]["lock"]["digest"]
    spoil(recorded.remote, digest)
    assert digest[5:] in rebuild(recorded, 4)["error"]["message"]


def test_env_create_prints_the_directory_of_the_environment(recorded: Recorded) -> None:
    done = recorded.bob.repro("env", "create", recorded.run, "--from", str(recorded.remote))
    python = Path(done.stdout.strip()) / "bin" / "python"
    assert recorded.bob.call(str(python), "-c", "import alpha; print(alpha.WHO)").stdout.strip() == "alpha 1.0"


def test_without_a_matching_interpreter_nothing_starts(recorded: Recorded, tmp_path: Path) -> None:
    """The machine has one other Python: a stand-in that says it is 3.99, since a test cannot count on a second."""
    text = (recorded.remote / "runs" / f"{recorded.run}.yaml").read_text()
    version = recorded.manifest["facts"]["recipe"]["environment"]["python"]["version"]
    assert f"version: {version}" in text
    from repro.model.canonical import canonical_digest
    from repro.model.yaml.strict import load_yaml

    changed = text.replace(f"version: {version}\n", "version: 3.99.0\n")
    recipe = load_yaml(changed.encode(), "manifest")["facts"]["recipe"]
    identity = recipe.pop("id")
    changed = changed.replace(identity, canonical_digest(recipe))
    (recorded.remote / "runs" / f"{recorded.run}.yaml").write_text(changed)
    answer = rebuild(recorded, 3)
    assert answer["verdict"] == "unbuildable"
    assert [(one["kind"], "3.99.0" in one["hint"]) for one in answer["findings"]] == [("no-interpreter", True)]
