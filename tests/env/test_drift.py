from __future__ import annotations

from pathlib import Path

import pytest

from repro.env.pip.lock_file import parse_lock
from repro.env.pip.project_lock import find_project_lock, read_project_lock
from tests.env.conftest import Desk
from tests.env.small_index import sha256

HASH = "c" * 64


def drift(desk: Desk, project_lock: str | None = None) -> list[str]:
    findings = desk.capture(project_lock=project_lock).findings
    assert {finding.kind for finding in findings} <= {"environment-drift"}, findings
    assert all(finding.path and finding.hint for finding in findings)
    return [finding.detail for finding in findings]


def write_uv_project(desk: Desk, *dependencies: str) -> None:
    quoted = ", ".join(f'"{dependency}"' for dependency in dependencies)
    (desk.project / "pyproject.toml").write_text(
        f'[project]\nname = "work"\nversion = "0"\nrequires-python = ">=3.8"\ndependencies = [{quoted}]\n'
        '[project.optional-dependencies]\nextra = ["gamma"]\n[dependency-groups]\ndev = ["beta"]\n'
    )
    desk.uv("lock")


@pytest.fixture
def stocked(desk: Desk) -> Desk:
    for name in ("alpha", "beta", "gamma", "delta"):
        desk.index.add(name, "1.0")
        desk.index.add(name, "2.0")
    return desk


def test_an_environment_that_is_its_uv_lock_does_not_drift_and_asks_nobody(stocked: Desk) -> None:
    write_uv_project(stocked, "alpha==1.0", "delta==1.0; sys_platform == 'win32'")
    stocked.install("alpha==1.0")
    stocked.index.stop()
    captured = stocked.capture(UV_CACHE_DIR=str(stocked.folder / "empty"))
    assert captured.findings == ()
    lock = stocked.lock_of(captured.environment)
    assert lock is not None
    assert [p.requirement for p in parse_lock(lock)] == ["alpha==1.0"]


def test_each_package_that_is_not_as_uv_lock_says_is_named(stocked: Desk) -> None:
    write_uv_project(stocked, "alpha==1.0", "gamma==1.0")
    stocked.install("alpha==2.0", "delta==1.0", "beta")
    assert drift(stocked) == [
        "alpha 2.0 installed, uv.lock has 1.0",
        "delta 1.0 installed, uv.lock does not have it",
        "gamma not installed, uv.lock has 1.0",
    ]


def test_the_installed_is_what_is_recorded(stocked: Desk) -> None:
    write_uv_project(stocked, "alpha==1.0")
    stocked.install("alpha==2.0")
    environment = stocked.capture().environment
    lock = stocked.lock_of(environment)
    assert environment.packages == (("alpha", "2.0"),)
    assert lock is not None
    assert parse_lock(lock)[0].hashes == (sha256(stocked.index.root / "files/alpha-2.0-py3-none-any.whl"),)


def test_installers_that_no_lock_lists_are_no_drift(stocked: Desk) -> None:
    stocked.index.add("pip", "99.0")
    write_uv_project(stocked, "alpha==1.0")
    stocked.install("alpha==1.0", "pip")
    assert drift(stocked) == []


def test_a_forked_lock_expects_the_version_for_this_platform(stocked: Desk) -> None:
    write_uv_project(stocked, "alpha==1.0; sys_platform == 'linux'", "alpha==2.0; sys_platform != 'linux'")
    stocked.install("alpha==1.0")
    assert drift(stocked) == []


def test_only_the_fork_for_this_platform_brings_its_dependencies(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text(
        "version = 1\n"
        "[[package]]\nname = 'work'\nsource = { virtual = '.' }\ndependencies = [\n"
        "  { name = 'alpha', version = '1.0', source = { registry = 'x' }, marker = \"sys_platform == 'linux'\" },\n"
        "  { name = 'alpha', version = '2.0', source = { registry = 'x' }, marker = \"sys_platform == 'win32'\" },\n]\n"
        "[[package]]\nname = 'alpha'\nversion = '1.0'\nsource = { registry = 'x' }\n"
        "[[package]]\nname = 'alpha'\nversion = '2.0'\nsource = { registry = 'x' }\n"
        "dependencies = [{ name = 'gamma' }]\n"
        "[[package]]\nname = 'gamma'\nversion = '1.0'\nsource = { registry = 'x' }\n"
    )
    lock = read_project_lock(str(tmp_path), "uv.lock", {"sys_platform": "linux"})
    assert [(p.name, p.version) for p in lock.packages if p.expected] == [("alpha", "1.0")]


def test_pylock_is_checked_with_its_markers(stocked: Desk) -> None:
    stocked.install("alpha==1.0", "beta==2.0")
    (stocked.project / "pylock.toml").write_text(
        "lock-version = '1.0'\ncreated-by = 'test'\n"
        "[[packages]]\nname = 'alpha'\nversion = '1.0'\n"
        f"wheels = [{{ name = 'alpha-1.0-py3-none-any.whl', hashes = {{ sha256 = '{HASH}' }} }}]\n"
        "[[packages]]\nname = 'beta'\nversion = '1.0'\n"
        "[[packages]]\nname = 'gamma'\nversion = '1.0'\nmarker = \"sys_platform == 'win32'\"\n"
        "[[packages]]\nname = 'delta'\nversion = '1.0'\nmarker = \"'dev' in dependency_groups\"\n"
        "[[packages]]\nname = 'omega'\nversion = '1.0'\n"
    )
    captured = stocked.capture()
    assert [finding.detail for finding in captured.findings] == [
        "beta 2.0 installed, pylock.toml has 1.0",
        "omega not installed, pylock.toml has 1.0",
    ]
    lock = stocked.lock_of(captured.environment)
    assert lock is not None
    assert parse_lock(lock)[0].hashes == (HASH,)


def test_a_pylock_that_uv_wrote_is_read(stocked: Desk) -> None:
    (stocked.project / "in.txt").write_text("alpha==1.0\n")
    stocked.uv("pip", "compile", "in.txt", "-o", "pylock.toml", "--python", stocked.python)
    stocked.install("alpha==1.0")
    stocked.index.stop()
    captured = stocked.capture(UV_CACHE_DIR=str(stocked.folder / "empty"))
    assert captured.findings == ()
    assert captured.environment.lock is not None


def test_hashed_requirements_are_a_lock(stocked: Desk) -> None:
    stocked.install("alpha==1.0", "beta==1.0")
    (stocked.project / "requirements.txt").write_text(
        "# made by a tool\n--index-url https://example.org/simple\n-e .\n"
        f"Alpha==1.0 \\\n    --hash=sha256:{HASH} \\\n    --hash=sha256:{'d' * 64}  # via x\n"
        f"beta[extra]==2.0 ; python_version >= '3.8' --hash=sha256:{HASH}\n"
        f"gamma==1.0 ; sys_platform == 'win32' --hash=sha256:{HASH}\n"
    )
    captured = stocked.capture()
    assert [finding.detail for finding in captured.findings] == ["beta 1.0 installed, requirements.txt has 2.0"]
    lock = stocked.lock_of(captured.environment)
    assert lock is not None
    assert parse_lock(lock)[0].hashes == (HASH, "d" * 64)


def test_requirements_without_hashes_are_no_lock(stocked: Desk) -> None:
    stocked.install("alpha==1.0")
    (stocked.project / "requirements.txt").write_text("alpha==2.0\n")
    assert drift(stocked) == []


def test_the_named_lock_wins(stocked: Desk) -> None:
    write_uv_project(stocked, "alpha==2.0")
    (stocked.project / "locks").mkdir()
    (stocked.project / "locks/gpu.txt").write_text(f"alpha==1.0 --hash=sha256:{HASH}\n")
    stocked.install("alpha==1.0")
    assert drift(stocked, project_lock="locks/gpu.txt") == []
    assert drift(stocked, project_lock=str(stocked.project / "locks/gpu.txt")) == []
    assert drift(stocked) == ["alpha 1.0 installed, uv.lock has 2.0"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("uv.lock", "version = 2\n"),
        ("uv.lock", "version = 1\n[[package]]\nname = 'x'\n"),
        ("uv.lock", "not toml"),
        ("pylock.toml", "lock-version = '2.0'\n"),
        ("pylock.toml", "lock-version = '1.0'\npackages = 7\n"),
    ],
)
def test_a_lock_that_cannot_be_read_is_a_finding(stocked: Desk, name: str, text: str) -> None:
    stocked.install("alpha==1.0")
    (stocked.project / name).write_text(text)
    captured = stocked.capture()
    assert [(finding.kind, finding.path) for finding in captured.findings] == [("unreadable-lock", name)]
    assert captured.environment.lock is not None


def test_a_named_lock_that_is_missing_is_a_finding(stocked: Desk) -> None:
    (finding,) = stocked.capture(project_lock="no/such.lock").findings
    assert (finding.kind, finding.path) == ("unreadable-lock", "no/such.lock")


def test_locks_are_looked_for_in_a_fixed_order(tmp_path: Path) -> None:
    hashed = f"alpha==1.0 --hash=sha256:{HASH}\n"
    assert find_project_lock(str(tmp_path)) is None
    for name in ("requirements-dev.txt", "requirements.txt", "requirements.lock", "pylock.toml", "uv.lock"):
        (tmp_path / name).write_text(hashed)
        assert find_project_lock(str(tmp_path)) == name
