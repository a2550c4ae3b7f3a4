"""What is measured against what."""

from __future__ import annotations

import itertools
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from uv import find_uv_bin

from tests.benchmarks import projects
from tests.benchmarks.conda_rows import conda_commands
from tests.benchmarks.measure import Command
from tests.benchmarks.projects import REPRO
from tests.command_line import Person, make_venv

READ_LOG = """\
import resource
from repro.model.watching.strace_log import StraceReader
reader = StraceReader(b"/p")
with open("trace.log", "rb") as log:
    reader.feed(log)
assert len(reader.finish().reads) == 100_000
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 200 * 1024
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    `difference`: what counts is how much longer `subject` takes than `base`, not how many times as long. `rounds`: of
    what takes long, so many are measured, all of which count; 0: what the command line says, and one before.
    """

    subject: Command
    base: Command
    target: str = ""
    difference: bool = False
    rounds: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the projects of a measurement are made; `cache` outlives it."""

    folder: Path
    cache: Path
    venv: Path


def new_place(folder: Path, cache: Path, uv: str) -> Place:
    """Make the small environment that most rows use."""
    return Place(folder, cache, make_venv(folder / "venv", [uv]))


def start(place: Place) -> Iterator[Row]:
    """What a prompt or a hook pays."""
    person = projects.small_project(place.folder / "start", place.venv)
    bare = Command("python -c pass", person, (sys.executable, "-c", "pass"))
    yield Row(_repro(person, "--version"), bare, "1.5 times")
    yield Row(_repro(person, "status"), bare, "10 times")
    yield Row(_repro(person, "--help"), bare)
    yield Row(_repro(person, "log"), bare)
    yield Row(_repro(person, "show", "made"), bare)


def peers(place: Place) -> Iterator[Row]:
    """The same questions put to DVC in an equal project."""
    dvc = str(projects.dvc_environment(place.cache))
    ours = projects.small_project(place.folder / "ours", place.venv)
    theirs = projects.dvc_project(place.folder / "theirs", place.venv, dvc)
    for question in ("--version", "status"):
        yield Row(_repro(ours, question), Command(f"dvc {question}", theirs, (dvc, question)))


def rebuild(place: Place) -> Iterator[Row]:
    """A rebuild whose environment and data are here, and the command itself."""
    person = projects.small_project(place.folder / "rebuild", place.venv)
    yield Row(_repro(person, "rebuild", "made"), _train(person), "1 s", difference=True)


def sandbox(place: Place) -> Iterator[Row]:
    """What a sandbox adds to a rebuild: its tries, its start, and the listening to what fails in it."""
    person = projects.small_project(place.folder / "sandbox", place.venv)
    unconfined = _repro(person, "rebuild", "--sandbox", "none", "made")
    for kind in ("bwrap", "landlock"):
        yield Row(_repro(person, "rebuild", "--sandbox", kind, "made"), unconfined, "50 ms", difference=True)


def run(place: Place) -> Iterator[Row]:
    """What a run costs beyond its command."""
    person = projects.small_project(place.folder / "run", place.venv)
    yield Row(_repro(person, "run", "-o", "out", "--", "python", "train.py"), _train(person), difference=True)


def watch(place: Place) -> Iterator[Row]:
    """What watching costs a program that opens 10,000 files, and one that computes; and reading a log of 100,000.

    Of the two, the wall time counts: the CPU time of strace, which is nobody's child, is not in the other. On one
    processor nobody waits for another one to wake up.
    """
    person = projects.small_project(place.folder / "watch", place.venv)
    person.write("data/thousand.csv", "".join(f"{n}\n" for n in range(1_000)))
    person.write("open.py", "for n in range(10_000):\n    sum(int(line) for line in open('data/thousand.csv'))\n")
    person.write("compute.py", "for n in range(4): sum(range(50_000_000))\n")
    person.write("read.py", READ_LOG)
    for script, target in (("open.py", "1.5 times"), ("compute.py", "1.05 times")):
        watched, off = (_repro(person, "run", "--watch", means, "--", "python", script) for means in ("strace", "off"))
        yield Row(watched, off, target)
        if script == "open.py":
            yield Row(_on_one_processor(watched), _on_one_processor(off))
    person.write(
        "trace.log", "".join(f'7 openat(AT_FDCWD</p>, "d/{n}", O_RDONLY) = 3</p/d/{n}>\n' for n in range(100_000))
    )
    bare = Command("python -c pass", person, (sys.executable, "-c", "pass"))
    yield Row(
        Command("reading a log of 100,000 opens", person, (sys.executable, "read.py")), bare, "2 s", difference=True
    )


def training(place: Place) -> Iterator[Row]:
    """What watching costs a training with NumPy of some 30 s. It is measured where it is asked for."""
    person = projects.training_project(place.folder / "training")
    watched, off = (_repro(person, "run", "--watch", means, "--", "python", "train.py") for means in ("strace", "off"))
    yield Row(watched, off, "1.05 times", rounds=2)


def packages(place: Place) -> Iterator[Row]:
    """The same, of an environment of 100 packages."""
    folder = place.folder / "packages"
    person = projects.small_project(folder, projects.many_packages(folder))
    note = " (100 packages)"
    yield Row(_repro(person, "run", "-o", "out", "--", "python", "train.py", note=note), _train(person), "", True)
    yield Row(_repro(person, "rebuild", "@last", note=note), _train(person), "1 s", difference=True)


def environments(place: Place) -> Iterator[Row]:
    """Pip environments of 100 packages, small ones and of the usual size, made from a warm cache and found again."""
    for size, usual in (("100 packages of the usual size", True), ("100 packages of one file", False)):
        folder = place.folder / ("environments-usual" if usual else "environments")
        yield from _environments(folder, projects.many_packages(folder, usual=usual), size)


def science(place: Place) -> Iterator[Row]:
    """The same of real packages. It is measured where it is asked for, and needs an index."""
    folder = place.folder / "science"
    venv = projects.science_packages(folder)
    if venv is not None:
        yield from _environments(folder, venv, "scikit-learn, pandas, matplotlib, statsmodels, sympy, jupyterlab")


def _environments(folder: Path, venv: Path, size: str) -> Iterator[Row]:
    """uv is called as its documentation says, with and without saying which Python, in the folder beside."""
    person = projects.small_project(folder, venv)
    projects.call(person, REPRO, "env", "lock", "-o", "lock.txt")
    projects.call(person, REPRO, "env", "create", "@last")
    [made] = (person.home / ".cache" / "repro" / "environments").iterdir()
    uv_path = find_uv_bin()
    alone = made.with_name("alone")  # beside: where a file system puts a folder decides how fast it takes files
    sync = f"{uv_path} pip sync -q --require-hashes -p {alone}/bin/python lock.txt"

    def by(shown: str, *which: str) -> Command:
        venv = shlex.join([uv_path, "venv", "-q", *which, str(alone)])
        return Command(shown, person, ("sh", "-c", f"{venv} && {sync}"), lambda: shutil.rmtree(alone, True))

    by_uv = by("uv alone: venv, sync")
    by_uv_told = by("uv alone, told which Python: venv, sync", "--python", os.path.realpath(sys.executable))
    bare = Command("repro env create --help", person, (REPRO, "env", "create", "--help"))
    note = f" ({size}, warm)"
    make = _repro(person, "env", "create", note=note, prepare=lambda: shutil.rmtree(made, True))
    yield Row(make, by_uv, "1.3 times")
    yield Row(make, by_uv_told, "1.3 times")
    yield Row(_repro(person, "env", "create", note=f" ({size}, found)"), bare, "50 ms", difference=True)
    yield Row(_repro(person, "env", "check", note=f" ({size})"), bare, "", difference=True)


def files(place: Place) -> Iterator[Row]:
    """The same, in a repository of 20,000 files: as it is committed, and with another edit each time."""
    person = projects.wide_project(place.folder / "files", place.venv)
    noop = Command("python -c pass", person, ("python", "-c", "pass"))
    command = ("run", "--", "python", "-c", "pass")
    yield Row(_repro(person, *command, note=" (20,000 files)"), noop, difference=True)
    edits = itertools.count()

    def edit() -> None:
        person.write("src/0/0.txt", f"{next(edits)}\n")

    yield Row(_repro(person, *command, note=" (20,000 files, one edited)", prepare=edit), noop, difference=True)


def check(place: Place) -> Iterator[Row]:
    """What a commit hook pays in a repository of 20,000 files and 5,000 runs; also where nothing is remembered."""
    person = projects.wide_project(place.folder / "check", place.venv)
    projects.many_runs(person)
    bare = Command("python -c pass", person, (sys.executable, "-c", "pass"))
    memo = person.cwd / ".repro" / "local" / "run-outputs"
    size = "20,000 files, 5,000 runs"
    yield Row(_repro(person, "check", "--staged", note=f" ({size})"), bare, "250 ms", difference=True)
    forget = Command(
        f"repro check --staged ({size}, the first time)",
        person,
        (REPRO, "check", "--staged"),
        lambda: memo.unlink(missing_ok=True),
    )
    yield Row(forget, bare, difference=True)
    yield Row(_repro(person, "check", note=f" ({size})"), bare, difference=True)
    yield _commit_with_hooks(person, size)


def _commit_with_hooks(person: Person, size: str) -> Row:
    """A commit of a result and its manifest, with the hooks that `repro hooks install` makes and without them."""
    projects.call(person, REPRO, "hooks", "install")
    projects.call(person, "git", "commit", "--quiet", "--no-verify", "--message", "result")

    def again() -> None:
        projects.call(person, "git", "reset", "--quiet", "--soft", "HEAD~1")

    commit = ("git", "commit", "--quiet", "--message", "result")
    hooked = Command(f"git commit ({size}, with the hooks)", person, commit, again)
    return Row(hooked, Command("git commit --no-verify", person, (*commit, "--no-verify"), again), "250 ms", True)


def add(place: Place) -> Iterator[Row]:
    """Storing 1,000 files of 4 kB, and copying them; each starts from nothing."""
    person = projects.new_person(place.folder / "add", place.venv)
    projects.many_data(person)
    copy = person.cwd.with_name("copy")
    yield Row(
        _repro(person, "add", "data", note=" (1,000 files)", prepare=lambda: projects.forget_data(person)),
        Command(
            "cp -r data ../copy",
            person,
            ("cp", "-r", "data", str(copy)),
            prepare=lambda: shutil.rmtree(copy, ignore_errors=True),
        ),
    )


def conda(place: Place) -> Iterator[Row]:
    """Conda environments of 200 packages, of the usual size and small ones."""
    for usual in (True, False):
        folder = place.folder / ("conda-usual" if usual else "conda")
        for subject, base, target, difference in conda_commands(folder, place.venv, usual=usual):
            yield Row(subject, base, target, difference)


GROUPS: dict[str, Callable[[Place], Iterator[Row]]] = {
    "start": start,
    "peers": peers,
    "rebuild": rebuild,
    "sandbox": sandbox,
    "run": run,
    "watch": watch,
    "training": training,
    "packages": packages,
    "environments": environments,
    "science": science,
    "files": files,
    "check": check,
    "add": add,
    "conda": conda,
}


LONG = frozenset({"training", "science"})
"""Groups that are measured only where they are named."""


def _repro(person: Person, *arguments: str, note: str = "", prepare: Callable[[], None] | None = None) -> Command:
    return Command(f"repro {' '.join(arguments)}{note}", person, (REPRO, *arguments), prepare)


def _on_one_processor(command: Command) -> Command:
    one = ("taskset", "--cpu-list", str(min(os.sched_getaffinity(0))))
    return replace(command, shown=f"taskset {command.shown}", arguments=(*one, *command.arguments))


def _train(person: Person) -> Command:
    return Command("python train.py", person, ("python", "train.py"))
