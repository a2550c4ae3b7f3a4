"""The scripts of `hooks/ci/` as they stand, executed with the variables that the CI sets."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command_line import Person
from tests.hooks.on_path import with_repro

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "hooks/ci/github/action.yml").read_bytes())
WORKFLOW = yaml.safe_load((ROOT / "hooks/ci/github/rebuild.yml").read_bytes())
GITLAB = yaml.safe_load((ROOT / "hooks/ci/gitlab/repro.yml").read_bytes())

GITHUB_BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
"""How GitHub calls `shell: bash`; source: its workflow syntax, "jobs.<job_id>.steps[*].shell"."""


def step(steps: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(step for step in steps if step.get("name") == name)


def evaluated(text: str, context: Mapping[str, str]) -> str:
    """A value with `${{ one || two }}` replaced by the first of the names that has a value."""

    def value(match: re.Match[str]) -> str:
        return next((found for name in match[1].split("||") if (found := context.get(name.strip(), ""))), "")

    return re.sub(r"\$\{\{(.*?)\}\}", value, text)


@pytest.fixture
def team(project: Person) -> Person:
    """A project with rules, a good result, a remote and a runner's folders; `repro` is in PATH."""
    project.write("repro.yaml", "results: [out/**]\nremotes:\n  far:\n    url: ../far\n")
    project.git("add", "repro.yaml")
    project.git("commit", "-q", "-m", "rules")
    return with_repro(project).having(
        RUNNER_TEMP=str(project.home / "temp"),
        GITHUB_PATH=str(project.home / "path"),
        GITHUB_OUTPUT=str(project.home / "output"),
        GITHUB_STEP_SUMMARY=str(project.home / "summary"),
    )


def good_result(person: Person) -> str:
    person.repro("run", "-n", "good", "-o", "out", "--watch", "off", "--", "python", "train.py")
    person.git("add", "out", ".repro")
    person.git("commit", "-q", "-m", "good")
    return person.runs()[-1]


def bad_result(person: Person) -> None:
    person.write("out/bad.csv", "1\n")
    person.git("add", "out/bad.csv")
    person.git("commit", "-q", "-m", "bad")


def github_check(person: Person, **context: str) -> Any:
    """Execute the action's check as GitHub does, with these values of its contexts."""
    one = step(ACTION["runs"]["steps"], "Check results")
    names = {name.replace("__", "."): value for name, value in context.items()}
    defaults = {f"inputs.{name}": value["default"] for name, value in ACTION["inputs"].items()}
    environ = {name: evaluated(text, {**defaults, **names}) for name, text in one["env"].items()}
    return person.having(**environ).call(*GITHUB_BASH, one["run"])


def held_to(schema: str, *files: Path) -> None:
    """Compare files with a schema that GitHub's and GitLab's editors use, from SchemaStore."""
    tool = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}"]
    tool += ["--data-transform", "gitlab-ci"] if schema == "gitlab-ci" else []
    done = subprocess.run([*tool, *map(str, files)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def examples(page: str, folder: Path) -> list[Path]:
    """The YAML of a page in `docs/how-to/`, as files."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/how-to" / page).read_text(), re.MULTILINE | re.DOTALL)
    files = [folder / f"{number}.yml" for number in range(len(blocks))]
    for file, block in zip(files, blocks, strict=True):
        file.write_text(block)
    assert files
    return files


def test_the_templates_and_the_examples_of_their_pages_are_what_github_and_gitlab_take(tmp_path: Path) -> None:
    held_to("github-actions", ROOT / "hooks/ci/github/action.yml")
    github = examples("check-in-github-actions.md", tmp_path)
    held_to("github-workflows", ROOT / "hooks/ci/github/rebuild.yml", *github)
    held_to("gitlab-ci", ROOT / "hooks/ci/gitlab/repro.yml", *examples("check-in-gitlab.md", tmp_path))


def test_a_template_with_a_word_too_many_is_not_taken(tmp_path: Path) -> None:
    text = (ROOT / "hooks/ci/github/rebuild.yml").read_text()
    bad = tmp_path / "bad.yml"
    bad.write_text(text.replace("    runs-on: ubuntu-latest\n", "    runs-on: ubuntu-latest\n    ruins-on: x\n", 1))
    with pytest.raises(AssertionError, match="ruins-on"):
        held_to("github-workflows", bad)


def test_no_script_has_an_expression_in_it_that_an_attacker_could_write() -> None:
    scripts = [step["run"] for step in ACTION["runs"]["steps"]]
    scripts += [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]
    assert [script for script in scripts if "${{" in script] == []


def test_a_pull_request_with_a_good_result_passes_and_one_without_a_manifest_is_annotated(team: Person) -> None:
    base = team.git("rev-parse", "HEAD").strip()
    good_result(team)
    done = github_check(team, github__event__pull_request__base__sha=base, github__base_ref="main")
    assert done.returncode == 0, done.stdout + done.stderr
    bad_result(team)
    done = github_check(team, github__event__pull_request__base__sha=base, github__base_ref="main")
    assert done.returncode == 1
    assert re.search(r"^::error .*file=out/bad\.csv", done.stdout, re.MULTILINE)


def test_the_first_push_of_a_branch_checks_every_result(team: Person) -> None:
    bad_result(team)
    done = github_check(team, github__event__before="0" * 40, github__ref_name="main")
    assert done.returncode == 1
    assert "out/bad.csv" in done.stdout


def test_a_shallow_checkout_gets_the_history_that_it_needs(team: Person, tmp_path: Path) -> None:
    base = team.git("rev-parse", "HEAD").strip()
    bad_result(team)
    team.git("clone", "-q", "--depth", "1", f"file://{team.cwd}", str(tmp_path / "shallow"))
    shallow = team.at(tmp_path / "shallow")
    done = github_check(shallow, github__event__pull_request__base__sha=base)
    assert done.returncode == 1
    assert "out/bad.csv" in done.stdout


def test_the_action_installs_nothing_where_repro_is_there_and_else_the_repository_that_it_is_from(team: Person) -> None:
    one = step(ACTION["runs"]["steps"], "Install repro")
    assert set(one["env"]) == {"INSTALL", "ACTION"}
    team.having(INSTALL="", ACTION="").call(*GITHUB_BASH, one["run"]).check_returncode()
    assert not (team.home / "temp").exists()
    assert (ROOT / "hooks/ci/github/../../.." / "pyproject.toml").exists()


def github_plan(person: Person, **environ: str) -> list[str]:
    one = step(WORKFLOW["jobs"]["plan"]["steps"], "List the runs")
    output = person.home / "output"
    output.unlink(missing_ok=True)
    given = {"RUN": "", "BASE": "", "NEWEST": one["env"]["NEWEST"], **environ}
    person.having(**given).call(*GITHUB_BASH, one["run"]).check_returncode()
    found: list[str] = json.loads(output.read_text().removeprefix("runs="))
    return found


def test_the_workflow_rebuilds_what_a_pull_request_adds_what_is_named_or_the_newest(team: Person) -> None:
    base = team.git("rev-parse", "HEAD").strip()
    assert github_plan(team, BASE=base) == []
    run = good_result(team)
    assert github_plan(team, BASE=base) == [run]
    assert github_plan(team, RUN="good") == ["good"]
    assert github_plan(team) == [run]
    team.repro("push")
    shutil.rmtree(team.home / ".local")
    rebuild = step(WORKFLOW["jobs"]["rebuild"]["steps"], "Rebuild")["run"]
    done = team.having(RUN=run).call(*GITHUB_BASH, rebuild)
    assert done.returncode == 0, done.stderr
    assert "identical" in (team.home / "summary").read_text()
    done = team.having(RUN="no-such-run").call(*GITHUB_BASH, rebuild)
    assert done.returncode != 0


def gitlab(person: Person, job: str, **variables: str) -> Any:
    """Execute a job's script as GitLab's runner does: all lines in one shell that ends at the first failure."""
    lines = [*GITLAB[".repro"]["before_script"], *GITLAB[job]["script"]]
    return person.having(**variables).call("bash", "-eo", "pipefail", "-c", "\n".join(lines))


def test_gitlab_reports_what_a_merge_request_breaks(team: Person) -> None:
    base = team.git("rev-parse", "HEAD").strip()
    good_result(team)
    variables = {"CI_MERGE_REQUEST_DIFF_BASE_SHA": base, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
    done = gitlab(team, "repro-check", **variables)
    assert done.returncode == 0, done.stderr
    report = team.cwd / GITLAB["repro-check"]["artifacts"]["reports"]["codequality"]
    assert json.loads(report.read_text()) == []
    bad_result(team)
    done = gitlab(team, "repro-check", **variables)
    assert done.returncode == 1
    assert [found["location"]["path"] for found in json.loads(report.read_text())] == ["out/bad.csv"]
    assert "out/bad.csv" in done.stdout + done.stderr


def test_gitlab_shares_runs_out_over_its_jobs(team: Person) -> None:
    stub = team.write("../bin/repro", '#!/bin/sh\n[ "$1" = fetch ] || echo "$2"\n', 0o755)
    for number in range(5):
        team.write(f".repro/runs/20260101-00000{number}-aaaaaaaa.yaml", "x\n")
    team.git("add", ".repro")
    lone = team.having(PATH=f"{stub.parent}:{team.environ['PATH']}")
    shares = [
        gitlab(lone, "repro-rebuild", CI_NODE_INDEX=str(index), CI_NODE_TOTAL="2").stdout.split() for index in (1, 2)
    ]
    assert sorted(shares[0] + shares[1]) == [f"20260101-00000{number}-aaaaaaaa" for number in range(5)]
    assert [len(share) for share in shares] == [3, 2]
