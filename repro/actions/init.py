"""Making a project ready: a commented settings file, and the folder for records."""

from __future__ import annotations

import os

from repro.project import FOLDER, SETTINGS_FILE, Project

_TEMPLATE = """\
# Settings of repro for this project. Every key is optional; see docs/reference/settings.md.

# Results that the command writes (those that nobody names are found, too):
# outputs: [out/]

# Files that are never outputs:
# exclude: ["*.log"]

# Data that git ignores and no pointer tracks, and that every run reads:
# inputs: [config.local.json]

# Runs may not use the network, and files of up to this size that they read elsewhere are stored:
# network: forbid
# capture_outside: 100 MiB

# The command of a rebuild must run in this sandbox (bwrap, landlock or none; auto takes what can be had):
# sandbox: bwrap

# Recorded with every run:
# parameters: [params.yaml]
# metrics: [out/metrics.json]
# variables: [CUDA_VISIBLE_DEVICES]

# environment:
#   kind: pip
#   python: .venv/bin/python
#   lock: requirements.lock

# Remotes are added by `repro remote add NAME URL`.
"""


def initialise(project: Project) -> list[str]:
    """Write what is missing of `repro.yaml` and `.repro/`, and return what was written."""
    written = []
    if not os.path.isdir(os.path.join(project.folder, "runs")):
        project.records().prepare()
        written.append(f"{FOLDER}/")
    path = os.path.join(project.root, SETTINGS_FILE)
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(_TEMPLATE)
        written.append(SETTINGS_FILE)
    except FileExistsError:
        pass  # it is the user's
    return written
