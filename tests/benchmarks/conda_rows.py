"""A conda environment of 200 packages: solved, made and found, by repro and by py-rattler alone."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import projects
from tests.benchmarks.measure import Command
from tests.benchmarks.projects import REPRO
from tests.command_line import Person
from tests.conda.conda_packages import Package, add_package, index_channel

PACKAGES = 200
FILES = 20
"""In each package, of 4 kB."""

ALONE = """\
import asyncio, os, sys
from pathlib import Path
from rattler import Gateway, VirtualPackage, install, solve
from rattler.networking import Client
from rattler.package_cache import PackageCache, ValidationMode

async def main(channel, place, what):
    place, client = Path(place), Client()
    gateway = Gateway(cache_dir=place / "repodata", client=client)
    found = await solve([channel], ["p199"], gateway=gateway, virtual_packages=VirtualPackage.detect())
    assert len(found) == 200
    if what == "install":
        cache = PackageCache.new_layered([place / "packages"], validation_mode=ValidationMode.full())
        await install(found, place / "env", cache_dir=place / "packages", client=client, show_progress=False,
            package_cache=cache)

asyncio.run(main(*sys.argv[1:]))
os._exit(0)  # threads of py-rattler crash now and then where the interpreter ends below them
"""


def conda_project(folder: Path, venv: Path, *, usual: bool = False) -> tuple[Person, str]:
    """A project with a channel of 200 packages, in ten versions each, and an environment.yml; the channel's URL.

    They have 20 files of 4 kB, or are of the usual size.
    """
    person = projects.new_person(folder, venv)
    channel = folder / "channel"
    packages = []
    for number in range(PACKAGES):
        contents: dict[str, str] = {f"share/p{number}/{i}.txt": f"{number} {i}\n" * 500 for i in range(FILES)}
        if usual:
            contents = projects.usual_files(number, f"share/p{number}")
        depends = [f"p{number - 1} >=1.0"] if number else []
        for minor in range(10):
            package = Package(f"p{number}", f"1.{minor}", "noarch", depends=depends, noarch="generic")
            packages.append(package)
            if minor == 9:
                made = add_package(channel, package, contents)
            else:
                (channel / "noarch").mkdir(parents=True, exist_ok=True)
                (channel / "noarch" / package.file_name).write_bytes(b"")
        assert made.exists()
    index_channel(channel, packages)
    person.write("environment.yml", f"channels: ['{channel}']\ndependencies: [p199]\n")
    person.write("repro.yaml", "environment: {file: environment.yml}\n")
    person.write("alone.py", ALONE)
    return person, channel.as_uri()


def conda_commands(folder: Path, venv: Path, *, usual: bool) -> list[tuple[Command, Command, str, bool]]:
    """Return what is measured against what, the target, and whether the difference counts."""
    person, channel = conda_project(folder, venv, usual=usual)
    projects.call(person, REPRO, "env", "lock")
    projects.call(person, REPRO, "env", "create")
    [made] = (person.home / ".cache" / "repro" / "environments").iterdir()
    alone = made.with_name("alone")  # beside: where a file system puts a folder decides how fast it takes files
    size = "200 packages of the usual size" if usual else "200 packages of 20 small files"

    def python(what: str, shown: str, prepare: Callable[[], None] | None = None) -> Command:
        return Command(shown, person, (sys.executable, "alone.py", channel, str(alone), what), prepare)

    def repro(note: str, *arguments: str, prepare: Callable[[], None] | None = None) -> Command:
        return Command(f"repro {' '.join(arguments)} ({note})", person, (REPRO, *arguments), prepare)

    solve = python("solve", "py-rattler alone: solve")
    install = python("install", "py-rattler alone: solve, install", lambda: shutil.rmtree(alone / "env", True))
    bare = Command("repro env show --help", person, (REPRO, "env", "show", "--help"))
    return [
        (repro(size, "env", "lock"), solve, "1.5 times", False),
        (
            repro(f"{size}, warm", "env", "create", prepare=lambda: shutil.rmtree(made, True)),
            install,
            "1.3 times",
            False,
        ),
        (repro(f"{size}, found", "env", "create"), bare, "50 ms", True),
    ]
