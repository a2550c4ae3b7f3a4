"""`run --pin`, what it sets and records, and what a rebuild on another processor is asked for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from repro.model.runs.processor import Level, level_of
from tests.command_line import Person

NAMES = ("REPRO_PIN", "OPENBLAS_CORETYPE", "OMP_NUM_THREADS", "CUBLAS_WORKSPACE_CONFIG", "TF_DETERMINISTIC_OPS")

TORCH = """\
class _Flags: benchmark = True; allow_tf32 = True
class backends:
    class cudnn(_Flags): pass
    class cuda:
        class matmul(_Flags): pass
strict = False
def use_deterministic_algorithms(on):
    global strict
    strict = on
"""
SCRIPT = """\
import json, os, torch, sitecustomize
json.dump({
    "variables": {name: os.environ.get(name) for name in NAMES},
    "strict": torch.strict, "benchmark": torch.backends.cudnn.benchmark, "tf32": torch.backends.cuda.matmul.allow_tf32,
    "users": getattr(sitecustomize, "USERS", None), "address": id(object()), "child": os.popen(
        "python -c 'import torch; print(torch.strict)'").read(),
}, open("made", "w"))
""".replace("NAMES", repr(NAMES))


@pytest.fixture
def project(ann: Person) -> Person:
    """A project with what looks like PyTorch, and a sitecustomize of its own on PYTHONPATH."""
    ann.git("init", "--quiet")
    ann.write("job.py", SCRIPT)
    ann.write("torch.py", TORCH)
    ann.write("site/sitecustomize.py", "USERS = 'own'\n")
    return ann.having(PYTHONPATH=f"{ann.cwd}/site:{ann.cwd}")


def pinned(project: Person) -> Any:
    project.repro("run", "--pin", "-o", "made", "--", "python", "job.py")
    return json.loads((project.cwd / "made").read_text())


def test_a_pinned_run_records_its_settings_and_a_rebuild_has_them_again(project: Person) -> None:
    seen = pinned(project)
    recorded = project.manifest()["facts"]["recipe"]["variables"]
    assert seen["variables"] == {name: recorded.get(name) for name in NAMES}
    assert seen["variables"]["REPRO_PIN"] == "strict"
    assert (seen["strict"], seen["benchmark"], seen["tf32"], seen["child"]) == (True, False, False, "True\n")
    assert seen["users"] == "own"
    assert recorded["PYTHONPATH"] == "{root}/site:{root}"
    assert "outside" not in project.manifest()["facts"]["recipe"]  # the sitecustomize is repro's own
    for kind in ("bwrap", "none"):
        done = project.repro("rebuild", "@last", "--sandbox", kind, "--keep", "--json", expect=None)
        answer = json.loads(done.stdout)
        found = json.loads((Path(answer["directory"]) / "made").read_text())
        assert {**found, "address": 0} == {**seen, "address": 0}


def test_two_rebuilds_have_the_same_addresses(project: Person) -> None:
    pinned(project)
    found = set()
    for _ in range(2):
        answer = json.loads(project.repro("rebuild", "@last", "--keep", "--json", expect=None).stdout)
        found.add((Path(answer["directory"]) / "made").read_text())
    assert len(found) == 1


def test_what_the_user_has_set_counts_more(project: Person) -> None:
    seen = pinned(project.having(OMP_NUM_THREADS="7"))
    assert seen["variables"]["OMP_NUM_THREADS"] == "7"


def test_without_pin_nothing_is_set(project: Person) -> None:
    project.repro("run", "--", "python", "job.py")
    seen = json.loads((project.cwd / "made").read_text())
    assert seen["variables"]["REPRO_PIN"] is None
    assert seen["strict"] is False


def test_a_rebuild_names_what_the_processor_lacks_before_it_starts(project: Person) -> None:
    project.repro("run", "--", "sh", "-c", "echo x > made")
    edited = with_features(project, lambda features: [*features, "avx999"])
    done = project.repro("rebuild", edited, "--sandbox", "none")
    assert "has no avx999" in done.stderr.partition("running the command")[0]
    assert "processor-lacks" in done.stderr


def test_a_processor_of_a_higher_level_is_asked_for_the_recorded_one(project: Person) -> None:
    project.repro("run", "--", "sh", "-c", "echo x > made; echo asked for ${ATEN_CPU_CAPABILITY:-nothing}")
    if level_of(project.manifest()["observations"]["machine"].get("cpu_features", ())) <= Level.V2:
        pytest.skip("this processor is of the lowest level")
    same = project.repro("rebuild", "@last", "--sandbox", "none")
    assert "asked for nothing" in same.stderr
    lower = ["cx16", "popcnt", "sse3", "sse4_1", "sse4_2", "ssse3"]
    done = project.repro("rebuild", with_features(project, lambda features: lower), "--sandbox", "none")
    assert "asked for default" in done.stderr
    assert "processor-exceeds" in done.stderr


def with_features(project: Person, change: Any) -> str:
    """A copy of the newest manifest with another processor."""
    text = (project.cwd / ".repro" / "runs" / f"{project.runs()[-1]}.yaml").read_text()
    features = project.manifest()["observations"]["machine"]["cpu_features"]
    changed = "".join(f"    - {name}\n" for name in change(features))
    text = re.sub(r"(    cpu_features:\n)(    - .*\n)+", lambda found: found[1] + changed, text)
    (project.cwd / "changed.yaml").write_text(text)
    return "changed.yaml"
