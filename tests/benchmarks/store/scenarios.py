"""What is done with a tool: once before the rounds, before each round, and measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.benchmarks.store.timed_steps import Step, run
from tests.benchmarks.store.tool import Tool

_SETTLED_S = 3


@dataclass(frozen=True, slots=True)
class Scenario:
    """`set_up` once, `prepare` before each round; neither is measured.

    `fills`: what is on the remote then is counted. `grows`: so is what it has gained. `reads`: files are read, not only
    looked at.
    """

    set_up: Callable[[Tool], None]
    prepare: Callable[[Tool], None]
    steps: Callable[[Tool], Sequence[Step]]
    fills: bool = False
    grows: bool = False
    reads: bool = True


def _begin(tool: Tool) -> None:
    run(tool.begin())


def _begin_and_add(tool: Tool) -> None:
    run([*tool.begin(), *tool.add()])


def _begin_add_and_push(tool: Tool) -> None:
    run([*tool.begin(), *tool.add()])
    run(tool.push())


def _begin_add_and_settle(tool: Tool) -> None:
    run([*tool.begin(), *(tool.add() if tool.program else ())])
    time.sleep(_SETTLED_S)  # a file that has just been written may not count as unchanged
    run(tool.status())


def _forget_both(tool: Tool) -> None:
    tool.forget_add()
    tool.forget_push()


def _nothing(tool: Tool) -> None:
    """Nothing has to be put back."""


def _add_and_push(tool: Tool) -> Sequence[Step]:
    return [*tool.add(), *tool.push()]


ADD = Scenario(_begin, lambda tool: tool.forget_add(), lambda tool: tool.add())
BACK_UP = Scenario(_begin, lambda tool: tool.forget_push(), lambda tool: tool.add(), fills=True)
"""The same, of a tool whose `add` goes to the remote."""
PUSH = Scenario(_begin_and_add, lambda tool: tool.forget_push(), lambda tool: tool.push(), fills=True)
ADD_AND_PUSH = Scenario(_begin, _forget_both, _add_and_push, fills=True)
STATUS = Scenario(_begin_add_and_settle, _nothing, lambda tool: tool.status(), reads=False)
BRING = Scenario(_begin_add_and_push, lambda tool: tool.move(), lambda tool: tool.bring())
UPDATE = Scenario(_begin_add_and_push, _nothing, _add_and_push, fills=True, grows=True)
"""After the row has changed the data."""
