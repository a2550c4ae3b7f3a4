"""`repro status` without click: prompts and hooks ask it often, and click's import costs more than the answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence


def plain_status(arguments: Sequence[str]) -> Callable[[], int] | None:
    """Return the command if `arguments` are `status`, paths and `--json`, and nothing that needs a parser."""
    if not arguments or arguments[0] != "status":
        return None
    rest = arguments[1:]
    if any(word.startswith("-") and word != "--json" for word in rest) or "_REPRO_COMPLETE" in os.environ:
        return None
    return lambda: status([word for word in rest if word != "--json"], as_json="--json" in rest)


def status(paths: Sequence[str], *, as_json: bool) -> int:
    """Show how tracked data stands, and return the exit code."""
    from repro.actions.status import status as look
    from repro.project import find_project
    from repro.report.data import show_status

    return show_status(look(find_project(os.getcwd(), dict(os.environ)), paths), as_json=as_json)
