"""The outputs of manifests that were looked at before, kept on this machine: a check need not read them all again."""

from __future__ import annotations

import contextlib
import os

from repro.model.runs.run_outputs import RunOutputs
from repro.store.records.folder import LinkedFolder, prepare_folder, write_beside

_MOST_BYTES = 64 * 1024 * 1024
"""A larger file is begun anew: it has manifests of branches that have long gone."""


def load_run_outputs(folder: str | None) -> RunOutputs:
    """Return what is kept in the records' folder; nothing where there is no folder, or no such file."""
    if folder is None:
        return RunOutputs()
    try:
        with open(_path(folder), "rb") as file:
            return RunOutputs(file.read())
    except OSError:  # it is only a memory
        return RunOutputs()


def save_run_outputs(folder: str, outputs: RunOutputs) -> None:
    """Keep it. Where that is not possible, it is found out again the next time."""
    data = outputs.render()
    if len(data) > _MOST_BYTES or not os.path.isdir(folder):
        return
    with contextlib.suppress(OSError, LinkedFolder):
        prepare_folder(folder)
        os.replace(write_beside(_path(folder), data), _path(folder))


def _path(folder: str) -> str:
    return os.path.join(folder, "local", "run-outputs")
