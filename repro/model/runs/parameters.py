"""Parameters as a command sees them: environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from repro.model.pattern import pattern
from repro.model.runs.determinism import PARAMETER_PREFIX

_NAME = pattern(r"[A-Za-z_][A-Za-z0-9_]*")


def parameter_variables(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return `REPRO_PARAM_<name>` for each single value whose name can be part of a variable's.

    Values of parameter files are not among them: the command reads the files.
    """
    found = {}
    for name, value in parameters.items():
        if _NAME.fullmatch(name) and not isinstance(value, dict | list):
            found[PARAMETER_PREFIX + name] = _text(value)
    return found


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
