"""Records of version 1 as they were first written. They are never made again: every later repro must read them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from blake3 import blake3

from repro.code.restore import restore_commit
from repro.env.pip.lock_file import LockedPackage, lock_text, parse_lock
from repro.model.environments.archive import archive_file_name, parse_archive, render_archive
from repro.model.environments.conda_lock_file import dump_conda_lock, parse_conda_lock
from repro.model.environments.environment import Environment
from repro.model.runs.manifest import Manifest, parse_manifest, render_manifest
from repro.model.runs.rebuild_record import parse_rebuild, rebuild_file_name, render_rebuild
from repro.model.runs.recipe import recipe_id
from tests.model.some_environments import ARCHIVE, CONDA, CONDA_LOCK, IMAGE
from tests.model.some_records import COMPLETE, EDITED, MANY_EDITED, OPEN, REBUILD

V1 = Path(__file__).parent / "v1"


def _in(environment: Environment) -> Manifest:
    return replace(OPEN, recipe=replace(OPEN.recipe, environment=environment))


MANIFESTS = {
    "complete": (COMPLETE, "b3:6437c0453027e7da452a5ac80b163dc6a14c10cf27134bf2b30edfdd1a7fcbb8"),
    "open": (OPEN, "b3:21089d3254998b1c26f450e0afe14b421a04b6e5b747d9cee4fe0317bd33e558"),
    "edited": (
        replace(OPEN, edited=EDITED),
        "b3:21089d3254998b1c26f450e0afe14b421a04b6e5b747d9cee4fe0317bd33e558",
    ),
    "many-edited": (
        replace(OPEN, edited=MANY_EDITED),
        "b3:21089d3254998b1c26f450e0afe14b421a04b6e5b747d9cee4fe0317bd33e558",
    ),
    "conda": (_in(CONDA), "b3:c55e49661f276a7ccf5f09f55ab72dce41f6ea18092d0613cea1cdcd9239250d"),
    "image": (_in(IMAGE), "b3:479745d3e298bec20aec2c2a51b37a4444be25100fff56e0729da34cb1ef2cdd"),
}
ELSEWHERE = ("tree", "pointer", "pack", "pack-index", "chunk-list", "encrypted-remote", "unsynced")
PACK_COMMIT = "9de8656a4905a4176665293b8e1a0ce3aba15de5"


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_of_version_1_is_read_and_written_the_same(name: str) -> None:
    manifest, identity = MANIFESTS[name]
    data = (V1 / "manifest" / f"{name}.yaml").read_bytes()
    found = parse_manifest(data, name)
    assert recipe_id(found.recipe) == identity
    assert _sorted(found) == _sorted(manifest)
    assert render_manifest(found) == data


@pytest.mark.parametrize("name", MANIFESTS)
def test_the_recipe_id_is_what_the_specification_says(name: str) -> None:
    """Computed by nothing of repro's: the canonical JSON of `facts.recipe` without `id`, and its BLAKE3."""

    def plain(value: Any) -> Any:
        if isinstance(value, float):
            return {"$float": repr(value)}
        if isinstance(value, dict):
            return {("$" + key if key[0] == "$" else key): plain(item) for key, item in value.items()}
        return [plain(item) for item in value] if isinstance(value, list) else value

    recipe = yaml.safe_load((V1 / "manifest" / f"{name}.yaml").read_bytes())["facts"]["recipe"]
    claimed = recipe.pop("id")
    text = json.dumps(plain(recipe), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert claimed == MANIFESTS[name][1] == "b3:" + blake3(text.encode()).hexdigest()


def test_a_rebuild_record_of_version_1_is_read_and_written_the_same() -> None:
    data = (V1 / "rebuild" / "different.yaml").read_bytes()
    record = parse_rebuild(data, "different.yaml")
    assert record == REBUILD
    assert render_rebuild(record) == data
    assert rebuild_file_name(record, data) == "20261124-021301-bb03e29044ac719e.yaml"


def test_a_pip_lock_of_version_1_is_read_and_written_the_same() -> None:
    data = (V1 / "pip-lock" / "two.txt").read_bytes()
    packages = parse_lock(data)
    assert packages == (
        LockedPackage("archive", None, "https://example.org/a-1.0.tar.gz", ("c" * 64,)),
        LockedPackage("numpy", "2.1.0", None, ("a" * 64, "b" * 64)),
    )
    assert lock_text(packages).encode() == data


def test_a_conda_lock_of_version_1_is_read_and_written_the_same() -> None:
    data = (V1 / "conda-lock" / "two.yml").read_bytes()
    assert parse_conda_lock(data, "two.yml") == CONDA_LOCK
    assert dump_conda_lock(CONDA_LOCK) == data


def test_a_record_of_an_archive_of_version_1_is_read_and_written_the_same() -> None:
    data = (V1 / "archive" / "1109394910fb5cba.yaml").read_bytes()
    assert parse_archive(data, "archive") == ARCHIVE
    assert render_archive(ARCHIVE) == data
    assert archive_file_name(data) == "1109394910fb5cba.yaml"


def test_a_code_pack_of_version_1_is_restored(tmp_path: Path) -> None:
    """It is not written again here: which bytes a compressor makes is its own affair."""
    root = tmp_path / "code"
    restore_commit(PACK_COMMIT, str(V1 / "code-pack" / "small.pack"), str(root), [])
    assert (root / "train.py").read_text() == "print('hello')\n"
    assert (root / "latest").readlink() == Path("train.py")
    assert (root / "scripts" / "run.sh").stat().st_mode & 0o100


def test_every_record_of_version_1_is_in_a_test() -> None:
    assert {path.stem for path in (V1 / "manifest").iterdir()} == set(MANIFESTS)
    found = {path.relative_to(V1).as_posix() for path in V1.glob("*/*") if path.parent.name not in ELSEWHERE}
    others = {"rebuild/different.yaml", "pip-lock/two.txt", "code-pack/small.pack"}
    others |= {"conda-lock/two.yml", "archive/1109394910fb5cba.yaml"}
    assert found == {f"manifest/{name}.yaml" for name in MANIFESTS} | others


def _sorted(manifest: Manifest) -> tuple[object, ...]:
    outputs = sorted(manifest.outputs, key=lambda output: output.path)
    missing = sorted(manifest.missing_outputs)
    return (manifest.run, manifest.recipe, manifest.code, manifest.state, manifest.observations, manifest.name,
            manifest.message, set(manifest.tainted), outputs, missing, manifest.edited, manifest.metrics)  # fmt: skip
