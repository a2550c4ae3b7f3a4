"""What is said where the environment in use is not the one it is held against."""

from __future__ import annotations

from repro.model.environments.environment import Environment
from repro.model.environments.environment_diff import compare
from repro.model.finding import Finding

_CREATE = "`repro env create RUN` makes the run's environment"


def drift_from(recorded: Environment, here: Environment) -> tuple[Finding, ...]:
    """Return a finding of kind `environment-drift` for each difference of an environment from a recorded one."""
    difference = compare(recorded, here)
    details = [f"{change.name} is {change.after} here, recorded is {change.before}" for change in difference.base]
    details += [f"{name} {version} is not installed here" for name, version in difference.removed]
    details += [f"{name} {version} is installed here and was not recorded" for name, version in difference.added]
    details += [f"{c.name} is {c.after} here, recorded is {c.before}" for c in difference.changed]
    details += [f"{c.name} is from {c.after} here, recorded is {c.before}" for c in difference.sources]
    return tuple(Finding("environment-drift", detail, hint=_CREATE) for detail in details)
