"""Telling outputs from noise and from code that changed under a run.

As long as a run is not watched, what it made is told from the state of the files before and after it:

| a file touched while the run ran | is |
|---|---|
| inside a declared output | part of that output |
| inside an input | looked at with the input: a changed input taints |
| in the noise table (`repro.model.watching.noise`), or matched by `exclude` | nothing |
| not part of the code at the start | an output that was found |
| part of the code, and its bytes were an earlier run's output | an output that was found |
| part of the code, other bytes now | code that changed under the run: taints |
| part of the code, same bytes | nothing |
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from repro.model.dataclass import dataclass
from repro.model.names import RelPath, is_within
from repro.model.watching.noise import is_noise


@dataclass(frozen=True, slots=True)
class Touched:
    """What a run left: outputs that nobody declared, and paths that changed and should not have."""

    found: tuple[RelPath, ...]
    tainted: tuple[bytes, ...]


def classify_touched(
    touched: Iterable[bytes],
    changed: Collection[bytes],
    in_code: Callable[[bytes], bool],
    was_output: Callable[[bytes], bool],
    known: Sequence[bytes],
    exclude: Sequence[str] = (),
) -> Touched:
    """Apply the table above.

    Args:
        touched: files that were created, written or replaced since the start.
        changed: paths of the code whose bytes or mode differ from the start, deleted ones included.
        in_code: whether a path was part of the code at the start.
        was_output: whether the bytes that a path had at the start are an earlier run's output.
        known: declared outputs and inputs.
        exclude: patterns of files that are never outputs.
    """
    found: list[RelPath] = []
    tainted: list[bytes] = []
    for path in sorted({*touched, *changed}):
        if any(is_within(path, other) for other in known) or is_noise(path, exclude):
            continue
        if not in_code(path) or was_output(path):
            found.append(RelPath(path))
        elif path in changed:
            tainted.append(path)
    return Touched(tuple(found), tuple(tainted))
