"""What a command imports: the start of a process is mostly imports, so those of the frequent commands are pinned.

A list here is to be changed on purpose. Time itself is measured by `tests/benchmarks/run.py`, never asserted.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import repro
from repro.data.rows import RACY_NS
from tests.command_line import Person
from tests.conda.conda_packages import Package, add_package, index_channel

REPRO = Path(repro.__file__).parent

VERSION = {"__future__", "repro", "repro.__main__"}

STATUS = {
    "repro",
    "repro.__main__",
    "repro.actions",
    "repro.actions.status",
    "repro.actions.tracked",
    "repro.cli",
    "repro.cli.invoke",
    "repro.cli.outcome",
    "repro.cli.streams",
    "repro.cli.without_click",
    "repro.code",
    "repro.code.pointer_files",
    "repro.data",
    "repro.data.memo",
    "repro.data.memo_records",
    "repro.data.open_safely",
    "repro.data.pointer",
    "repro.data.rows",
    "repro.data.scan",
    "repro.data.unchanged",
    "repro.errors",
    "repro.model",
    "repro.model.data",
    "repro.model.data.content",
    "repro.model.data.content_record",
    "repro.model.data.data_state",
    "repro.model.data.links",
    "repro.model.data.objects",
    "repro.model.data.pointer",
    "repro.model.data.tree",
    "repro.model.data.tree_objects",
    "repro.model.dataclass",
    "repro.model.digest",
    "repro.model.names",
    "repro.model.pattern",
    "repro.model.progress",
    "repro.model.record",
    "repro.places",
    "repro.project",
    "repro.report",
    "repro.report.data",
    "repro.report.terminal",
    "repro.store",
    "repro.store.records",
    "repro.store.records.folder",
}

CHECK = {
    "repro.actions",
    "repro.actions.check",
    "repro.actions.check.check",
    "repro.actions.check.contents",
    "repro.actions.check.facts",
    "repro.actions.check.remotes",
    "repro.actions.check.results",
    "repro.actions.check.runs",
    "repro.actions.check.targets",
    "repro.actions.check.trees",
    "repro.report",
    "repro.report.check",
    "repro.report.terminal",
    "repro.store",
    "repro.store.records",
    "repro.store.records.folder",
    "repro.store.records.run_outputs_file",
}
"""Of the layers where a heavy import would come from: what a check that asks no remote needs of them."""

ENV_CREATE = {
    "repro.env",
    "repro.env.conda",
    "repro.env.conda.file_names",
    "repro.env.environment_cache",
    "repro.env.which_kind",
    "repro.env.which_python",
}
"""Of the kinds of environments: what one that stands needs to be found."""

FOREIGN = {"blake3", "click", "dulwich", "fsspec", "packaging", "urllib3", "uv", "yaml"}
SLOW = {"asyncio", "concurrent.futures", "dataclasses", "datetime", "email", "hashlib", "http", "importlib.metadata"}
SLOW |= {
    "inspect",
    "json",
    "logging",
    "multiprocessing",
    "pathlib",
    "shutil",
    "ssl",
    "subprocess",
    "tempfile",
    "tomllib",
    "urllib",
}
NETWORK = {"aiohttp", "asyncio", "email", "fsspec", "http", "importlib.metadata", "ssl", "urllib.request", "urllib3"}

MAIN = "import sys; sys.argv[0] = 'repro'; from repro.__main__ import main; sys.exit(main())"


def imported(person: Person, *arguments: str) -> set[str]:
    """Every module that a command imports in its process, beyond what the interpreter does by itself."""
    return _imports(person, MAIN, *arguments) - _imports(person, "pass")


def _imports(person: Person, code: str, *arguments: str) -> set[str]:
    # An interpreter that a test's own path or a site's .pth files change is the same in both measurements.
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code, *arguments],
        cwd=person.cwd,
        env=person.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip() for line in lines[1:]}


def among(modules: set[str], forbidden: set[str]) -> set[str]:
    """Those of `modules` that are, or are part of, one of `forbidden`."""
    return {m for m in modules if any(m == name or m.startswith(f"{name}.") for name in forbidden)}


def ours(modules: set[str]) -> set[str]:
    return among(modules, {"repro"})


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory, venv: Path) -> Person:
    """A project whose settings name a remote and have been read, with unchanged tracked data and a run."""
    ann = Person(home=tmp_path_factory.mktemp("ann"), cwd=tmp_path_factory.mktemp("project"), venv=venv)
    ann.git("init", "--quiet")
    ann.write("repro.yaml", "remotes:\n  store:\n    url: ../store\n")
    ann.write("data/numbers.csv", "1\n2\n3\n")
    ann.repro("add", "data")
    ann.repro("run", "-n", "made", "-o", "out", "--", "sh", "-c", "mkdir -p out; echo 1 > out/a")
    time.sleep(RACY_NS / 1e9)  # until then a file that has just been written is read again
    ann.repro("status")
    return ann


def test_nothing_is_asked_whether_it_is_of_a_protocol() -> None:
    """From Python 3.12 on, that imports `inspect`, which the tests of what is imported do not see on an older one."""
    sources = [path for path in REPRO.rglob("*.py") if "runtime_checkable" in path.read_text()]
    assert sources == []


def test_version_imports_nothing_but_its_number(ann: Person) -> None:
    assert imported(ann, "--version") == VERSION


def test_status_imports_what_is_listed_here(settled: Person) -> None:
    modules = imported(settled, "status")
    assert ours(modules) == STATUS
    assert among(modules, FOREIGN | SLOW) == set()


def test_status_as_json_imports_json_and_no_more_foreign_code(settled: Person) -> None:
    modules = imported(settled, "status", "--json")
    assert "json" in modules
    assert among(modules, FOREIGN | (SLOW - {"json"})) == set()


def test_add_and_push_need_neither_a_parser_nor_dulwich(settled: Person) -> None:
    settled.write("more.csv", "4\n")
    modules = imported(settled, "add", "more.csv")
    unneeded = {"concurrent.futures", "inspect", "logging", "subprocess"}
    assert among(modules, FOREIGN | unneeded) == {"blake3", "blake3.blake3"}
    settled.repro("push")  # the run, whose manifest needs a parser
    modules = imported(settled, "push")
    unneeded = {
        "click",
        "dulwich",
        "fsspec",
        "inspect",
        "yaml",
        "subprocess",
        "repro.model.runs.manifest",
        "repro.store.transfer.fetch",
    }
    assert among(modules, unneeded | NETWORK) == set()


def test_help_needs_click_alone(ann: Person) -> None:
    modules = imported(ann, "--help")
    assert among(modules, FOREIGN - {"click"}) == set()
    assert among(modules, {"repro.actions", "repro.model", "repro.project"}) == {"repro.model", "repro.model.pattern"}
    for command in ("run", "rebuild", "log"):
        modules = imported(ann, command, "--help")
        assert among(modules, FOREIGN - {"click"}) == set()
        assert among(modules, {"subprocess", "repro.store", "repro.code", "repro.env"}) == set()


def test_a_run_imports_nothing_that_only_a_rebuild_or_a_remote_needs(settled: Person) -> None:
    modules = imported(settled, "run", "--", "true")
    assert among(modules, NETWORK) == set()
    assert (
        among(modules, {"repro.env.pip.realise", "repro.store.remote.remote", "repro.store.transfer.transfer"}) == set()
    )


def test_an_environment_that_stands_is_found_without_what_makes_one(settled: Person) -> None:
    settled.repro("env", "create")
    modules = imported(settled, "env", "create")
    assert among(modules, FOREIGN) == {"blake3", "blake3.blake3"}
    assert among(modules, SLOW - {"datetime", "json"}) == set()
    assert among(modules, {"repro.env"}) == ENV_CREATE
    unneeded = {"repro.model.runs.manifest", "repro.store.remote.remote", "repro.store.cache.cache"}
    assert among(modules, unneeded | {"repro.model.environments.environment"}) == set()


def test_an_environment_is_made_without_what_other_commands_need(settled: Person) -> None:
    settled.repro("env", "create")  # uv makes the empty one, once
    made = Path(settled.repro("env", "create").stdout.strip())
    shutil.rmtree(made)
    modules = imported(settled, "env", "create")
    assert made.is_dir()
    assert among(modules, FOREIGN) == {"blake3", "blake3.blake3"}
    assert among(modules, SLOW) <= {"json", "json.decoder", "json.encoder", "json.scanner", "subprocess"}
    unneeded = {
        "random",
        "repro.code",
        "repro.data",
        "repro.execution",
        "repro.store.remote.remote",
        "repro.store.transfer.transfer",
        "sysconfig",
    }
    assert among(modules, unneeded) == set()


def test_a_conda_lock_is_made_without_a_parser_and_without_what_only_installs(ann: Person, tmp_path: Path) -> None:
    package = Package("alpha", "1.0", "noarch", noarch="generic")
    add_package(tmp_path / "channel", package, {"share/alpha.txt": "alpha"})
    index_channel(tmp_path / "channel", [package])
    ann.git("init", "--quiet")
    ann.write("repro.yaml", "environment: {file: environment.yml}\n")
    ann.write("environment.yml", f"channels: ['{tmp_path / 'channel'}']\ndependencies: [alpha]\n")
    modules = imported(ann, "env", "lock")
    assert (ann.cwd / "conda-lock.yml").exists()
    assert among(modules, FOREIGN) == {"blake3", "blake3.blake3"}
    unneeded = {"repro.env.kinds", "repro.model.runs.manifest", "repro.store.cache.cache", "tempfile"}
    assert among(modules, unneeded | {"repro.model.environments.environment"}) == set()


def test_a_rebuild_from_the_store_imports_no_network(settled: Person) -> None:
    modules = imported(settled, "rebuild", "made")
    assert among(modules, NETWORK) == set()


def test_a_check_of_the_store_imports_no_network(settled: Person) -> None:
    assert among(imported(settled, "fsck"), NETWORK) == set()


def test_a_check_imports_what_is_listed_here_and_neither_the_store_nor_the_network(ann: Person) -> None:
    ann.git("init", "--quiet")
    ann.write("repro.yaml", "results: [result]\nremotes:\n  store:\n    url: ../store\n")
    ann.repro("run", "-o", "result", "--", "sh", "-c", "echo 1 > result")
    ann.git("add", "--all")
    modules = imported(ann, "check", "--staged")
    assert among(modules, {"repro.actions", "repro.report", "repro.store", "repro.data", "repro.env"}) == CHECK
    assert (
        among(modules, NETWORK | {"fsspec", "packaging", "uv", "zstandard", "concurrent.futures", "sqlite3"}) == set()
    )


def test_looking_at_runs_imports_neither_git_nor_the_network(settled: Person) -> None:
    for command in (("log",), ("show", "made"), ("diff", "made", "made")):
        modules = imported(settled, *command)
        assert among(modules, NETWORK | {"dulwich", "subprocess"}) == set()
