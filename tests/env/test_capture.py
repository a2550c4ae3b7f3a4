from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from repro.actions.environments.lock import _in_short
from repro.env.pip.lock_file import parse_lock
from repro.env.pip.probe import BrokenInterpreter
from repro.model.environments.environment import ProjectInstall, VcsInstall
from repro.model.finding import Finding
from tests.env.conftest import BASE_PYTHON, Desk
from tests.env.small_index import make_wheel, sha256


def write_package(folder: Path, name: str, version: str = "0.1") -> None:
    """A source tree with a build backend of its own, so that no index is asked for one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "{version}"\n'
    )
    (folder / f"{name}.py").write_text(f"WHO = '{name} from source'\n")
    (folder / "backend.py").write_text(
        f"""
import os, zipfile
def _wheel(directory, members):
    info = "{name}-{version}.dist-info"
    members[info + "/METADATA"] = "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
    members[info + "/WHEEL"] = "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    members[info + "/RECORD"] = "".join(m + ",,\\n" for m in [*members, info + "/RECORD"])
    file = "{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, file), "w") as archive:
        for path, text in members.items():
            archive.writestr(path, text)
    return file
def build_wheel(directory, config_settings=None, metadata_directory=None):
    return _wheel(directory, {{"{name}.py": open("{name}.py").read()}})
def build_editable(directory, config_settings=None, metadata_directory=None):
    return _wheel(directory, {{"{name}.pth": os.getcwd() + "\\n"}})
"""
    )


def git(folder: Path, *arguments: str) -> str:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}
    plain = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_GLOBAL": os.devnull, **who}
    done = subprocess.run(["git", *arguments], cwd=folder, env=plain, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit_all(folder: Path) -> str:
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    return git(folder, "rev-parse", "HEAD")


def of_kind(findings: tuple[Finding, ...], kind: str) -> list[Finding]:
    return [finding for finding in findings if finding.kind == kind]


# ---- what an index serves


def test_a_package_is_locked_by_all_its_files_on_the_index(desk: Desk) -> None:
    files = {sha256(desk.index.add("alpha", "1.0")), sha256(desk.index.add("alpha", "1.0", build="1", body="# b"))}
    desk.index.add("alpha", "2.0")
    desk.install("alpha==1.0")
    captured = desk.capture()
    assert captured.environment.packages == (("alpha", "1.0"),)
    assert captured.findings == ()
    lock = desk.lock_of(captured.environment)
    assert lock is not None
    (package,) = parse_lock(lock)
    assert (package.name, package.version, set(package.hashes)) == ("alpha", "1.0", files)


def test_the_same_packages_give_the_same_environment_and_ask_nobody(desk: Desk) -> None:
    desk.index.add("alpha", "1.0")
    desk.install("alpha")
    first = desk.capture()
    desk.index.requests.clear()
    assert desk.capture() == first
    assert desk.index.requests == []
    desk.index.stop()
    assert desk.capture(UV_CACHE_DIR=str(desk.folder / "empty")) == first


def test_an_empty_environment_has_no_lock(desk: Desk) -> None:
    captured = desk.capture()
    assert captured.environment.lock is None
    assert captured.environment.packages == ()
    assert captured.findings == ()


def test_a_version_the_index_lacks_does_not_take_the_others_with_it(desk: Desk) -> None:
    for name in ("alpha", "beta", "gamma", "delta"):
        desk.index.add(name, "1.0")
    desk.install("alpha", "beta", "gamma", "delta")
    desk.index.remove("beta", "1.0")
    desk.index.add("beta", "9.0")
    (desk.index.root / "simple/delta/index.html").unlink()
    (desk.index.root / "simple/delta").rmdir()
    captured = desk.capture(UV_CACHE_DIR=str(desk.folder / "empty"))
    assert captured.environment.unlocked == ("beta", "delta")
    lock = desk.lock_of(captured.environment)
    assert lock is not None
    assert [package.name for package in parse_lock(lock)] == ["alpha", "gamma"]
    said = of_kind(captured.findings, "environment-unlocked")
    assert [finding.detail for finding in said] == [
        "beta 1.0 is not pinned: the index does not have this version",
        "delta 1.0 is not pinned: the index does not have this version",
    ]
    assert all(finding.hint and "repro env lock" in finding.hint for finding in said)


def test_what_the_index_lacks_is_not_asked_for_again_unless_told(desk: Desk) -> None:
    wheel = desk.index.add("alpha", "1.0")
    desk.install("alpha")
    kept = wheel.read_bytes()
    desk.index.remove("alpha", "1.0")
    uncached = str(desk.folder / "empty")
    assert desk.capture(UV_CACHE_DIR=uncached).environment.unlocked == ("alpha",)
    desk.index.requests.clear()
    assert desk.capture(UV_CACHE_DIR=uncached).environment.unlocked == ("alpha",)
    assert desk.index.requests == []
    wheel.write_bytes(kept)
    desk.index.list_wheels("alpha")
    assert desk.capture(UV_CACHE_DIR=str(desk.folder / "other"), refresh=True).environment.unlocked == ()


def test_without_the_index_each_package_is_named_and_the_capture_goes_on(desk: Desk) -> None:
    desk.index.add("alpha", "1.0")
    desk.index.add("beta", "1.0")
    desk.install("alpha", "beta")
    desk.index.stop()
    captured = desk.capture(UV_CACHE_DIR=str(desk.folder / "empty"))
    assert captured.environment.unlocked == ("alpha", "beta")
    assert captured.environment.packages == (("alpha", "1.0"), ("beta", "1.0"))
    assert all("cannot be reached" in f.detail for f in of_kind(captured.findings, "environment-unlocked"))


def test_a_reason_that_holds_for_many_packages_is_said_once() -> None:
    reasons = [f"p{number} 1.0 is not pinned: the index is gone" for number in range(5)]
    said = _in_short([*reasons, "own 2 is not pinned: it is a folder"])
    assert said == "p0 1.0, p1 1.0, p2 1.0 and 2 more: the index is gone; own 2: it is a folder"


def test_without_the_index_uvs_cache_still_knows_what_it_installed(desk: Desk) -> None:
    desk.index.add("alpha", "1.0")
    desk.install("alpha")
    desk.index.stop()
    assert desk.capture().environment.unlocked == ()


def test_offline_asks_nobody(desk: Desk) -> None:
    desk.index.add("alpha", "1.0")
    desk.install("alpha")
    desk.index.requests.clear()
    captured = desk.capture(offline=True, UV_CACHE_DIR=str(desk.folder / "empty"))
    assert captured.environment.unlocked == ("alpha",)
    assert desk.index.requests == []


def test_pips_index_settings_count_where_uv_has_none(desk: Desk) -> None:
    desk.index.add("alpha", "1.0")
    desk.install("alpha")
    url = desk.environ.pop("UV_DEFAULT_INDEX")
    assert desk.capture(PIP_INDEX_URL=url).environment.unlocked == ()


def test_a_wheel_of_a_find_links_folder_is_kept(desk: Desk) -> None:
    folder = desk.folder / "links"
    make_wheel(folder, "local", "1.0+cu126", build="2", body="# another")
    wheel = make_wheel(folder, "local", "1.0+cu126")
    desk.uv("pip", "install", "--python", desk.python, "--no-index", "--find-links", str(folder), "local")
    captured = desk.capture(PIP_FIND_LINKS=str(folder))
    (kept,) = captured.environment.wheels
    installed = next(desk.venv.glob("lib/python*/site-packages/local.py")).read_text()
    assert captured.environment.unlocked == ()
    assert (kept.name, kept.version) == ("local", "1.0+cu126")
    assert (kept.sha256 == sha256(wheel)) == ("# another" not in installed)
    assert desk.objects.held[kept.object.digest] == (folder / kept.file).read_bytes()


# ---- what no index serves


def test_an_editable_of_the_project_is_code(desk: Desk) -> None:
    write_package(desk.project, "mine")
    write_package(desk.project / "libs/other", "other")
    desk.install("-e", str(desk.project), "-e", str(desk.project / "libs/other"))
    captured = desk.capture()
    assert captured.environment.project == (
        ProjectInstall("mine", "0.1", ".", True),
        ProjectInstall("other", "0.1", "libs/other", True),
    )
    assert captured.environment.lock is None
    assert captured.findings == ()


def test_a_plain_install_of_the_project_is_code_too(desk: Desk) -> None:
    write_package(desk.project, "mine")
    desk.install(str(desk.project))
    assert desk.capture().environment.project == (ProjectInstall("mine", "0.1", ".", False),)


def test_an_editable_outside_the_project_is_refused_with_a_hint(desk: Desk) -> None:
    write_package(desk.folder / "elsewhere", "theirs")
    desk.install("-e", str(desk.folder / "elsewhere"))
    captured = desk.capture(describe_checkout=lambda path: None)
    assert captured.environment.unlocked == ("theirs",)
    (finding,) = of_kind(captured.findings, "environment-unlocked")
    assert str(desk.folder / "elsewhere") in finding.detail
    assert "git+https" in (finding.hint or "")


def test_an_editable_outside_the_project_is_pinned_by_its_commit(desk: Desk) -> None:
    folder = desk.folder / "elsewhere"
    write_package(folder, "theirs")
    desk.install("-e", str(folder))
    seen = []

    def describe(path: str) -> tuple[str, str]:
        seen.append(path)
        return "https://ann:secret@example.org/theirs.git", "a" * 40

    captured = desk.capture(describe_checkout=describe)
    assert seen == [str(folder)]
    assert captured.environment.vcs == (VcsInstall("theirs", "0.1", "git", "https://example.org/theirs.git", "a" * 40),)
    assert captured.environment.unlocked == ()


def test_a_git_install_is_pinned_by_its_commit(desk: Desk) -> None:
    repository = desk.folder / "repository"
    write_package(repository / "sub", "theirs")
    commit = commit_all(repository)
    desk.install(f"theirs @ git+file://{repository}#subdirectory=sub")
    captured = desk.capture()
    assert captured.environment.vcs == (VcsInstall("theirs", "0.1", "git", f"file://{repository}", commit, "sub"),)
    (finding,) = captured.findings
    assert finding.kind == "environment-local-source"


def test_a_local_wheel_is_kept_as_an_object(desk: Desk) -> None:
    wheel = make_wheel(desk.folder / "local", "alpha", "1.0")
    desk.install(str(wheel))
    captured = desk.capture()
    (kept,) = captured.environment.wheels
    assert (kept.name, kept.version, kept.file, kept.sha256) == ("alpha", "1.0", wheel.name, sha256(wheel))
    assert desk.objects.held[kept.object.digest] == wheel.read_bytes()


def test_a_local_wheel_that_changed_or_went_is_not_pinned(desk: Desk) -> None:
    wheel = make_wheel(desk.folder / "local", "alpha", "1.0")
    desk.install(str(wheel))
    make_wheel(desk.folder / "local", "alpha", "1.0", body="# another")
    captured = desk.capture()
    assert captured.environment.unlocked == ("alpha",)
    assert "is not what is installed" in captured.findings[0].detail
    wheel.unlink()
    assert "not there any more" in desk.capture().findings[0].detail


def test_a_wheel_with_a_recorded_hash_is_held_to_it(desk: Desk) -> None:
    wheel = make_wheel(desk.folder / "local", "alpha", "1.0")
    desk.install(str(wheel))
    info = next(desk.venv.glob("lib/python*/site-packages/alpha-1.0.dist-info"))
    recorded = {"url": wheel.as_uri(), "archive_info": {"hashes": {"sha256": "0" * 64}}}
    (info / "direct_url.json").write_text(json.dumps(recorded))
    assert "has changed since it was installed" in desk.capture().findings[0].detail
    recorded["archive_info"] = {"hash": f"sha256={sha256(wheel)}"}
    (info / "direct_url.json").write_text(json.dumps(recorded))
    assert desk.capture().environment.wheels[0].sha256 == sha256(wheel)


def test_an_archive_at_a_url_is_locked_without_credentials(desk: Desk) -> None:
    wheel = make_wheel(desk.folder / "local", "alpha", "1.0")
    desk.install(str(wheel))
    info = next(desk.venv.glob("lib/python*/site-packages/alpha-1.0.dist-info"))
    url = f"https://ann:pa55@example.org/{wheel.name}?x=1&access_token=t0p#sha256=00"
    (info / "direct_url.json").write_text(json.dumps({"url": url, "archive_info": {"hashes": {"sha256": "a" * 64}}}))
    lock = desk.lock_of(desk.capture().environment)
    assert lock is not None
    assert b"pa55" not in lock
    assert b"t0p" not in lock
    (package,) = parse_lock(lock)
    assert (package.url, package.hashes) == (f"https://example.org/{wheel.name}?x=1", ("a" * 64,))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"url": 7}', '{"url": "https://x/y.whl"}', '{"url": "http://[", "dir_info": {}}']
)
def test_a_direct_url_that_makes_no_sense_is_a_finding(desk: Desk, text: str) -> None:
    desk.install(str(make_wheel(desk.folder / "local", "alpha", "1.0")))
    info = next(desk.venv.glob("lib/python*/site-packages/alpha-1.0.dist-info"))
    (info / "direct_url.json").write_text(text)
    captured = desk.capture()
    assert captured.environment.unlocked == ("alpha",)
    assert len(captured.findings) == 1


def test_metadata_of_source_on_the_path_is_code_and_no_package(desk: Desk) -> None:
    left_over = desk.project / "src/mine.egg-info"
    left_over.mkdir(parents=True)
    (left_over / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 0.1\n")
    assert desk.capture(PYTHONPATH="src").environment.packages == ()


def test_the_interpreter_must_run(desk: Desk) -> None:
    (desk.venv / "bin/python").unlink()
    with pytest.raises(BrokenInterpreter):
        desk.capture()


def test_credentials_of_the_index_enter_nowhere(desk: Desk) -> None:
    desk.index.add("alpha", "1.0")
    desk.install("alpha")
    with_password = desk.index.url.replace("http://", "http://ann:pa55word@")
    captured = desk.capture(UV_DEFAULT_INDEX=with_password, UV_CACHE_DIR=str(desk.folder / "c"))
    assert captured.environment.unlocked == ()
    desk.index.stop()
    failed = desk.capture(UV_INDEX=with_password, UV_CACHE_DIR=str(desk.folder / "d"))
    assert failed.environment.unlocked == ("alpha",)
    everything = repr((captured, failed, desk.objects.held)).encode()
    everything += b"".join(p.read_bytes() + p.name.encode() for p in (desk.folder / "memo").rglob("*") if p.is_file())
    assert b"pa55word" not in everything


def test_the_observations_say_which_interpreter_it_was(desk: Desk) -> None:
    seen = desk.capture().observations
    assert seen.executable == desk.python
    assert seen.base_executable == BASE_PYTHON
    assert seen.build


def test_overrides_and_constraints_of_the_project_hide_nothing(desk: Desk) -> None:
    one = desk.index.add("alpha", "1.0")
    desk.index.add("alpha", "2.0")
    desk.index.add("beta", "1.0")
    desk.install("alpha==1.0", "beta")
    (desk.project / "pyproject.toml").write_text(
        '[project]\nname = "work"\nversion = "0"\n[tool.uv]\n'
        'override-dependencies = ["alpha==2.0"]\nconstraint-dependencies = ["beta>5"]\n'
    )
    captured = desk.capture()
    assert captured.environment.unlocked == ()
    lock = desk.lock_of(captured.environment)
    assert lock is not None
    assert parse_lock(lock)[0].hashes == (sha256(one),)


def test_the_projects_own_index_is_asked(desk: Desk) -> None:
    desk.index.add("alpha", "1.0")
    desk.install("alpha")
    (desk.project / "uv.toml").write_text(
        f'[[index]]\nurl = "{desk.environ.pop("UV_DEFAULT_INDEX")}"\ndefault = true\n'
    )
    assert desk.capture(UV_CACHE_DIR=str(desk.folder / "empty")).environment.unlocked == ()


def test_a_memo_that_is_damaged_or_cannot_be_written_costs_nothing_but_time(desk: Desk) -> None:
    desk.index.add("alpha", "1.0")
    desk.install("alpha")
    first = desk.capture()
    for memo in (desk.folder / "memo").rglob("*"):
        if memo.is_file():
            memo.write_text("not a hash\n")
    assert desk.capture() == first
    shutil.rmtree(desk.folder / "memo")
    (desk.folder / "memo").write_text("a file where a folder should be")
    assert desk.capture() == first


def test_a_version_that_is_not_normalised_is_found_on_the_index(desk: Desk) -> None:
    wheel = make_wheel(desk.index.root / "files", "alpha", "2024.01.05")
    desk.index.list_wheels("alpha")
    desk.uv("pip", "install", "--python", desk.python, "--no-index", "--find-links", str(wheel.parent), "alpha")
    captured = desk.capture()
    assert captured.environment.packages == (("alpha", "2024.1.5"),)
    assert captured.environment.unlocked == ()
    assert desk.realise(captured.environment).prefix


def test_one_version_that_is_none_does_not_take_the_others_with_it(desk: Desk) -> None:
    desk.index.add("alpha", "1.0")
    desk.install("alpha")
    legacy = next(desk.venv.glob("lib/python*/site-packages")) / "old-1.0.egg-info"
    legacy.write_text("Metadata-Version: 1.0\nName: old\nVersion: 1.0-dev-unknown\n")
    captured = desk.capture()
    assert captured.environment.packages == (("alpha", "1.0"), ("old", "1.0-dev-unknown"))
    assert captured.environment.unlocked == ("old",)
