"""A lock of what is installed for other platforms, and versions that only an extra index has."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from repro.env.pip.install_failures import PackageGone
from repro.env.pip.lock_elsewhere import lock_elsewhere
from repro.errors import UsageError
from tests.env.conftest import Desk, output_of
from tests.env.small_index import SmallIndex, make_wheel


@pytest.fixture
def both(desk: Desk, index: SmallIndex) -> Desk:
    """`top` needs `everywhere`, here `only-here`, on Windows `only-there`; the index has a newer `everywhere`."""
    needs = ["everywhere", "only-here; sys_platform == 'linux'", "only-there; sys_platform == 'win32'"]
    for version in ("1.0", "2.0"):
        index.add("everywhere", version)
    index.add("only-here", "1.0")
    index.add("only-there", "3.0")
    make_wheel(index.root / "files", "top", "1.0", requires=needs)
    index.list_wheels("top")
    desk.install("everywhere==1.0", "top")
    return desk


def locked(desk: Desk, platform: str) -> str:
    pins = dict(desk.capture().environment.packages)
    return lock_elsewhere(pins, str(desk.venv), desk.python, platform, str(desk.project), desk.environ)


@pytest.mark.skipif(sys.platform != "linux", reason="what is only here is Linux's")
def test_another_platform_has_what_it_needs_in_the_installed_versions(both: Desk) -> None:
    text = locked(both, "windows")
    assert [line.split()[0] for line in text.splitlines() if "==" in line] == [
        "everywhere==1.0",
        "only-there==3.0",
        "top==1.0",
    ]
    assert text.count("--hash=sha256:") == 3


def test_a_universal_lock_has_all_with_markers(both: Desk) -> None:
    text = locked(both, "universal")
    assert "only-here==1.0 ; sys_platform == 'linux'" in text
    assert "only-there==3.0 ; sys_platform == 'win32'" in text
    (both.project / "requirements.lock").write_text(text)
    assert both.capture().findings == ()  # what is installed here is what the file says of here


def test_what_the_index_has_no_more_is_named(both: Desk, index: SmallIndex) -> None:
    index.remove("top", "1.0")
    both.uv("cache", "clean")
    with pytest.raises(PackageGone, match="top"):
        locked(both, "windows")


@pytest.fixture
def extra(tmp_path: Path) -> Iterator[SmallIndex]:
    (tmp_path / "extra").mkdir()
    made = SmallIndex(tmp_path / "extra")
    made.add("torchlike", "2.5.1+cpu")
    made.start()
    yield made
    made.stop()


def test_a_local_version_of_an_extra_index_is_locked_and_made_again(desk: Desk, extra: SmallIndex) -> None:
    """As PyTorch's `+cpu` and `+cu126`: the default index has the same version without the label, in other bytes."""
    desk.index.add("torchlike", "2.5.1")
    with_extra = {"UV_INDEX": extra.url}
    desk.environ.update(with_extra)
    desk.install("torchlike==2.5.1+cpu")
    environment = desk.capture().environment
    assert environment.packages == (("torchlike", "2.5.1+cpu"),)
    lock = desk.lock_of(environment)
    assert lock is not None
    assert b"torchlike==2.5.1+cpu" in lock
    assert lock.count(b"--hash") == 1
    made = desk.realise(environment)
    assert "2.5.1+cpu" in output_of(made, desk.environ, "python", "-c", "import torchlike; print(torchlike.WHO)")


def test_a_platform_that_uv_does_not_know_is_a_usage_error(both: Desk) -> None:
    with pytest.raises(UsageError, match="'beos' is no platform"):
        locked(both, "beos")
