"""Starting a command in a container from here: the process that stands for it, and what became of it.

Whoever starts processes (`repro.execution.process.execute`) is given a command line and descriptors to pass on; this
package starts none.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterator

from repro.errors import CannotProceed
from repro.model.dataclass import dataclass
from repro.model.environments.container import ContainerEnd, ContainerSpec, end_from_json, spec_to_json


class ContainerFailed(CannotProceed):
    """A container did not run to its end. `started`: whether the command in it may have started."""

    id = "container-failed"

    def __init__(self, message: str, hint: str | None, identity: str, started: bool) -> None:
        super().__init__(message, hint)
        self.id = identity
        self.started = started


@dataclass(frozen=True, slots=True)
class ContainerCommand:
    """A command line that runs a container, and the descriptors that it must inherit."""

    line: tuple[str, ...]
    pass_fds: tuple[int, ...]
    _end: int

    def end(self) -> ContainerEnd:
        """Return how it ended, once it has.

        Raises:
            ContainerFailed: the engine did not run it to its end, in the engine's words; or nobody knows.
        """
        os.lseek(self._end, 0, os.SEEK_SET)
        with open(self._end, "rb", closefd=False) as file:
            end = end_from_json(file.read())
        if end.error:
            identity, message, hint = end.error
            raise ContainerFailed(message, hint, identity, end.started)
        if end.exit_code is None and end.missing is None:
            words = "the process that stood for the container was killed; the container is removed"
            raise ContainerFailed(words, None, "container-lost", True)
        return end


@contextlib.contextmanager
def container_command(spec: ContainerSpec) -> Iterator[ContainerCommand]:
    """Give the command line for a spec; the descriptors are open as long as the context is."""
    wanted, end = os.memfd_create("container"), os.memfd_create("container-end")
    try:
        with open(wanted, "wb", closefd=False) as file:
            file.write(spec_to_json(spec))
        os.lseek(wanted, 0, os.SEEK_SET)
        line = (sys.executable, "-P", "-m", "repro.env.image.client", str(wanted), str(end))
        yield ContainerCommand(line, (wanted, end), end)
    finally:
        os.close(wanted)
        os.close(end)


def container_name() -> str:
    """Return a name that no other container has."""
    return f"repro-{secrets.token_hex(8)}"
