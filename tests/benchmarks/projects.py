"""The projects that are measured, made anew in a temporary directory with a home of their own."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from uv import find_uv_bin

from repro.data.rows import RACY_NS
from tests.command_line import Person, make_venv
from tests.env.small_index import SmallIndex

REPRO = str(Path(sys.executable).with_name("repro"))

TRAIN = """\
import pathlib
total = sum(int(line) for line in open("data/numbers.csv"))
out = pathlib.Path("out")
out.mkdir(exist_ok=True)
(out / "model.txt").write_text(str(total))
"""


LEARN = """\
import glob, os, numpy as np
data = np.concatenate([np.loadtxt(path, delimiter=",") for path in sorted(glob.glob("data/*.csv"))])
random = np.random.default_rng(1)
one, two = random.normal(size=(19, 256)) / 5, random.normal(size=(256, 1)) / 16
os.makedirs("out", exist_ok=True)
for epoch in range(780):
    for batch in np.split(random.permutation(data), 100):
        x, y = batch[:, :-1], batch[:, -1:]
        hidden = np.tanh(x @ one)
        error = hidden @ two - y
        back = (error @ two.T) * (1 - hidden**2)
        two -= 0.01 * hidden.T @ error / len(x)
        one -= 0.01 * x.T @ back / len(x)
    np.savez(f"out/{epoch:03}.npz", one=one, two=two)
"""


def call(person: Person, *arguments: str) -> None:
    """Call what must succeed."""
    done = person.call(*arguments, timeout=600)
    if done.returncode:
        raise SystemExit(f"$ {' '.join(arguments)}\n{done.stdout}{done.stderr}")


def settle() -> None:
    """Wait until files that have just been written count as unchanged."""
    time.sleep(RACY_NS / 1e9)


def new_person(folder: Path, venv: Path) -> Person:
    """Somebody in an empty git repository."""
    cwd = folder / "project"
    cwd.mkdir(parents=True)
    person = Person(home=folder / "home", cwd=cwd, venv=venv)
    person.home.mkdir()
    call(person, "git", "init", "--quiet")
    return person


def small_project(folder: Path, venv: Path) -> Person:
    """A script, a tracked file of data, a remote, and a run that is done."""
    person = new_person(folder, venv)
    person.write("train.py", TRAIN)
    person.write("data/numbers.csv", "1\n2\n3\n")
    call(person, REPRO, "add", "data")
    call(person, REPRO, "remote", "add", "store", str(folder / "remote"))
    call(person, "git", "add", "--all")
    call(person, "git", "commit", "--quiet", "--message", "begin")
    settle()
    call(person, REPRO, "run", "-n", "made", "-o", "out", "--", "python", "train.py")
    call(person, REPRO, "status")
    return person


def training_project(folder: Path) -> Person:
    """Tracked data in 100 files, and a network of two layers that learns it with NumPy: a checkpoint each epoch."""
    folder.mkdir(parents=True)
    venv = make_venv(folder / "venv", [find_uv_bin()])
    install = [find_uv_bin(), "pip", "install", "--quiet", "--python", str(venv / "bin" / "python"), "numpy"]
    subprocess.run(install, check=True)
    person = new_person(folder, venv)
    numbers = random.Random(1)
    for shard in range(100):
        rows = (",".join(f"{numbers.random():.4f}" for _ in range(20)) for _ in range(200))
        person.write(f"data/{shard:03}.csv", "\n".join(rows))
    person.write("train.py", LEARN)
    call(person, REPRO, "add", "data")
    call(person, "git", "add", "--all")
    call(person, "git", "commit", "--quiet", "--message", "begin")
    settle()
    return person


def wide_project(folder: Path, venv: Path, files: int = 20_000) -> Person:
    """A repository with this many committed files, 100 in a directory."""
    person = new_person(folder, venv)
    call(person, "git", "config", "gc.auto", "0")  # a gc in the background would be measured, and be in the way of ours
    for number in range(files):
        person.write(f"src/{number // 100}/{number % 100}.txt", f"{number}\n" * 10)
    call(person, "git", "add", "--all")
    call(person, "git", "commit", "--quiet", "--message", "begin")
    settle()
    return person


def many_runs(person: Person, runs: int = 5_000) -> None:
    """Rules, this many committed manifests, and a result with its manifest that are staged."""
    person.write("repro.yaml", 'results: ["results/**"]\nrequire: {reachable: true, untainted: true}\n')
    person.write("results/new", "")
    call(person, "git", "add", "repro.yaml")
    call(person, "git", "commit", "--quiet", "--message", "rules")
    call(person, REPRO, "run", "-o", "results/new", "--", "sh", "-c", "echo new > results/new")
    (newest,) = (person.cwd / ".repro" / "runs").iterdir()
    text = newest.read_text()
    found = re.search(r"outputs:\n(?:.*\n)*?    digest: b3:([0-9a-f]{64})", text)
    assert found is not None
    aside = person.home / newest.name
    newest.rename(aside)
    for number in range(runs):
        run = f"20200101-{number // 3600:02}{number // 60 % 60:02}{number % 60:02}-{newest.stem[-8:]}"
        other = text.replace(newest.stem, run).replace(found[1], f"{number:064x}")
        person.write(f".repro/runs/{run}.yaml", other)
    call(person, "git", "add", ".repro")
    call(person, "git", "commit", "--quiet", "--message", "runs")
    call(person, "git", "gc", "--quiet")
    aside.rename(newest)
    call(person, "git", "add", "results", ".repro")


def usual_files(number: int, below: str) -> dict[str, str]:
    """What a package of the usual size has: 30 to 100 files of 1 to 30 kB, by their paths."""
    numbers = random.Random(number)
    line = f"def function_{number}(value): return value + {number}\n"
    count = numbers.randint(30, 100)
    return {f"{below}/part_{i % 7}/module_{i}.py": line * numbers.randint(25, 750) for i in range(count)}


def many_packages(folder: Path, packages: int = 100, *, usual: bool = False) -> Path:
    """A virtual environment with this many packages, small or of the usual size, from an index on loopback."""
    index = SmallIndex(folder / "index")
    names = [f"benchmark-package-{number}" for number in range(packages)]
    for number, name in enumerate(names):
        index.add(name, "1.0", files=usual_files(number, f"benchmark_{number}") if usual else {})
    index.start()
    venv = make_venv(folder / "venv", [find_uv_bin()])
    install = [find_uv_bin(), "pip", "install", "--quiet", "--default-index", index.url]
    subprocess.run([*install, "--python", str(venv / "bin" / "python"), *names], check=True)
    # It is asked for hashes in the first call, and lives as long as this process.
    os.environ["UV_DEFAULT_INDEX"] = index.url
    return venv


def science_packages(folder: Path) -> Path | None:
    """A virtual environment with what people compute with, from the index; None where that does not answer."""
    folder.mkdir(parents=True)
    venv = make_venv(folder / "venv", [find_uv_bin()])
    install = [find_uv_bin(), "pip", "install", "--quiet", "--python", str(venv / "bin" / "python")]
    done = subprocess.run([*install, "scikit-learn", "pandas", "matplotlib", "statsmodels", "sympy", "jupyterlab"])
    return venv if done.returncode == 0 else None


def many_data(person: Person, files: int = 1_000) -> None:
    """Untracked data: this many files of 4 kB in ten directories."""
    for number in range(files):
        person.write(f"data/{number % 10}/{number}.bin", f"{number:08}".encode() * 512)


def forget_data(person: Person) -> None:
    """Put back what `repro add data` did, its store included."""
    for path in (person.home / ".local", person.cwd / ".repro"):
        shutil.rmtree(path, ignore_errors=True)
    for name in ("data.repro", ".gitignore"):
        (person.cwd / name).unlink(missing_ok=True)


def dvc_environment(cache: Path) -> Path:
    """DVC in a virtual environment of its own, from the index, kept for the next time; returns its program."""
    program = cache / "dvc" / "bin" / "dvc"
    if not program.exists():
        venv = make_venv(cache / "dvc", [find_uv_bin()])
        subprocess.run(
            [find_uv_bin(), "pip", "install", "--quiet", "--python", str(venv / "bin" / "python"), "dvc"], check=True
        )
    return program


def dvc_project(folder: Path, venv: Path, dvc: str) -> Person:
    """The small project, tracked by DVC."""
    person = new_person(folder, venv).having(DVC_NO_ANALYTICS="true")
    person.write("train.py", TRAIN)
    person.write("data/numbers.csv", "1\n2\n3\n")
    call(person, dvc, "init", "--quiet")
    call(person, dvc, "config", "core.check_update", "false")
    call(person, dvc, "add", "--quiet", "data")
    call(person, dvc, "remote", "add", "--default", "store", str(folder / "remote"))
    call(person, "git", "add", "--all")
    call(person, "git", "commit", "--quiet", "--message", "begin")
    settle()
    call(person, dvc, "status")
    return person
