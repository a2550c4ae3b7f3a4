"""What is said when a piece of an environment cannot be had, whatever its kind."""

from __future__ import annotations

from repro.errors import CannotProceed, ReproError

ELSEWHERE = "take a remote with the run's archive (--from): `repro env archive` makes one where the files can be had"
"""The end of a hint: what to do where a piece is nowhere else."""


class Unobtainable(ReproError):
    """A piece was asked for, and whoever had it answers that it is gone, or gives another one.

    A rebuild answers this with its verdict, `unbuildable`. A source that did not answer is never this: it may have
    the piece. Classes that raise it take their exit code from the base that they have beside it.
    """


class EnvironmentOffline(CannotProceed):
    """A file is not on this machine, and the network is not to be used."""

    id = "environment-offline"
