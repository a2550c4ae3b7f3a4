"""`repro` as an installed program: in PATH, where hooks and CI scripts look for it."""

from __future__ import annotations

import shlex

from tests.command_line import REPRO, Person


def with_repro(person: Person) -> Person:
    """The person with `repro` in PATH, and no other program of the tests' own environment."""
    folder = person.home / "programs"
    folder.mkdir(exist_ok=True)
    (folder / "repro").write_text(f'#!/bin/sh\nexec {shlex.join(REPRO)} "$@"\n')
    (folder / "repro").chmod(0o755)
    return person.having(PATH=f"{person.environ['PATH']}:{folder}")
