"""Runs of real libraries, recorded by Ann and rebuilt elsewhere by Bob: they share one environment.

An environment of this size is what costs: making it takes some ten seconds where uv has the packages, its rebuild as
much again. So one project has all runs, and what came of each is told apart.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from uv import find_uv_bin

from tests.command_line import REPRO, Person, make_venv

PACKAGES = (
    *("numpy", "pandas", "pyarrow", "scikit-learn", "matplotlib", "joblib", "nbconvert", "ipykernel"),
    *("sympy", "networkx", "jinja2", "fsspec", "filelock", "typing-extensions", "setuptools"),  # what PyTorch needs
)
TORCH = "torch==2.13.0"
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"

NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "cells": [
        {
            "id": "one",
            "cell_type": "code",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": "import pandas as p\np.read_csv('notebook.ignored.csv').sum()",
        }
    ],
}


# What each library reads and makes is its own file, so that one process can have several: their imports are what costs.
ARRAYS = {
    "numpy": ("numpy.ignored.csv", ("result.npy",)),
    "pandas CSV": ("pandas.ignored.csv", ("result.csv",)),
    "pandas parquet": ("pandas.ignored.parquet", ("result.parquet",)),
    "scikit-learn": ("sklearn.ignored.csv", ("result.pickle",)),
    "matplotlib": ("matplotlib.ignored.csv", ("result.pdf", "result.png", "result.svg")),
    "joblib": ("joblib.ignored.csv", ("result.txt",)),
    "PyTorch": ("torch.ignored.csv", ("result.json", "result.pt")),
}
_ARRAYS = """\
import pickle, numpy as np
def load(name): return np.loadtxt(name, delimiter=",", skiprows=1)
def text(name): return open(name).read()
if __name__ == "__main__":
    np.save("result", np.linalg.svd(load("numpy.ignored.csv"))[0])
    import pandas as pd
    pd.read_csv("pandas.ignored.csv").describe().to_csv("result.csv")
    pd.read_parquet("pandas.ignored.parquet").to_parquet("result.parquet")
    from sklearn.linear_model import LogisticRegression
    x = load("sklearn.ignored.csv")
    pickle.dump(LogisticRegression().fit(x[:, :1], x[:, 1] > 500).coef_, open("result.pickle", "wb"))
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plot
    plot.plot(load("matplotlib.ignored.csv"))
    plot.savefig("result.png", metadata={"Software": None})
    plot.savefig("result.pdf")
    plot.savefig("result.svg")
    from joblib import Parallel, delayed
    found = Parallel(n_jobs=2)(delayed(text)(name) for name in ["joblib.ignored.csv"] * 4)
    open("result.txt", "w").write(str(found))
    import json, torch
    torch.manual_seed(1)
    data = torch.from_numpy(load("torch.ignored.csv")).float() / 50
    layers = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.Adam(layers.parameters())
    for _ in range(20):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(layers(data[:, :1]), data[:, 1:]).backward()
        optimizer.step()
    torch.save(layers.state_dict(), "result.pt")
    cudnn, cuda = torch.backends.cudnn, torch.backends.cuda
    json.dump({
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "cudnn": [cudnn.benchmark, cudnn.allow_tf32, cuda.matmul.allow_tf32],
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }, open("result.json", "w"))
"""


@dataclass(frozen=True)
class Run:
    """A command, and what of each library it reads and makes; `options` are those of `repro run`."""

    script: str
    made: dict[str, tuple[str, tuple[str, ...]]]
    options: tuple[str, ...] = ()
    command: tuple[str, ...] = ("python", "job.py")


RUNS = (
    Run(_ARRAYS, ARRAYS, options=("--pin",)),
    Run(
        json.dumps(NOTEBOOK),
        {"nbconvert": ("notebook.ignored.csv", ("result.ipynb",))},
        command=(
            *("jupyter", "nbconvert", "--to", "notebook", "--execute", "--ExecutePreprocessor.record_timing=False"),
            # A kernel on a busy machine may take more than a minute to start, or seconds to hand over what was printed.
            *("--ExecutePreprocessor.startup_timeout=300", "--ExecutePreprocessor.iopub_timeout=60"),
            *("--output", "result.ipynb", "job.py"),  # what a notebook is called does not matter
        ),
    ),
)
LIBRARIES = {name: made for run in RUNS for name, made in run.made.items()}


def library_environment(folder: Path) -> tuple[Path, Path]:
    """Make an environment with all of them. PyTorch's wheel is kept beside it: the index of its CPU builds is another.

    Raises:
        subprocess.CalledProcessError: it cannot be had.
    """
    uv = find_uv_bin()
    venv, wheels = make_venv(folder / "env", [uv]), folder / "wheels"
    download = [uv, "tool", "run", "--python", sys.executable, "pip", "download", "--quiet", "--no-deps"]
    found = subprocess.run([*download, "--dest", str(wheels), "--no-index", TORCH], capture_output=True)
    if found.returncode:  # no folder of wheels is configured
        subprocess.run([*download, "--dest", str(wheels), "--index-url", TORCH_INDEX, TORCH], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", str(venv / "bin" / "python")]
    subprocess.run([*install, "--find-links", str(wheels), *PACKAGES, *map(str, wheels.iterdir())], check=True)
    return venv, wheels


def record_and_rebuild(folder: Path) -> list[Any]:
    """Return of each run what was recorded (`manifest`), what its rebuild answered (`answer`, `said`), and what PyTorch
    said of itself (`result`)."""
    venv, wheels = library_environment(folder)
    cache = subprocess.run([find_uv_bin(), "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    ann = _project(folder, venv).having(UV_CACHE_DIR=cache, PIP_FIND_LINKS=str(wheels))
    remote = folder / "remote"
    recorded = [_record(ann, run) for run in RUNS]
    ann.repro("push", "-r", str(remote), timeout=300)
    bob = replace(ann, home=folder / "bob", cwd=folder / "bob", venv=make_venv(folder / "empty", [find_uv_bin()]))
    bob.home.mkdir()
    shutil.rmtree(ann.home)
    return [outcome | _rebuild(bob, remote, outcome["manifest"]["run"]) for outcome in recorded]


def _project(folder: Path, venv: Path) -> Person:
    ann = Person(home=folder / "ann", cwd=folder / "ann" / "project", venv=venv)
    ann.cwd.mkdir(parents=True)
    ann.git("init", "--quiet", "--initial-branch=main")
    ann.write(".gitignore", "*.ignored*\n/result*\n")
    table = "a,b\n" + "".join(f"{n},{n * n}\n" for n in range(50))
    for name, _ in LIBRARIES.values():
        ann.write(name, table)
    convert = "from pyarrow import csv, parquet as p; t = csv.read_csv('pandas.ignored.csv')\n"
    convert += "p.write_table(t, 'pandas.ignored.parquet')"
    ann.call("python", "-c", convert)
    return ann


def _record(ann: Person, run: Run) -> dict[str, Any]:
    for path in ann.cwd.glob("result*"):
        path.unlink()
    ann.write("job.py", run.script)
    ann.repro("run", *run.options, "--", *run.command, timeout=300)
    said = ann.cwd / "result.json"
    result = json.loads(said.read_text()) if said.exists() else None
    return {"manifest": ann.repro_json("show", "@last"), "result": result}


def _rebuild(bob: Person, remote: Path, run: str) -> dict[str, Any]:
    """As another user where the kernel allows it, and on one processor, with the run's machine gone."""
    user = ["unshare", "--user", "--map-user=4321", "--map-group=4321"]
    if subprocess.run([*user, "true"], capture_output=True).returncode:
        user = []
    one = {min(os.sched_getaffinity(0))}
    command = (*user, *REPRO, "rebuild", run, "--from", str(remote), "--json")
    done = bob.call(*command, timeout=300, preexec_fn=lambda: os.sched_setaffinity(0, one))
    return {"answer": json.loads(done.stdout), "said": done.stderr}
