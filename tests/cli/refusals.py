"""What holds of every refusal: one or two lines on stderr, a hint where there is one, the project as it was."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.command_line import Person

# Made and kept by design: what git collects by itself, and this machine's memory.
_HARMLESS = (".git/objects", ".git/refs/repro", ".repro/local", ".repro/.gitignore")


def refusal(person: Person, *arguments: str | bytes, code: int, hint: bool = True) -> str:
    """Call repro, which must refuse with an exit code in one line (and one of hint); return what it said.

    What `run` and `rebuild` say of their steps before may stand above.
    """
    done = person.repro(*arguments, expect=code)
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert lines, "nothing was said"
    assert lines[-1].startswith("hint: ") == hint, done.stderr
    message = lines[-2] if hint else lines[-1]
    assert message.startswith("repro: "), done.stderr
    return "\n".join(lines[-1 - hint :])


def standing(root: Path) -> dict[str, bytes]:
    """Return every file of a project with its bytes, and every link with its target, but for what is harmless."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in [*files, *(name for name in folders if os.path.islink(os.path.join(folder, name)))]:
            path = Path(folder, name)
            shown = os.fsencode(path.relative_to(root)).decode("utf-8", "backslashreplace")
            if not shown.startswith(_HARMLESS):
                found[shown] = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
    return found


def leaves_all_as_it_was(person: Person, call: Callable[[], object]) -> None:
    """Make a call and require that the project is, byte for byte, what it was; refs too."""
    before, refs = standing(person.cwd), person.git("for-each-ref")
    call()
    assert standing(person.cwd) == before
    assert person.git("for-each-ref") == refs
