"""An environment archived with the data: rebuilt when the index has gone, with no network at all."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from uv import find_uv_bin

from repro.model.environments.archive import parse_archive
from repro.store.records.archives import ArchiveRecords
from tests.command_line import REPRO, Person, make_venv
from tests.env.own_package import BACKEND as OWN_BACKEND
from tests.env.own_package import pyproject
from tests.env.small_index import SmallIndex, make_wheel, sha256


@dataclass(frozen=True)
class Desk:
    """Ann, with a virtual environment and an index; a remote; and Bob, who has nothing."""

    ann: Person
    bob: Person
    index: SmallIndex
    remote: Path

    def install(self, *what: str) -> None:
        done = self.ann.call(find_uv_bin(), "pip", "install", "-q", "-p", str(self.ann.venv / "bin/python"), *what)
        assert done.returncode == 0, done.stderr

    def run(self, *options: str) -> str:
        self.ann.repro("run", *options, "--", "python", "train.py")
        return self.ann.runs()[-1]

    def archives(self) -> list[Path]:
        return sorted((self.ann.cwd / ".repro/archives").glob("*/*.yaml"))


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SmallIndex]:
    (tmp_path / "index").mkdir()
    index = SmallIndex(tmp_path / "index")
    index.add("alpha", "1.0", script="alpha-cli")
    index.add("beta", "2.0")
    index.start()
    yield index
    index.stop()


@pytest.fixture
def desk(ann: Person, bob: Person, index: SmallIndex, tmp_path: Path) -> Desk:
    uv = {"UV_DEFAULT_INDEX": index.url, "UV_HTTP_RETRIES": "0"}
    ann = replace(ann, venv=make_venv(tmp_path / "env", [find_uv_bin()])).having(
        UV_CACHE_DIR=str(tmp_path / "ann-uv"), **uv
    )
    ann.git("init", "--quiet")
    ann.write("train.py", "import alpha; open('who', 'w').write(alpha.WHO)\n")
    made = Desk(ann, bob.having(UV_CACHE_DIR=str(tmp_path / "bob-uv"), **uv), index, tmp_path / "remote")
    made.install("alpha")
    return made


def rebuild(desk: Desk, run: str, code: int = 0) -> Any:
    return desk.bob.repro_json("rebuild", run, "--from", str(desk.remote), expect=code)


def test_an_archived_run_is_rebuilt_when_the_index_has_gone(desk: Desk) -> None:
    run = desk.run()
    identity = desk.ann.manifest()["facts"]["recipe"]["id"]
    desk.ann.repro("push", "-r", str(desk.remote))
    said = desk.ann.repro_json("env", "archive", run)["runs"][0]
    assert [file["name"] for file in said["files"]] == ["alpha-1.0-py3-none-any.whl"]
    assert said["archived_now"] is True
    assert set(said["files"][0]) == {"name", "sha256", "size"}
    desk.ann.repro("push", "-r", str(desk.remote), run)  # the run is there already; its archive is not
    assert desk.ann.manifest()["facts"]["recipe"]["id"] == identity
    shutil.rmtree(desk.ann.home)
    desk.index.stop()
    assert rebuild(desk, run)["verdict"] == "identical"


def test_without_an_archive_the_same_run_cannot_be_rebuilt_then(desk: Desk) -> None:
    run = desk.run()
    desk.ann.repro("push", "-r", str(desk.remote))
    desk.index.stop()
    assert rebuild(desk, run, code=5)["error"]["id"] == "index-unreachable"


def test_a_rebuild_needs_no_network_at_all(desk: Desk) -> None:
    run = desk.run()
    desk.ann.repro("env", "archive")
    desk.ann.repro("push", "-r", str(desk.remote))
    alone = ["unshare", "-n"] if os.getuid() == 0 else ["unshare", "-Urn"]
    if desk.bob.call(*alone, "true").returncode:
        if os.environ.get("CI") == "true":
            pytest.fail("unshare does not work here")
        pytest.skip("unshare does not work here")
    done = desk.bob.call(*alone, *REPRO, "rebuild", run, "--from", str(desk.remote), "--sandbox", "none")
    assert done.returncode == 0, done.stderr


def test_what_was_installed_from_a_commit_is_archived_as_it_is_installed(desk: Desk, tmp_path: Path) -> None:
    source = tmp_path / "gamma"
    source.mkdir()
    (source / "gamma.py").write_text("WHO = 'gamma of a commit'\n")
    (source / "pyproject.toml").write_text(
        "[project]\nname = 'gamma'\nversion = '0.3'\n"
        "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n"
    )
    (source / "backend.py").write_text(BACKEND)
    for command in (["init", "-q"], ["add", "--all"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm1"]):
        subprocess.run(["git", *command], cwd=source, check=True, capture_output=True)
    desk.install(f"git+file://{source}")
    desk.ann.write("train.py", "import alpha, gamma; open('who', 'w').write(alpha.WHO + gamma.WHO)\n")
    run = desk.run()
    desk.ann.repro("push", "-r", str(desk.remote))
    said = desk.ann.repro_json("env", "archive", run)["runs"][0]
    assert [file["name"] for file in said["files"]] == ["alpha-1.0-py3-none-any.whl", "gamma-0.3-py3-none-any.whl"]
    [whole] = desk.archives()
    older = parse_archive(whole.read_bytes(), "older")
    whole.unlink()
    ArchiveRecords(str(desk.ann.cwd / ".repro")).add(replace(older, files=older.files[:1]))  # as they once were made
    assert desk.ann.repro_json("verify", run)["outside"] == "git hosts"
    again = desk.ann.repro_json("env", "archive", run)["runs"][0]
    assert (again["archived_now"], again["files"]) == (True, said["files"])
    assert desk.ann.repro_json("verify", run)["outside"] is None
    shutil.rmtree(source)
    answer = rebuild(desk, run, code=3)
    assert answer["verdict"] == "unbuildable", "the git host has forgotten it, and the archive is not there yet"
    assert "gamma" in answer["findings"][0]["detail"]
    assert "the git host" in answer["findings"][0]["hint"]
    desk.index.stop()
    desk.ann.repro("push", "-r", str(desk.remote), run)
    assert rebuild(desk, run)["verdict"] == "identical"
    made = desk.bob.repro("env", "create", run, "--from", str(desk.remote)).stdout.strip()
    (direct,) = Path(made).glob("lib/*/site-packages/gamma-0.3.dist-info/direct_url.json")
    assert "commit_id" in direct.read_text()


BACKEND = """\
import base64, hashlib, zipfile

def build_wheel(folder, config_settings=None, metadata_directory=None):
    members = {
        "gamma.py": open("gamma.py").read(),
        "gamma-0.3.dist-info/METADATA": "Metadata-Version: 2.1\\nName: gamma\\nVersion: 0.3\\n",
        "gamma-0.3.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    record = ""
    for name, text in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(text)}\\n"
    members["gamma-0.3.dist-info/RECORD"] = record + "gamma-0.3.dist-info/RECORD,,\\n"
    with zipfile.ZipFile(f"{folder}/gamma-0.3-py3-none-any.whl", "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return "gamma-0.3-py3-none-any.whl"
"""


def test_runs_with_one_environment_share_an_archive_and_environments_share_files(desk: Desk) -> None:
    first = desk.run()
    desk.ann.repro("env", "archive", first)
    desk.ann.write("train.py", "import alpha; open('who', 'w').write('again ' + alpha.WHO)\n")
    second = desk.run()
    assert desk.ann.repro_json("env", "archive", second)["runs"][0]["archived_now"] is False
    assert len(desk.archives()) == 1
    desk.install("beta")
    third = desk.run()
    desk.index.requests.clear()
    desk.ann.repro("env", "archive", third)
    assert len(desk.archives()) == 2
    asked = [path for path in desk.index.requests if path.endswith(".whl")]
    assert asked == ["/files/beta-2.0-py3-none-any.whl"]  # alpha's wheel is known


def test_the_settings_say_when_runs_are_archived(desk: Desk) -> None:
    desk.ann.write("repro.yaml", "environment: {archive: named}\n")
    desk.run()
    assert desk.archives() == []
    desk.run("-n", "good")
    assert len(desk.archives()) == 1


def test_a_run_that_cannot_be_archived_now_is_recorded_all_the_same(desk: Desk) -> None:
    desk.run()  # the hashes are remembered from here on
    desk.ann.write("repro.yaml", "environment: {archive: always}\n")
    desk.index.stop()
    done = desk.ann.repro("run", "--", "python", "train.py")
    assert len(desk.ann.runs()) == 2
    assert "repro env archive" in done.stderr or "environment" in done.stderr
    assert desk.archives() == []


def test_who_uses_no_network_is_told_of_an_environment_that_is_not_archived_and_of_no_other(desk: Desk) -> None:
    first = desk.run()
    desk.ann.write("repro.yaml", "environment: {archive: always}\n")
    offline = ("run", "--offline", "--", "python", "train.py")
    assert "is not archived: the network was not to be used" in desk.ann.repro(*offline).stderr
    assert desk.archives() == []
    desk.ann.repro("env", "archive", first)
    assert "archive" not in desk.ann.repro(*offline).stderr


def test_a_wheel_that_is_not_the_locks_is_not_archived(desk: Desk) -> None:
    run = desk.run()
    make_wheel(desk.index.root / "files", "alpha", "1.0", body="OTHER = 1")  # the page still says the old hash
    error = desk.ann.repro_json("env", "archive", run, expect=4)["error"]
    assert error["id"] == "package-hash-mismatch"
    assert desk.archives() == []


def test_a_package_that_has_vanished_cannot_be_archived_any_more(desk: Desk) -> None:
    run = desk.run()
    desk.index.remove("alpha", "1.0")
    assert desk.ann.repro_json("env", "archive", run, expect=3)["error"]["id"] == "package-gone"
    assert desk.archives() == []


def test_verify_says_what_a_rebuild_depends_on_and_looks_at_the_archive(desk: Desk) -> None:
    run = desk.run()
    assert "index" in desk.ann.repro_json("verify", run)["outside"]
    desk.ann.repro("env", "archive", run)
    verified = desk.ann.repro_json("verify", run)
    assert verified["outside"] is None
    (record,) = desk.archives()
    [file] = parse_archive(record.read_bytes(), "").files
    digits = file.object.digest[3:]
    (desk.ann.home / ".local/share/repro/objects" / digits[:2] / digits[2:]).unlink()
    assert "alpha-1.0-py3-none-any.whl (archived environment)" in desk.ann.repro("fsck", expect=1).stderr
    record.write_text(record.read_text().replace("sha256: ", "sha256: 0"))
    assert desk.ann.repro_json("verify", run, expect=4)["error"]


def test_what_builds_the_projects_own_package_is_archived_as_each_runs_code_says_it(desk: Desk) -> None:
    make_wheel(desk.index.root / "files", "own-backend", "1.0", body=OWN_BACKEND)
    desk.index.list_wheels("own-backend")
    desk.ann.write("pyproject.toml", pyproject())
    rules = "results: [who]\nrequire: {archived: store}\n"
    desk.ann.write("repro.yaml", f"remotes: {{store: {{url: {desk.remote}}}}}\n{rules}")
    desk.install("--editable", str(desk.ann.cwd))
    first = desk.run()
    desk.ann.repro("env", "archive", first)
    assert desk.ann.repro_json("verify", first)["outside"] is None

    desk.ann.write("pyproject.toml", pyproject("beta ; python_version < '4'", "alpha ; python_version < '3'"))
    desk.ann.write("train.py", "import alpha; open('who', 'w').write('again ' + alpha.WHO)\n")
    second = desk.run()
    said = desk.ann.repro("verify", second).stderr
    assert "depends on package indexes: what builds its own packages (beta) is not archived" in said
    desk.ann.repro("push")
    warned = rebuild(desk, second)
    assert warned["verdict"] == "identical"
    assert [f["detail"] for f in warned["findings"] if f["kind"] == "build-not-archived"] == [
        "the rebuild depends on package indexes: what builds its own packages (beta) is not archived"
    ]

    desk.ann.git("add", "--all")
    [refused] = desk.ann.repro_json("check", "--staged", expect=1)["findings"]
    assert (refused["kind"], refused["path"], refused["run"]) == ("not-archived", "who", second)
    assert "'store' has no archive of what builds its own packages (beta)" in refused["detail"]

    desk.index.requests.clear()
    assert desk.ann.repro_json("env", "archive", second)["runs"][0]["archived_now"] is True
    assert {path for path in desk.index.requests if path.startswith("/simple/")} == {"/simple/beta/"}, "that is new"
    assert desk.ann.repro_json("verify", second)["outside"] is None
    desk.ann.repro("push")
    assert desk.ann.repro_json("check", "--staged")["findings"] == []
    desk.index.stop()
    bob = desk.bob.having(UV_CACHE_DIR=str(desk.bob.home / "another-uv"))
    assert bob.repro_json("rebuild", second, "--from", str(desk.remote))["findings"] == []


ASKING = """

def get_requires_for_build_editable(config_settings=None):
    import os
    print("what it prints is not the answer")
    return ["beta >=1"] if os.path.exists("needs-beta") else []


def build_editable(folder, config_settings=None, metadata_directory=None, build=build_editable):
    import os
    if os.path.exists("needs-beta"):
        import beta
    return build(folder)
"""


def test_a_backend_that_fails_is_quoted_and_nothing_is_archived(desk: Desk) -> None:
    fails = "    if os.path.exists('broken'):\n        raise OSError('no compiler')\n    print("
    make_wheel(desk.index.root / "files", "own-backend", "1.0", body=OWN_BACKEND + ASKING.replace("    print(", fails))
    desk.index.list_wheels("own-backend")
    desk.ann.write("pyproject.toml", pyproject())
    desk.install("--editable", str(desk.ann.cwd))
    desk.ann.write("broken", "")
    run = desk.run()
    error = desk.ann.repro_json("env", "archive", run, expect=3)["error"]
    assert error["id"] == "backend-failed"
    assert "the build backend of own does not say what it needs" in error["message"]
    assert "OSError: no compiler" in error["message"]
    assert desk.archives() == []


def test_an_archive_of_which_only_the_record_came_by_git_stands_in_nobodys_way(desk: Desk) -> None:
    desk.ann.write("repro.yaml", f"remotes: {{store: {{url: {desk.remote}}}}}\n")
    run = desk.run()
    desk.ann.repro("push")
    desk.ann.repro("env", "archive", run)  # and nobody pushes it
    desk.ann.git("add", "--all")
    desk.ann.git("commit", "--quiet", "--message", "with the archive's record")
    clone = desk.bob.home / "clone"
    desk.bob.git("clone", "--quiet", str(desk.ann.cwd), str(clone))
    bob = desk.bob.at(clone)
    assert bob.repro_json("rebuild", run)["verdict"] == "identical"
    assert bob.repro_json("env", "archive", run)["runs"][0]["archived_now"] is True
    bob.repro("push", run)
    assert [finding["kind"] for finding in bob.repro_json("verify", run)["findings"]] == []


def test_a_clone_archives_a_run_whose_lock_only_the_remote_has(desk: Desk) -> None:
    desk.ann.write("repro.yaml", f"remotes: {{store: {{url: {desk.remote}}}}}\n")
    run = desk.run()
    desk.ann.repro("push")
    desk.ann.git("add", "--all")
    desk.ann.git("commit", "--quiet", "--message", "run")
    clone = desk.bob.home / "clone"
    desk.bob.git("clone", "--quiet", str(desk.ann.cwd), str(clone))
    assert desk.bob.at(clone).repro_json("env", "archive", run)["runs"][0]["archived_now"] is True


def test_what_is_not_pinned_cannot_be_archived_and_that_is_said(desk: Desk) -> None:
    desk.index.remove("alpha", "1.0")
    ann = desk.ann.having(UV_CACHE_DIR=str(desk.ann.home / "another-uv"))
    ann.repro("run", "--", "python", "train.py")
    error = ann.repro_json("env", "archive", expect=3)["error"]
    assert error["id"] == "not-archivable"
    assert "alpha was not pinned" in error["message"]
    assert "index" in ann.repro_json("verify", "@last", expect=1)["outside"]


@pytest.mark.parametrize(("says", "kind"), [("its own", "package-hash-mismatch"), ("the locked", "tampered-archive")])
def test_an_archive_with_another_file_is_refused_whichever_hash_its_record_has(
    desk: Desk, says: str, kind: str
) -> None:
    """Whoever can write to the remote can write a record; the recipe's lock does not take its wheel."""
    from blake3 import blake3

    run = desk.run()
    desk.ann.repro("env", "archive", run)
    (record,) = desk.archives()
    plain = yaml.safe_load(record.read_text())
    evil = make_wheel(desk.index.root / "evil", "alpha", "1.0", body="EVIL = 1")
    desk.ann.write("evil.bin", evil.read_bytes())
    desk.ann.repro("add", "evil.bin")
    if says == "its own":
        plain["files"][0]["sha256"] = sha256(evil)
    plain["files"][0]["object"] = {
        "size": evil.stat().st_size,
        "digest": "b3:" + blake3(evil.read_bytes()).hexdigest(),
    }
    data = yaml.safe_dump(plain).encode()
    record.unlink()
    (record.parent / f"{blake3(data).hexdigest()[:16]}.yaml").write_bytes(data)
    desk.ann.repro("push", "-r", str(desk.remote))
    answer = rebuild(desk, run, code=4)
    found = answer["error"] if "error" in answer else answer["findings"][0]
    assert kind in (found.get("id"), found.get("kind"))
    assert "the archive" in found["hint"]


def test_gc_keeps_what_an_archive_names_and_fsck_looks_at_it(desk: Desk) -> None:
    run = desk.run()
    desk.ann.repro("env", "archive", run)
    desk.ann.repro("push", "-r", str(desk.remote))
    desk.ann.repro("gc", "--delete", "--grace", "0")
    assert desk.ann.repro_json("verify", run)["outside"] is None
    assert desk.ann.repro_json("fsck")["findings"] == []
    assert desk.ann.repro_json("fsck", "-r", str(desk.remote))["findings"] == []
    (record,) = (desk.remote / "archives").glob("*/*.yaml")
    record.write_bytes(record.read_bytes() + b"# more\n")
    found = desk.ann.repro_json("fsck", "-r", str(desk.remote), expect=1)["findings"]
    assert [finding["kind"] for finding in found] == ["bad-archive"]


def test_fetch_brings_the_archive(desk: Desk) -> None:
    run = desk.run()
    desk.ann.repro("env", "archive", run)
    desk.ann.repro("push", "-r", str(desk.remote))
    desk.bob.git("init", "--quiet")
    desk.bob.repro("fetch", "-r", str(desk.remote), run)
    shutil.rmtree(desk.remote)
    desk.index.stop()
    assert desk.bob.repro_json("rebuild", run)["verdict"] == "identical"


def test_a_yanked_version_is_still_served_to_who_locked_it(desk: Desk) -> None:
    run = desk.run()
    desk.ann.repro("push", "-r", str(desk.remote))
    page = desk.index.root / "simple/alpha/index.html"
    page.write_text(page.read_text().replace("<a ", '<a data-yanked="broken" '))
    assert rebuild(desk, run)["verdict"] == "identical"


def test_an_archive_for_another_platform_is_refused_with_the_packages_name(desk: Desk) -> None:
    """What was recorded here is said to be of a machine whose wheels do not run here."""
    wheel = desk.index.root / "files/alpha-1.0-py3-none-any.whl"
    foreign = wheel.with_name("alpha-1.0-py3-none-win_amd64.whl")
    run = desk.run()
    desk.ann.repro("env", "archive", run)
    (record,) = desk.archives()
    plain = yaml.safe_load(record.read_text())
    plain["files"][0]["name"] = foreign.name
    from blake3 import blake3

    data = yaml.safe_dump(plain).encode()
    record.unlink()
    (record.parent / f"{blake3(data).hexdigest()[:16]}.yaml").write_bytes(data)
    desk.ann.repro("push", "-r", str(desk.remote))
    desk.index.stop()
    answer = rebuild(desk, run, code=3)
    assert answer["verdict"] == "unbuildable"
    assert "alpha" in answer["findings"][0]["detail"]
