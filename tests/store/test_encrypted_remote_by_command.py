"""As a user has it: a remote is added with a key, pushed to, and rebuilt from elsewhere; and all that is refused."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command_line import Person
from tests.remote_servers import web_server


@dataclass(frozen=True)
class Encrypted:
    """Ann's project with a run on an encrypted remote."""

    ann: Person
    far: Path
    key: Path
    run: str

    def files(self) -> list[Path]:
        return [path for path in self.far.rglob("*") if path.is_file() and path.name != "repro-remote"]


@pytest.fixture
def encrypted(project: Person, tmp_path: Path) -> Encrypted:
    far, key = tmp_path / "far", tmp_path / "ann" / "store.key"
    project.repro("remote", "add", "store", str(far), "--encrypt", "--key-file", str(key))
    project.git("add", "--all")
    project.git("commit", "--quiet", "--message", "remote")
    project.repro("run", "--", "python", "train.py")
    project.repro("push")
    return Encrypted(project, far, key, project.runs()[-1])


def error_of(person: Person, *arguments: str, expect: int) -> str:
    return str(person.repro_json(*arguments, expect=expect)["error"]["id"])


def test_nothing_that_was_pushed_can_be_read_at_the_place_and_whoever_has_the_key_rebuilds(
    encrypted: Encrypted, bob: Person, tmp_path: Path
) -> None:
    manifest = (encrypted.ann.cwd / ".repro" / "runs" / f"{encrypted.run}.yaml").read_text()
    digests = [word[3:] for word in manifest.split() if word.startswith("b3:")]
    assert len(digests) > 3
    words = ["numbers", "train", "runs", "packs", "objects", "python", encrypted.run, encrypted.run[:15]]
    words += [word[at : at + 12] for word in digests for at in (0, 2)]
    assert encrypted.files()
    for path in encrypted.files():
        data = path.read_bytes()
        assert data.startswith(b"repro-encrypted1")
        for word in words:
            assert word not in str(path.relative_to(encrypted.far))
            assert word.encode() not in data
            assert word not in (encrypted.far / "repro-remote").read_text()

    elsewhere = bob.having(REPRO_KEY_FILE=str(encrypted.key))
    answer = elsewhere.repro_json("rebuild", "--from", str(encrypted.far), encrypted.run[:15])
    assert answer["verdict"] == "identical"
    assert elsewhere.repro_json("verify", "--from", str(encrypted.far), encrypted.run)["findings"] == []


def test_a_run_is_rebuilt_from_a_web_server_that_can_read_nothing(
    encrypted: Encrypted, bob: Person, tmp_path: Path
) -> None:
    with web_server(tmp_path) as port:
        url = f"http://127.0.0.1:{port}/far"
        assert error_of(bob, "rebuild", "--from", url, encrypted.run, expect=5) == "encrypted-remote"
        elsewhere = bob.having(REPRO_KEY_FILE=str(encrypted.key))
        assert elsewhere.repro_json("rebuild", "--from", url, encrypted.run)["verdict"] == "identical"


def test_a_key_is_kept_for_its_owner_alone_and_no_committed_file_knows_it(encrypted: Encrypted) -> None:
    assert stat.S_IMODE(encrypted.key.stat().st_mode) == 0o600
    text = encrypted.key.read_text()
    assert text.startswith("repro-key-1:")
    found = encrypted.ann.call("git", "grep", "-e", "store.key", "-e", text.strip(), "HEAD")
    assert (found.returncode, found.stdout) == (1, "")
    assert "encryption: required" in (encrypted.ann.cwd / "repro.yaml").read_text()
    listed = encrypted.ann.repro_json("remote", "list")["remotes"]
    assert [(remote["name"], remote["encrypted"]) for remote in listed] == [("store", True)]


def test_without_the_key_or_with_another_nothing_is_read_or_written(
    encrypted: Encrypted, bob: Person, tmp_path: Path
) -> None:
    far = str(encrypted.far)
    assert error_of(bob, "rebuild", "--from", far, encrypted.run, expect=5) == "encrypted-remote"
    other = tmp_path / "bob" / "other.key"
    other.write_text(encrypted.key.read_text())
    assert error_of(bob.having(REPRO_KEY_FILE="absent"), "verify", "--from", far, encrypted.run, expect=3) == "no-key"
    other.write_text("hunter2")
    wrong = bob.having(REPRO_KEY_FILE=str(other))
    assert error_of(wrong, "verify", "--from", far, encrypted.run, expect=3) == "bad-key"
    _new_key(other)
    assert error_of(wrong, "rebuild", "--from", far, encrypted.run, expect=5) == "wrong-key"
    assert not list((bob.home / ".local" / "share").rglob("*.yaml"))


def _new_key(path: Path) -> None:
    from repro.model.remote_key import key_text
    from repro.store.encryption.key_sources import new_key

    path.write_text(key_text(new_key()) + "\n")


def test_a_clone_is_told_where_the_key_is_and_fetches(encrypted: Encrypted, bob: Person) -> None:
    bob.git("clone", "--quiet", str(encrypted.ann.cwd), "clone")
    clone = bob.at(bob.cwd / "clone")
    assert error_of(clone, "pull", expect=5) == "encrypted-remote"
    assert error_of(clone, "push", "-r", "store", expect=5) == "encrypted-remote"
    clone.repro("remote", "key", "store", "--key-file", str(encrypted.key))
    clone.repro("pull")
    assert (clone.cwd / "data" / "numbers.csv").read_text() == "1\n2\n3\n"
    clone.repro("fetch", "--all")
    assert [one["run"] for one in clone.repro_json("log")["runs"]] == [encrypted.run]
    assert clone.git("status", "--porcelain", "--", "repro.yaml", ".repro/local.yaml") == ""
    # The key goes with the place.
    assert clone.repro_json("verify", "--from", f"file://{encrypted.far}/", encrypted.run)["findings"] == []


def test_a_changed_byte_at_the_place_is_exit_code_4(encrypted: Encrypted, bob: Person) -> None:
    for path in encrypted.files():
        data = path.read_bytes()
        path.chmod(0o600)
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elsewhere = bob.having(REPRO_KEY_FILE=str(encrypted.key))
    assert error_of(elsewhere, "rebuild", "--from", str(encrypted.far), encrypted.run, expect=4) == "tampered-file"


def test_a_required_key_that_nobody_has_lets_nothing_out(project: Person, tmp_path: Path) -> None:
    far = tmp_path / "far"
    project.write("repro.yaml", f"remotes:\n  store:\n    url: {far}\n    encryption: required\n")
    assert error_of(project, "push", expect=5) == "encrypted-remote"
    assert not far.exists()
    _new_key(tmp_path / "key")
    project.having(REPRO_KEY_FILE=str(tmp_path / "key")).repro("push")
    assert "encryption" in json.loads((far / "repro-remote").read_text())


def test_a_plain_remote_is_refused_with_a_key_and_taken_without(project: Person, bob: Person, tmp_path: Path) -> None:
    far = tmp_path / "far"
    project.repro("remote", "add", "store", str(far))
    _new_key(tmp_path / "key")
    project = project.having(REPRO_KEY_FILE=str(tmp_path / "key"))
    project.repro("push")  # the settings know it as plain
    assert "encryption" not in (far / "repro-remote").read_text()
    project.repro("remote", "key", "store", "--key-file", str(tmp_path / "key"))
    assert error_of(project, "push", expect=5) == "plain-remote"
    unsure = bob.having(REPRO_KEY_FILE=str(tmp_path / "key"))
    assert error_of(unsure, "verify", "--from", str(far), "20200101-000000-aaaaaaaa", expect=5) == "plain-remote"


HOSTILE = """\
remotes:
  store:
    encryption:
      key_command: touch pwned; cat key
"""


def test_a_command_that_came_with_a_clone_is_never_called(encrypted: Encrypted, bob: Person) -> None:
    bob.git("clone", "--quiet", str(encrypted.ann.cwd), "clone")
    clone = bob.at(bob.cwd / "clone")
    clone.write("key", encrypted.key.read_text())
    clone.write(".repro/local.yaml", HOSTILE)
    clone.git("add", "--force", ".repro/local.yaml")
    assert error_of(clone, "pull", expect=2) == "unsafe-key-source"
    clone.git("rm", "--quiet", "--cached", ".repro/local.yaml")

    clone.cwd.joinpath(".repro").rename(clone.cwd / "folder")
    (clone.cwd / ".repro").symlink_to("folder")
    assert error_of(clone, "pull", expect=2) == "unsafe-key-source"
    (clone.cwd / ".repro").unlink()
    clone.cwd.joinpath("folder").rename(clone.cwd / ".repro")

    (clone.cwd / ".repro" / "local.yaml").rename(clone.cwd / "repro.yaml")
    assert error_of(clone, "pull", expect=2) == "bad-settings"
    assert not (clone.cwd / "pwned").exists()

    clone.git("checkout", "--quiet", "repro.yaml")
    clone.write(".repro/local.yaml", HOSTILE)
    clone.repro("pull")
    assert (clone.cwd / "pwned").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_command_that_another_user_named_is_never_called(encrypted: Encrypted) -> None:
    key = encrypted.key.read_text()
    encrypted.ann.write("key", key)
    path = encrypted.ann.write(".repro/local.yaml", HOSTILE)
    os.chown(path, 65534, 65534)
    assert error_of(encrypted.ann, "verify", "--from", "store", encrypted.run, expect=2) == "unsafe-key-source"
    assert not (encrypted.ann.cwd / "pwned").exists()
    encrypted.ann.write(".repro/local.yaml", HOSTILE.replace("key_command: touch pwned; cat key", "key_file: key"))
    assert encrypted.ann.repro_json("verify", "--from", "store", encrypted.run)["findings"] == []


def test_cryptography_that_is_not_installed_is_named_before_a_key_is_made(project: Person, tmp_path: Path) -> None:
    _make_missing(tmp_path, "cryptography")
    person = project.having(PYTHONPATH=str(tmp_path / "missing"))
    far, key = str(tmp_path / "far"), tmp_path / "key"
    told = person.repro("remote", "add", "store", far, "--encrypt", "--key-file", str(key), expect=3).stderr
    assert "repro-run[crypto]" in told
    assert not key.exists()
    assert not (project.cwd / "repro.yaml").exists()
    person.repro("remote", "add", "plain", far)  # what is plain needs nothing
    person.repro("push")


def test_a_keyring_that_is_not_installed_is_named(project: Person, tmp_path: Path) -> None:
    _make_missing(tmp_path, "keyring")
    person = project.having(PYTHONPATH=str(tmp_path / "missing"))
    told = person.repro("remote", "add", "store", str(tmp_path / "far"), "--encrypt", "--keyring", "x", expect=3).stderr
    assert "repro-run[keyring]" in told


def _make_missing(tmp_path: Path, package: str) -> None:
    folder = tmp_path / "missing" / package
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise ImportError(__name__)\n")


def test_a_key_is_not_kept_where_it_would_be_committed_or_pushed(project: Person, tmp_path: Path) -> None:
    def add(path: str, expect: int) -> str:
        return project.repro(
            "remote", "add", "store", str(tmp_path / "far"), "--encrypt", "--key-file", path, expect=expect
        ).stderr

    assert "would be committed" in add("store.key", expect=2)
    assert "tracked data" in add("data/store.key", expect=2)
    _new_key(project.cwd / "mine.key")
    assert "would be committed" in add("mine.key", expect=2)
    assert not (project.cwd / "store.key").exists()
    assert not (project.cwd / "repro.yaml").exists()
    project.write(".gitignore", "*.key\n")
    add("store.key", expect=0)
    assert (project.cwd / "store.key").exists()


def test_what_exists_and_is_no_key_is_not_written_over(project: Person, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    arguments = ("remote", "add", "store", str(tmp_path / "far"), "--encrypt", "--key-file", str(tmp_path / "mine"))
    assert "precious" not in project.repro(*arguments, expect=3).stderr
    assert (tmp_path / "mine").read_text() == "precious"
    assert not (project.cwd / "repro.yaml").exists()
    _new_key(tmp_path / "mine")
    before = (tmp_path / "mine").read_text()
    project.repro(*arguments)
    assert (tmp_path / "mine").read_text() == before


def test_a_key_that_nobody_placed_lies_beside_the_users_settings(project: Person, tmp_path: Path) -> None:
    told = project.repro("remote", "add", "store", str(tmp_path / "far"), "--encrypt", "--local").stderr
    (key,) = (project.home / ".config" / "repro" / "keys").iterdir()
    assert str(key) in told
    assert "keep a copy" in told
    project.repro("push")
    assert key.stem.split("-")[1] in (tmp_path / "far" / "repro-remote").read_text()
    assert not (project.cwd / "repro.yaml").exists()


def test_a_name_that_is_taken_makes_no_key(project: Person, tmp_path: Path) -> None:
    project.repro("remote", "add", "store", str(tmp_path / "far"))
    project.repro("remote", "add", "store", str(tmp_path / "far"), "--encrypt", expect=2)
    assert not (project.home / ".config").exists()


def test_removing_a_remote_forgets_where_its_key_is_and_keeps_the_key(encrypted: Encrypted) -> None:
    encrypted.ann.repro("remote", "remove", "store")
    assert "store" not in (encrypted.ann.cwd / ".repro" / "local.yaml").read_text()
    assert encrypted.key.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "x", "/x", "--key-file", "k"),
        ("add", "x", "/x", "--encrypt", "--key-file", "k", "--keyring", "k"),
        ("key", "x"),
        ("key", "nobody", "--key-command", "true"),
    ],
)
def test_what_has_no_meaning_is_refused(project: Person, arguments: tuple[str, ...]) -> None:
    project.repro("remote", *arguments, expect=2)
    assert not (project.cwd / "k").exists()


RING = """\
import json, os
from keyring.backend import KeyringBackend
PATH = os.environ["RING"]
class Ring(KeyringBackend):
    priority = 1
    def _kept(self):
        return json.load(open(PATH)) if os.path.exists(PATH) else {}
    def get_password(self, service, username):
        return self._kept().get(service + "/" + username)
    def set_password(self, service, username, password):
        json.dump({**self._kept(), service + "/" + username: password}, open(PATH, "w"))
"""


def test_a_command_and_a_keyring_give_keys(encrypted: Encrypted, tmp_path: Path) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "file_ring.py").write_text(RING)
    ann = encrypted.ann.having(
        PYTHONPATH=str(tmp_path / "modules"), PYTHON_KEYRING_BACKEND="file_ring.Ring", RING=str(tmp_path / "ring.json")
    )
    ann.repro("remote", "add", "ring", str(tmp_path / "far2"), "--encrypt", "--keyring", "lab")
    (kept,) = json.loads((tmp_path / "ring.json").read_text()).items()
    assert kept[0] == "repro/lab"
    ann.repro("push", "-r", "ring")
    # The same key, by a command.
    (tmp_path / "key").write_text(kept[1])
    ann.repro("remote", "key", "ring", "--key-command", f"cat '{tmp_path}/key'")
    (tmp_path / "ring.json").unlink()
    assert ann.repro_json("verify", "--from", "ring", encrypted.run)["findings"] == []
    (tmp_path / "key").unlink()
    assert error_of(ann, "verify", "--from", "ring", encrypted.run, expect=3) == "no-key"
