"""Solving an environment.yml with a real channel, over file:// and HTTP."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from repro.env.conda import silent_channel
from repro.env.conda.channels import ChannelUnreachable, NoSuchChannel, failure_of
from repro.env.conda.pip_part import BadPipPart
from repro.env.conda.platform import platform_here, unmet_needs
from repro.env.conda.solve import BadMatchSpec, NoPackageHash, Unsolvable
from repro.model.environments.conda_lock import CondaLock
from repro.model.environments.conda_lock_file import dump_conda_lock, parse_conda_lock
from tests.conda.channel_server import PASSWORD, USER, ChannelServer
from tests.conda.conda_packages import Package, index_channel
from tests.conda.locking import everything_below, lock
from tests.env.small_index import SmallIndex
from tests.refusing_server import FAILURES, REFUSALS, SILENCE, refusing_server


def wish(channel: object, *lines: str) -> str:
    listed = "".join(f"  - {line}\n" for line in lines)
    return f"channels: ['{channel}']\ndependencies:\n{listed}"


def names(locked: CondaLock, platform: str | None = None) -> dict[str, str]:
    return {package.name: package.version for package in locked.of(platform or platform_here())}


def test_dependencies_and_pins_are_solved_from_a_folder(channel: Path, tmp_path: Path) -> None:
    found = names(lock(wish(channel, "hello", "words=1.0"), tmp_path))
    assert found.keys() == {"hello", "words", "python", "tiny"}
    assert found["words"] == "1.0"


def test_a_channel_over_http_gives_the_same_packages(served: ChannelServer, channel: Path, tmp_path: Path) -> None:
    far, near = lock(wish(served.url, "hello"), tmp_path), lock(wish(channel, "hello"), tmp_path)
    assert [p.sha256 for p in far.packages] == [p.sha256 for p in near.packages]
    assert {p.channel for p in far.packages} == {served.url}


def test_a_lock_of_two_platforms_takes_each_lines_selector_for_what_it_is(channel: Path, tmp_path: Path) -> None:
    here = platform_here()
    text = wish(channel, "python", "words  # [linux]", "sel(osx): hello")
    locked = lock(text, tmp_path, here, "osx-arm64")
    assert names(locked).keys() == {"python", "tiny", "words"}
    assert names(locked, "osx-arm64").keys() == {"python", "hello", "words"}
    assert locked.needs["osx-arm64"] == ("__osx >=11.0",)
    assert parse_conda_lock(dump_conda_lock(locked), "x").platforms == locked.platforms


def test_the_virtual_packages_that_were_solved_for_are_in_the_lock(channel: Path, tmp_path: Path) -> None:
    locked = lock(wish(channel, "on-a-gpu"), tmp_path, CONDA_OVERRIDE_CUDA="12.4")
    again = parse_conda_lock(dump_conda_lock(locked), "x")
    assert "__cuda=12.4=0" in again.virtual[platform_here()]
    assert again.needs[platform_here()] == ("__cuda >=12",)


def test_what_the_machine_lacks_is_named(channel: Path, tmp_path: Path) -> None:
    needs = lock(wish(channel, "on-a-gpu"), tmp_path, CONDA_OVERRIDE_CUDA="12.4").needs[platform_here()]
    assert unmet_needs(needs, {"CONDA_OVERRIDE_CUDA": "13.0"}) == []
    [older] = unmet_needs(needs, {"CONDA_OVERRIDE_CUDA": "11.8"})
    assert "__cuda >=12" in older.detail
    assert "11.8" in older.detail


@pytest.mark.parametrize(
    ("line", "said"),
    [("words=7", "words 7"), ("nosuchpackage", "nosuchpackage"), ("on-a-gpu", "__cuda >=12")],
)
def test_what_cannot_be_solved_says_the_solvers_reason(channel: Path, tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(Unsolvable) as caught:
        lock(wish(channel, line), tmp_path, CONDA_OVERRIDE_CUDA="")
    assert said in caught.value.message
    assert caught.value.exit_code == 3


def test_a_spec_that_is_none_is_a_usage_error(channel: Path, tmp_path: Path) -> None:
    with pytest.raises(BadMatchSpec, match=r"environment\.yml, line 3, column 5: 'words >=='"):
        lock(wish(channel, "words >=="), tmp_path)


def test_a_requirement_that_is_none_is_told_with_its_line(tmp_path: Path) -> None:
    text = "channels: [http://127.0.0.1:9/never-asked]\ndependencies:\n  - words\n  - pip:\n    - six @@ x\n"
    with pytest.raises(BadPipPart, match=r"environment\.yml, line 5, column 7: `pip:` has 'six @@ x'") as caught:
        lock(text, tmp_path)
    assert "\n" not in caught.value.message


def test_a_package_without_a_hash_is_refused(channel: Path, tmp_path: Path) -> None:
    with pytest.raises(NoPackageHash, match=r"hashless-1\.0"):
        lock(wish(channel, "hashless"), tmp_path)


def test_a_channel_that_is_not_there_and_a_server_that_is_not_are_told_apart(
    served: ChannelServer, tmp_path: Path
) -> None:
    with pytest.raises(NoSuchChannel):
        lock(wish(f"{served.url}/nowhere", "hello"), tmp_path)
    with pytest.raises(ChannelUnreachable):
        lock(wish("http://127.0.0.1:9/channel", "hello"), tmp_path)


def test_a_channel_that_refuses_fails_or_says_nothing_is_a_remotes_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silent_channel, "_INDEX_FACTOR", 1)  # the time itself; what is done is what is always done
    monkeypatch.setenv("CONDA_REMOTE_MAX_RETRIES", "0")
    monkeypatch.setenv("CONDA_REMOTE_READ_TIMEOUT_SECS", "1")
    with refusing_server() as server:
        for status in (*REFUSALS, *FAILURES, SILENCE):
            server.status = status
            with pytest.raises(ChannelUnreachable) as caught:
                lock(wish(f"{server.url}/{status}", "hello"), tmp_path)
            assert caught.value.exit_code == 5
            assert ("credentials" in (caught.value.hint or "")) == (status in REFUSALS)


def test_a_private_channel_is_read_with_what_netrc_has(served: ChannelServer, tmp_path: Path) -> None:
    text = wish(f"{served.url}/locked", "tiny")
    with pytest.raises(ChannelUnreachable, match="401"):
        lock(text, tmp_path / "before")
    netrc = Path(os.environ["HOME"]) / ".netrc"
    netrc.parent.mkdir(exist_ok=True)
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    locked = lock(text, tmp_path / "with-netrc")
    assert names(locked) == {"tiny": "1.0"}
    assert PASSWORD.encode() not in dump_conda_lock(locked) + everything_below(tmp_path / "with-netrc")


def test_a_disk_of_ours_is_not_blamed_on_the_channel(channel: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(NotADirectoryError):
        lock(wish(channel, "hello"), tmp_path)
    full = failure_of(OSError("failed to write: No space left on device (os error 28)"), "read the channels")
    assert (full.id, full.exit_code) == ("disk-full", 3)


def test_without_the_network_an_index_that_was_read_before_is_enough(served: ChannelServer, tmp_path: Path) -> None:
    before = lock(wish(served.url, "hello"), tmp_path)
    asked = len(served.requests)
    assert lock(wish(served.url, "hello"), tmp_path, offline=True).packages == before.packages
    assert len(served.requests) == asked


def test_pip_adds_one_wheel_with_its_hash_and_leaves_conda_what_conda_has(
    channel: Path, wheels: SmallIndex, tmp_path: Path
) -> None:
    text = wish(channel, "words", "{pip: [alpha, words]}")
    locked = lock(text, tmp_path, UV_DEFAULT_INDEX=wheels.url)
    [alpha] = [p for p in locked.packages if p.manager == "pip"]
    assert (alpha.name, alpha.file_name) == ("alpha", "alpha-1.0-py3-none-any.whl")
    assert {p.name for p in locked.packages} == {"words", "python", "tiny", "alpha"}


def test_a_package_that_a_channel_has_no_more_is_not_chosen(own_channel: Path, tmp_path: Path) -> None:
    packages = [Package("words", version, "noarch", "py_0", noarch="python") for version in ("1.0", "1.1")]
    (own_channel / "noarch" / packages[1].file_name).unlink()
    index_channel(own_channel, packages)
    assert names(lock(wish(own_channel, "words"), tmp_path)) == {"words": "1.0"}
