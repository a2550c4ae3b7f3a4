"""A run that was recorded, pushed, and whose original is gone: what every test of this folder begins with."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command_line import Person

# What differs between machines and could leak into a result: everything that the tests of this folder vary.
SCRIPT = """\
import hashlib, json, locale, os, pathlib, sys, time

locale.setlocale(locale.LC_ALL, "")
root = pathlib.Path(os.environ["REPRO_ROOT"])
assert root == pathlib.Path.cwd().parent, (root, pathlib.Path.cwd())
numbers = [int(line) for line in open(root / "data" / "numbers.csv")]
out = root / "out"
(out / "empty").mkdir(parents=True)
seen = {
    "sum": sum(numbers),
    "set": list({"a", "b", "c", "d", "e"}),
    "time": time.strftime("%H:%M", time.localtime(0)),
    "zone": time.tzname[0],
    "locale": locale.getlocale(locale.LC_TIME),
    "threads": os.environ.get("OMP_NUM_THREADS") or str(len(os.sched_getaffinity(0))),
    "epoch": os.environ["SOURCE_DATE_EPOCH"],
    "parameter": os.environ["REPRO_PARAM_rate"],
    "named": os.environ["NAMED"],
    "path": [os.path.relpath(p, root) for p in os.environ["PYTHONPATH"].split(":")],
    "module": __import__("helper").VALUE,
    "python": sys.version_info[:3],
}
(out / "seen.json").write_text(json.dumps(seen, indent=1))
(out / "script.sh").write_text("#!/bin/sh\\n")
os.chmod(out / "script.sh", 0o777 & ~os.umask(0))
(out / "link").symlink_to("seen.json")
"""


@dataclass(frozen=True)
class Recorded:
    """A run on a remote; nothing else of it is left on the machine."""

    run: str
    remote: Path
    manifest: dict[str, object]


@pytest.fixture
def recorded(ann: Person, tmp_path: Path) -> Recorded:
    """A run in a subdirectory, with data, a parameter, a named variable and PYTHONPATH; Ann's machine is gone."""
    ann.git("init", "--quiet")
    ann.write("repro.yaml", "outputs: [out]\nvariables: [NAMED]\n")
    ann.write("work/train.py", SCRIPT)
    ann.write("library/helper.py", "VALUE = 42\n")
    ann.write("data/numbers.csv", "".join(f"{n}\n" for n in range(100)))
    ann.repro("add", "data")
    ann.git("add", "--all")
    ann.git("commit", "--quiet", "--message", "begin")
    ann.write("library/helper.py", "VALUE = 43\n")
    at_work = ann.at(ann.cwd / "work").having(
        NAMED="a value", TZ="Asia/Tokyo", PYTHONPATH=str(ann.cwd / "library"), SECRET="not to be recorded"
    )
    at_work.repro("run", "-n", "first", "-p", "rate=0.5", "--", "python", "train.py")
    ann.repro("push", "-r", str(tmp_path / "remote"))
    run, manifest = ann.runs()[-1], ann.manifest()
    shutil.rmtree(ann.home)
    return Recorded(run, tmp_path / "remote", manifest)
