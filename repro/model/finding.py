"""One thing that a command has to say about the state of the world."""

from __future__ import annotations

from repro.model.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind` is stable and kebab-case; `path` and `run` say what it is about, `hint` what to do next."""

    kind: str
    detail: str
    path: str | None = None
    run: str | None = None
    hint: str | None = None
