"""A copy of strace that runs wherever the kernel and the processor are this machine's: in a container of any image.

An image need not have strace, nor the libraries that this machine's needs. The copy has them beside it, and is
started by their own loader.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence

from repro.execution.strace import Strace, traced
from repro.model.dataclass import dataclass
from repro.model.pattern import pattern
from repro.model.watching.strace_syntax import CALLS

_LIBRARY = pattern(r"(?:=> )?(/\S+) \(0x[0-9a-f]+\)")


@dataclass(frozen=True, slots=True)
class PortableStrace:
    """A copy of strace: the folder that holds nothing else, its loader there, and its version."""

    folder: str
    loader: str
    version: str

    def watching(self, log: str, command: Sequence[str]) -> list[str]:
        """Return the command line that runs `command` and writes `log`; see `Strace.watching`."""
        line = traced("strace", CALLS, log, command, "-q")
        return [self.loader, "--library-path", self.folder, os.path.join(self.folder, "strace"), *line[1:]]


def take_along(strace: Strace, folder: str) -> PortableStrace | str:
    """Return a copy of a strace of this machine, which is made where it is not there; or why there is none.

    Args:
        strace: one that works here.
        folder: where copies are kept; made when needed.
    """
    files = _files(strace.path)
    if isinstance(files, str):
        return files
    loader, libraries = files
    stamp = hashlib.sha256(repr([(path, os.stat(path).st_mtime_ns) for path in (strace.path, *libraries)]).encode())
    final = os.path.join(folder, f"strace-{stamp.hexdigest()[:16]}")
    if not os.path.isdir(final):
        _copy(strace.path, libraries, folder, final)
    return PortableStrace(final, os.path.join(final, os.path.basename(loader)), strace.version)


def _files(path: str) -> tuple[str, list[str]] | str:
    """Return the loader, and all that it would load with it, as the loader itself tells (ld.so(8))."""
    listed = subprocess.run(
        [path], env={"LD_TRACE_LOADED_OBJECTS": "1"}, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    found = _LIBRARY.findall(listed.stdout)
    loader = next((library for library in found if os.path.basename(library).startswith("ld-")), None)
    if listed.returncode or loader is None:
        return f"{path} cannot be taken into a container: its loader does not tell what it needs"
    return loader, found


def _copy(program: str, libraries: Iterable[str], folder: str, final: str) -> None:
    os.makedirs(folder, exist_ok=True)
    making = tempfile.mkdtemp(prefix="making-", dir=folder)
    os.chmod(making, 0o755)
    try:
        shutil.copy(program, os.path.join(making, "strace"))
        for library in libraries:
            shutil.copy(library, making)
        with contextlib.suppress(OSError):  # another process has made it meanwhile
            os.rename(making, final)
    finally:
        shutil.rmtree(making, ignore_errors=True)
