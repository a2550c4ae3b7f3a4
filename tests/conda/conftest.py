"""A real conda channel with a real Python in it, made once for all tests, and what is needed to install from it."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conda.channel_server import ChannelServer, serve
from tests.conda.conda_packages import PLACEHOLDER, Package, add_package, index_channel
from tests.conda.debian_python import NoDebianPackages, fetch_debian_python, python_contents
from tests.env.small_index import SmallIndex

KEPT = Path(sys.prefix) / "tests-keep"
"""Where things stay from one session to the next that cost a download."""


_ACTIVATED = {
    "etc/conda/env_vars.d/settings.json": '{"SOME_SETTING": "on"}',
    "etc/conda/activate.d/settings.sh": (
        "function set_it() {\n    export FROM_A_SCRIPT=$CONDA_PREFIX/share/$1\n}\nset_it data\necho noise\n"
    ),
}
"""As compilers have it: only Bash and its kind can read the script."""


def channel_packages(minor: str, version: str, here: str) -> list[Package]:
    """What the channel has, for this machine and for one that it is not."""
    site = {"python_site_packages_path": f"lib/python{minor}/site-packages"}
    return [
        Package("python", version, here, "h1_0", ["__glibc >=2.17,<3.0.a0", "tiny >=1.0"], more=site),
        Package("tiny", "1.0", here, "h1_0", bz2=True),
        Package("words", "1.0", "noarch", "py_0", ["python >=3.9"], noarch="python"),
        Package("words", "1.1", "noarch", "py_0", ["python >=3.9"], noarch="python"),
        Package("hello", "1.0", "noarch", "py_0", ["words"], noarch="python", entry_points=["hello = hello:main"]),
        Package("on-a-gpu", "1.0", here, "h0_0", ["__cuda >=12"]),
        Package("hashless", "1.0", here, "h0_0"),
        Package("settings", "1.0", "noarch", "0", noarch="generic"),
        Package("python", version, "osx-arm64", "h1_0", ["__osx >=11.0"], more=site),
    ]


def module(name: str, version: str, text: str) -> dict[str, str]:
    """A Python package's files, as conda packages of noarch Python have them."""
    info = f"site-packages/{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    return {f"site-packages/{name}.py": text, f"{info}/METADATA": metadata, f"{info}/INSTALLER": "conda\n"}


def build_channel(folder: Path) -> None:
    """Write the channel: about 1.5 s."""
    minor = fetch_debian_python(KEPT / "debs")
    deb = next((KEPT / "debs").glob(f"python{minor}-minimal_*.deb")).name
    found = re.search(r"_(3\.\d+\.\d+)", deb)
    assert found, deb
    packages = channel_packages(minor, found.group(1), platform_here())
    python, tiny, words, words1, hello, gpu, hashless, settings, mac = packages
    add_package(folder, python, python_contents(KEPT / "debs", folder.with_name("unpacked"), minor))
    binary = b"\x7fELF\0" + PLACEHOLDER.encode() + b"/share\0end\0"
    add_package(folder, tiny, {"etc/tiny.conf": f"root={PLACEHOLDER}/etc\n", "lib/tiny.bin": binary})
    add_package(folder, words, module("words", "1.0", "WORDS = ['one']\n"))
    add_package(folder, words1, module("words", "1.1", "WORDS = ['one', 'two']\n"))
    says = "import sys, words\n\n\ndef main():\n    print(*words.WORDS, sys.prefix)\n"
    add_package(folder, hello, module("hello", "1.0", says))
    add_package(folder, gpu, {"share/gpu": "gpu\n"})
    add_package(folder, hashless, {"share/hashless": "?\n"})
    add_package(folder, settings, _ACTIVATED)
    add_package(folder, mac, {"bin/python3": "#!/bin/sh\n"})
    index_channel(folder, packages, without_hash=["hashless"])


def platform_here() -> str:
    from repro.env.conda.platform import platform_here

    return platform_here()


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The channel's folder, shared by all processes that test. Tests must not change it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    folder = shared / "conda-channel" / "channel"
    folder.parent.mkdir(exist_ok=True)
    with open(folder.parent / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder.parent / "made").exists():
            try:
                build_channel(folder)
            except NoDebianPackages as error:
                if os.environ.get("CI") == "true":
                    raise
                pytest.skip(f"Debian's Python cannot be had: {error}")
            (folder.parent / "made").touch()
    return folder


@pytest.fixture
def own_channel(channel: Path, tmp_path: Path) -> Path:
    """A copy of the channel that a test may change."""
    return Path(shutil.copytree(channel, tmp_path / "own-channel"))


@pytest.fixture
def served(channel: Path) -> Iterator[ChannelServer]:
    """The channel over HTTP."""
    with serve(channel) as server:
        yield server


@pytest.fixture
def wheels(tmp_path: Path) -> Iterator[SmallIndex]:
    """An index of Python packages with `alpha`, which has a script."""
    (tmp_path / "index").mkdir()
    index = SmallIndex(tmp_path / "index")
    index.add("alpha", "1.0", script="alpha")
    index.start()
    yield index
    index.stop()


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """py-rattler looks for credentials in the home."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CONDA_REMOTE_MAX_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    for name in ("CONDA_PREFIX", "CONDA_OVERRIDE_CUDA", "CONDA_OVERRIDE_GLIBC", "RATTLER_AUTH_FILE"):
        monkeypatch.delenv(name, raising=False)
