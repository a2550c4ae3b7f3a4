"""Files that an environment shares with its installer's cache are made read-only, once for all that have them."""

from __future__ import annotations

import os
from pathlib import Path

from repro.env.shared_files import protect_conda_packages, protect_distributions


def linked(cached: Path, into: Path, mode: int = 0o644) -> Path:
    for path in (cached, into):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not cached.exists():
        cached.write_text("x")
        cached.chmod(mode)
    os.link(cached, into)
    return into


def is_writable(path: Path) -> bool:
    return bool(path.lstat().st_mode & 0o222)


def site(prefix: Path) -> Path:
    return prefix / "lib/python3.11/site-packages"


def test_what_is_linked_is_protected_and_what_is_not_stays(tmp_path: Path) -> None:
    prefix, cache = tmp_path / "env", tmp_path / "cache"
    module = linked(cache / "a.py", site(prefix) / "deep/a.py", 0o755)
    metadata = linked(cache / "METADATA", site(prefix) / "a-1.dist-info/METADATA")
    own = site(prefix) / "a-1.dist-info/RECORD"
    own.write_text("x")
    protect_distributions(prefix=str(prefix))
    assert module.stat().st_mode & 0o777 == 0o555
    assert not is_writable(metadata)
    assert is_writable(own)


def test_a_package_that_was_not_protected_to_its_end_is_protected_now(tmp_path: Path) -> None:
    one, two, cache = tmp_path / "one", tmp_path / "two", tmp_path / "cache"
    for prefix in (one, two):
        linked(cache / "a.py", site(prefix) / "a.py")
        linked(cache / "METADATA", site(prefix) / "a-1.dist-info/METADATA")
        linked(cache / "b.py", site(prefix) / "b.py")
        linked(cache / "b/METADATA", site(prefix) / "b-1.dist-info/METADATA")
    protect_distributions(str(one))
    (cache / "b.py").chmod(0o644)
    (cache / "b/METADATA").chmod(0o644)  # the last of a package
    protect_distributions(str(two))
    assert not any(is_writable(path) for path in two.rglob("*") if path.is_file())


def test_a_conda_package_is_protected_where_it_is_cached(tmp_path: Path) -> None:
    prefix, entry = tmp_path / "env", tmp_path / "packages/p-1-0"
    (entry / "info").mkdir(parents=True)
    sign = entry / "info/index.json"
    sign.write_text("{}")
    patched = entry / "bin/patched"
    patched.parent.mkdir()
    patched.write_text("copied, never linked")
    shared = linked(entry / "lib/shared", prefix / "lib/shared")
    protect_conda_packages(str(prefix), [str(entry)])
    assert not is_writable(shared)
    assert not is_writable(sign)
    assert is_writable(patched)


def test_a_conda_package_that_was_fetched_again_is_protected_again(tmp_path: Path) -> None:
    entry = tmp_path / "packages/p-1-0"
    for name in ("one", "two"):
        (entry / "info").mkdir(parents=True, exist_ok=True)
        sign = entry / "info/index.json"
        sign.unlink(missing_ok=True)
        sign.write_text("{}")
        (entry / "shared").unlink(missing_ok=True)
        shared = linked(entry / "shared", tmp_path / name / "shared")
        protect_conda_packages(str(tmp_path / name), [str(entry)])
        assert not is_writable(shared)


def test_a_conda_package_that_is_not_where_it_is_looked_for_is_protected_all_the_same(tmp_path: Path) -> None:
    shared = linked(tmp_path / "elsewhere/shared", tmp_path / "env/shared")
    protect_conda_packages(str(tmp_path / "env"), [str(tmp_path / "packages/p-1-0")])
    assert not is_writable(shared)
