"""Installs by hash from uv's own cache where that has everything: no index could answer anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from repro.env.pip.uv_process import UvFailure, UvResult, run_uv

_NOT_FOUND = (UvFailure.OFFLINE, UvFailure.ABSENT, UvFailure.HASH)


def run_cache_first(command: Sequence[str], environ: Mapping[str, str], cwd: str) -> UvResult:
    """Run a command of uv that installs by hash, without the network if that will do.

    uv looks for all packages before it installs one. A failure that is not about finding them may have left half of a
    package, which a second call would take for installed: it is the answer.

    Args:
        command: without `uv` itself; with `--offline` it is run once.
        environ, cwd: as for `run_uv`.

    Raises:
        NoUv: there is no `uv`.
    """
    if "--offline" not in command:
        result = run_uv([*command, "--offline"], environ, cwd)
        if not result.returncode or result.failure not in _NOT_FOUND:
            return result
    return run_uv(command, environ, cwd)
