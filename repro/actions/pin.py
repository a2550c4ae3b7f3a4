"""`run --pin`: a project whose commands get the strict settings."""

from __future__ import annotations

from repro.execution.machine import describe_machine
from repro.model.dataclass import replace
from repro.model.runs.pins import pinned
from repro.project import Project


def with_pins(project: Project) -> Project:
    """Return the project with the strict settings among its variables, where a run takes them from and records them."""
    machine = describe_machine()
    return replace(project, environ=pinned(project.environ, machine.cpu_features, machine.cpus))
