"""The moment when a run began, by the clock of the file system that holds the project.

A file's change time is compared with it; taken from that same clock, it is right on a network file system too.
"""

from __future__ import annotations

import contextlib
import os
from datetime import datetime

from repro.model.run_id import RunId
from repro.model.runs.manifest import Manifest
from repro.project import Project


def mark_start(project: Project, run: RunId) -> None:
    """Remember that the run begins now."""
    with open(_path(project, run), "w", encoding="ascii") as file:
        file.write("the change time of this file is the moment when the run began\n")


def started_ns(project: Project, manifest: Manifest) -> int:
    """Return when the run began, in nanoseconds; of a snapshot that was made in another clone, its own time."""
    try:
        return os.stat(_path(project, manifest.run)).st_ctime_ns
    except FileNotFoundError:
        created = datetime.fromisoformat(manifest.observations.created)
        return int(created.timestamp()) * 10**9


def forget_start(project: Project, run: RunId) -> None:
    """The run is sealed: its beginning is needed no more."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_path(project, run))


def watch_folder(project: Project, run: RunId) -> str:
    """Return where it is written down what a run does, until it is sealed."""
    return os.path.join(project.folder, "local", f"{run}.watch")


def _path(project: Project, run: RunId) -> str:
    return os.path.join(project.folder, "local", f"{run}.start")
