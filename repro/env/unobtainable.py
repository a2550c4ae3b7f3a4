"""What is said when nobody has a piece of an environment any more, whatever its kind."""

from __future__ import annotations

from repro.errors import ReproError


class Unobtainable(ReproError):
    """A piece was asked for, and whoever had it answers that it is gone, or gives another one.

    A rebuild answers this with its verdict, `unbuildable`. A source that did not answer is never this: it may have
    the piece. Classes that raise it take their exit code from the base that they have beside it.
    """
