"""Environments made from a lock: at their final path, whole or not at all, with the bytes that were locked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from repro.env.conda.channels import ChannelUnreachable
from repro.env.conda.platform import platform_here
from repro.env.conda.realise import OtherPlatform
from repro.env.pip.install_failures import (
    EnvironmentDiskFull,
    EnvironmentNotMade,
    IndexUnreachable,
    PackageGone,
    PackageHashMismatch,
)
from repro.env.unobtainable import EnvironmentOffline
from repro.errors import ReproError
from repro.model.environments.conda_lock_file import BadCondaLock
from tests.conda.channel_server import ChannelServer, serve
from tests.conda.conda_packages import Package, add_package
from tests.conda.locking import lock, make, one_of
from tests.conda.test_solve import wish
from tests.env.small_index import SmallIndex, make_wheel
from tests.refusing_server import refusing_server


def says(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_real_python_with_an_entry_point_runs_in_it(channel: Path, tmp_path: Path) -> None:
    made = make(one_of(lock(wish(channel, "hello"), tmp_path)), tmp_path)
    assert says(f"{made.bin_dir}/hello") == f"one two {made.prefix}"
    assert says(f"{made.bin_dir}/where-python") == made.prefix
    assert (Path(made.prefix) / "etc/tiny.conf").read_text() == f"root={made.prefix}/etc\n"


def test_nothing_in_it_names_the_place_where_it_was_made(channel: Path, wheels: SmallIndex, tmp_path: Path) -> None:
    text = wish(channel, "hello", "{pip: [alpha]}")
    made = make(one_of(lock(text, tmp_path, UV_DEFAULT_INDEX=wheels.url)), tmp_path, UV_DEFAULT_INDEX=wheels.url)
    assert says(f"{made.bin_dir}/alpha") == "alpha 1.0"
    named = [path for path in Path(made.prefix).rglob("*") if path.is_file() and b"envs/tmp-" in path.read_bytes()]
    assert named == []
    assert sorted(os.listdir(tmp_path / "envs")) == [os.path.basename(made.prefix)]


def test_two_makings_have_the_same_bytes(channel: Path, tmp_path: Path) -> None:
    locked = one_of(lock(wish(channel, "hello"), tmp_path))
    contents = []
    for _ in range(2):
        prefix = Path(make(locked, tmp_path).prefix)
        files = [path for path in sorted(prefix.rglob("*")) if path.is_file() and "conda-meta" not in path.parts]
        contents.append([(path, path.stat().st_mode, path.read_bytes()) for path in files])
        shutil.rmtree(prefix)
    assert contents[0] == contents[1]


def test_it_is_found_again_and_one_that_somebody_installed_into_is_made_anew(channel: Path, tmp_path: Path) -> None:
    locked = one_of(lock(wish(channel, "tiny"), tmp_path))
    made = make(locked, tmp_path)
    before = os.stat(made.prefix).st_ino
    assert os.stat(make(locked, tmp_path).prefix).st_ino == before
    (Path(made.prefix) / "conda-meta" / "other-1.0-0.json").write_text("{}")
    again = make(locked, tmp_path)
    assert again.prefix == made.prefix
    assert not (Path(again.prefix) / "conda-meta" / "other-1.0-0.json").exists()


def test_a_package_whose_bytes_are_not_the_locks_is_refused(own_channel: Path, tmp_path: Path) -> None:
    locked = one_of(lock(wish(own_channel, "words=1.0"), tmp_path))
    other = Package("words", "1.0", "noarch", "py_0", noarch="python")
    add_package(own_channel, other, {"site-packages/words.py": "WORDS = ['evil']\n"})
    with pytest.raises(PackageHashMismatch, match="words"):
        make(locked, tmp_path)
    assert os.listdir(tmp_path / "envs") == []


def test_a_damaged_cache_is_noticed_and_made_good(served: ChannelServer, tmp_path: Path) -> None:
    locked = one_of(lock(wish(served.url, "words=1.0"), tmp_path))
    shutil.rmtree(make(locked, tmp_path).prefix)
    [cached] = (tmp_path / "cache" / "packages").glob("words-1.0*/site-packages/words.py")
    cached.chmod(0o644)
    cached.write_text("WORDS = ['evil']\n")
    made = make(locked, tmp_path)
    [installed] = Path(made.prefix).rglob("site-packages/words.py")
    assert installed.read_text() == "WORDS = ['one']\n"


def test_what_is_shared_with_the_cache_cannot_be_edited_in_place(channel: Path, tmp_path: Path) -> None:
    made = make(one_of(lock(wish(channel, "words"), tmp_path)), tmp_path)
    shared = [path for path in Path(made.prefix).rglob("*") if path.is_file() and path.stat().st_nlink > 1]
    assert shared
    assert [path for path in shared if path.stat().st_mode & 0o222] == []


def test_a_vanished_package_is_named_and_had_from_an_archive(channel: Path, tmp_path: Path) -> None:
    with serve(channel) as server:
        locked = one_of(lock(wish(server.url, "words=1.0"), tmp_path))
    with pytest.raises(ChannelUnreachable):
        make(locked, tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    moved = locked.replace(server.url.encode(), empty.as_uri().encode())
    with pytest.raises(PackageGone) as caught:
        make(moved, tmp_path)
    assert "words-1.0" in caught.value.message or "python-" in caught.value.message
    import hashlib

    archived = {hashlib.sha256(p.read_bytes()).hexdigest(): str(p) for p in channel.rglob("*-*.*") if p.is_file()}
    made = make(locked, tmp_path, archived=archived, offline=True)
    [record] = (Path(made.prefix) / "conda-meta").glob("words-*.json")
    assert json.loads(record.read_text())["url"] == f"{server.url}/noarch/words-1.0-py_0.conda"


def test_a_channel_that_stops_in_the_middle_is_not_waited_for_without_end(
    served: ChannelServer, tmp_path: Path
) -> None:
    locked = one_of(lock(wish(served.url, "words=1.0"), tmp_path))
    served.hold("words-1.0")
    with pytest.raises(ChannelUnreachable, match="sent nothing for 1 seconds"):
        make(locked, tmp_path, CONDA_REMOTE_READ_TIMEOUT_SECS="1")
    assert served.held.is_set()
    assert os.listdir(tmp_path / "envs") == []


def test_offline_what_is_unpacked_here_already_is_enough_and_the_rest_is_named(
    served: ChannelServer, tmp_path: Path
) -> None:
    one, two = (one_of(lock(wish(served.url, f"words={v}"), tmp_path)) for v in ("1.0", "1.1"))
    shutil.rmtree(make(one, tmp_path).prefix)
    asked = len(served.requests)
    make(one, tmp_path, offline=True)
    with pytest.raises(EnvironmentOffline, match=r"words-1\.1") as caught:
        make(two, tmp_path, offline=True)
    assert "python-" not in caught.value.message
    assert len(served.requests) == asked


def test_pips_part_is_had_from_an_archive_without_any_index(channel: Path, wheels: SmallIndex, tmp_path: Path) -> None:
    text = wish(channel, "words", "{pip: [alpha]}")
    locked = lock(text, tmp_path, UV_DEFAULT_INDEX=wheels.url)
    [alpha] = [p for p in locked.packages if p.manager == "pip"]
    kept = shutil.copy(next((wheels.root / "files").glob("alpha-*.whl")), tmp_path / alpha.file_name)
    wheels.remove("alpha", "1.0")
    made = make(one_of(locked), tmp_path, archived={alpha.sha256: str(kept)}, UV_DEFAULT_INDEX="http://127.0.0.1:9/")
    assert says(f"{made.bin_dir}/alpha") == "alpha 1.0"


def test_pips_part_that_is_another_gone_or_cannot_be_asked_for_leaves_nothing(
    channel: Path, wheels: SmallIndex, tmp_path: Path
) -> None:
    text = wish(channel, "words", "{pip: [alpha]}")
    locked = one_of(lock(text, tmp_path, UV_DEFAULT_INDEX=wheels.url, UV_CACHE_DIR=str(tmp_path / "uv")))

    def refused(kind: type[ReproError], number: int, index: str = wheels.url) -> ReproError:
        settings = {"UV_CACHE_DIR": str(tmp_path / f"uv-{number}"), "UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": "1"}
        with pytest.raises(kind, match=r"alpha|pip packages") as caught:
            make(locked, tmp_path, UV_DEFAULT_INDEX=index, **settings)  # type: ignore[arg-type]
        assert os.listdir(tmp_path / "envs") == []
        return caught.value

    make_wheel(wheels.root / "files", "alpha", "1.0", body="OTHER = 1")
    wheels.list_wheels("alpha")
    assert refused(PackageHashMismatch, 1).exit_code == 4
    wheels.remove("alpha", "1.0")
    gone = refused(PackageGone, 2)
    assert "alpha" in gone.message
    assert "repro env archive" in (gone.hint or "")
    with refusing_server() as server:
        server.status = 503
        assert refused(IndexUnreachable, 3, f"{server.url}/simple").exit_code == 5


def test_pips_part_is_had_from_uvs_cache_and_no_index_is_asked_again(
    channel: Path, wheels: SmallIndex, tmp_path: Path
) -> None:
    cache = str(tmp_path / "uv")
    text = wish(channel, "words", "{pip: [alpha]}")
    locked = one_of(lock(text, tmp_path, UV_DEFAULT_INDEX=wheels.url, UV_CACHE_DIR=cache))
    made = make(locked, tmp_path, UV_DEFAULT_INDEX=wheels.url, UV_CACHE_DIR=cache)
    assert any(path.endswith(".whl") for path in wheels.requests)
    shutil.rmtree(made.prefix)
    wheels.requests.clear()
    made = make(locked, tmp_path, UV_DEFAULT_INDEX=wheels.url, UV_CACHE_DIR=cache)
    assert says(f"{made.bin_dir}/alpha") == "alpha 1.0"
    assert wheels.requests == []


def test_variables_that_a_package_asks_for_are_set(channel: Path, tmp_path: Path) -> None:
    made = make(one_of(lock(wish(channel, "settings"), tmp_path)), tmp_path)
    assert made.child_environ({"PATH": "/usr/bin", "PYTHONPATH": "x"}) == {
        "PATH": f"{made.prefix}/bin:/usr/bin",
        "CONDA_PREFIX": made.prefix,
        "SOME_SETTING": "on",
    }


def test_a_lock_of_another_platform_is_refused_by_name(channel: Path, tmp_path: Path) -> None:
    locked = lock(wish(channel, "python"), tmp_path, "osx-arm64")
    from repro.model.environments.conda_lock_file import part_of

    with pytest.raises(OtherPlatform, match=f"osx-arm64, this machine is {platform_here()}"):
        make(part_of(locked, "osx-arm64"), tmp_path)


def test_a_path_that_packages_have_no_room_for_is_refused_before_anything_is_made(
    channel: Path, tmp_path: Path
) -> None:
    locked = one_of(lock(wish(channel, "tiny"), tmp_path))
    deep = tmp_path / ("d" * 120) / ("e" * 120)
    with pytest.raises(EnvironmentNotMade, match="longer than 254 bytes"):
        make(locked, deep)
    assert not deep.exists()


def test_a_lock_without_a_hash_installs_nothing(channel: Path, tmp_path: Path) -> None:
    locked = one_of(lock(wish(channel, "tiny"), tmp_path))
    lines = [line for line in locked.splitlines(keepends=True) if b"sha256:" not in line]
    with pytest.raises(BadCondaLock, match="no SHA-256"):
        make(b"".join(lines), tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_leaves_nothing_half_made(channel: Path, tmp_path: Path) -> None:
    locked = one_of(lock(wish(channel, "python"), tmp_path))
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(small)], check=True)
    try:
        with pytest.raises(EnvironmentDiskFull):
            make(locked, small)
        assert os.listdir(small / "envs") == []
        subprocess.run(["mount", "-o", "remount,size=200m", str(small)], check=True)
        assert says(f"{make(locked, small).bin_dir}/where-python").startswith(str(small))
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
