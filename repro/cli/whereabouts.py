"""Where a command was called: in a project, or outside of any."""

from __future__ import annotations

import os

from repro.project import Project, Workspace, find_project, find_root, open_workspace


def here() -> Project:
    """Return the project of the current directory."""
    return find_project(os.getcwd(), dict(os.environ))


def project_or_workspace() -> Project | Workspace:
    """Return the project of the current directory, or what there is without one."""
    cwd, environ = os.getcwd(), dict(os.environ)
    return find_project(cwd, environ) if find_root(cwd) else open_workspace(cwd, environ)
