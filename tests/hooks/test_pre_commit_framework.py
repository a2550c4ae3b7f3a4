"""`.pre-commit-hooks.yaml` with the real pre-commit, which makes no environment here: `repro` is in PATH."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.command_line import Person
from tests.hooks.on_path import with_repro

ROOT = Path(__file__).resolve().parents[2]
HOOKS = {
    "repro-check": "pre-commit",
    "repro-check-push": "pre-push",
    "repro-data-after-checkout": "post-checkout",
    "repro-data-after-merge": "post-merge",
}


@pytest.fixture
def framework(project: Person, tmp_path: Path) -> Person:
    """A project whose git hooks are pre-commit's, which takes ours from a repository with our list of them."""
    hooks = tmp_path / "hooks-repository"
    hooks.mkdir()
    ours = project.at(hooks)
    ours.git("init", "--quiet", "--initial-branch=main")
    (hooks / ".pre-commit-hooks.yaml").write_bytes((ROOT / ".pre-commit-hooks.yaml").read_bytes())
    ours.git("add", ".pre-commit-hooks.yaml")
    ours.git("commit", "-q", "-m", "hooks")
    revision = ours.git("rev-parse", "HEAD").strip()
    chosen = "".join(f"      - {{id: {name}, language: system}}\n" for name in HOOKS)
    project.write(
        ".pre-commit-config.yaml",
        f"default_install_hook_types: [{', '.join(HOOKS.values())}]\n"
        f"repos:\n  - repo: {hooks}\n    rev: {revision}\n    hooks:\n{chosen}",
    )
    project.write("repro.yaml", "results: [out/**]\n")
    project.git("add", ".pre-commit-config.yaml", "repro.yaml")
    project.git("commit", "-q", "-m", "rules")
    ann = with_repro(project)
    done = ann.call(sys.executable, "-m", "pre_commit", "install")
    assert done.returncode == 0, done.stderr
    return ann


def test_the_framework_refuses_commits_and_pushes_and_brings_data(framework: Person, tmp_path: Path) -> None:
    framework.write("out/table.csv", "1\n")
    framework.git("add", "out/table.csv")
    done = framework.call("git", "commit", "-m", "result")
    assert done.returncode == 1
    assert "out/table.csv" in done.stdout + done.stderr

    framework.git("commit", "-q", "-m", "result", "--no-verify")
    framework.git("init", "--quiet", "--bare", str(tmp_path / "far.git"))
    framework.git("remote", "add", "origin", str(tmp_path / "far.git"))
    done = framework.call("git", "push", "-q", "origin", "main")
    assert done.returncode == 1
    assert "out/table.csv" in done.stdout + done.stderr

    framework.git("checkout", "-q", "-b", "other")
    framework.write("data/numbers.csv", "9\n")
    framework.repro("add", "data")
    framework.git("commit", "-q", "-a", "-m", "nine")
    framework.git("checkout", "-q", "main")
    assert (framework.cwd / "data/numbers.csv").read_text() == "1\n2\n3\n"
    framework.git("merge", "-q", "other")
    assert (framework.cwd / "data/numbers.csv").read_text() == "9\n"


def test_the_configuration_on_the_page_is_what_the_framework_takes_and_has_a_hook_of_each_kind(tmp_path: Path) -> None:
    page = (ROOT / "docs/how-to/use-git-hooks.md").read_text()
    block = re.search(r"^```yaml\n(default_install_hook_types.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert block is not None
    file = tmp_path / ".pre-commit-config.yaml"
    file.write_text(block[1])
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "validate-config", str(file)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    config = yaml.safe_load(block[1])
    hooks = config["repos"][0]["hooks"]
    assert [hook["stages"] for hook in hooks] == [[kind] for kind in config["default_install_hook_types"]]
    assert [hook["entry"] for hook in hooks] == [f"repro hooks run {hook['stages'][0]}" for hook in hooks]
