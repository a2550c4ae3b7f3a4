"""The errors that a user can meet. An error is its message, its hint, its exit code and its stable id.

Subclasses live with the module that raises them; here stands one base per exit code of
`docs/reference/exit-codes.md`. Scripts may rely on `id` and `exit_code`; messages may change.
"""

from __future__ import annotations


class ReproError(Exception):
    """What was tried and what was found (`message`), and what to do next (`hint`)."""

    exit_code = 3
    id = "cannot-proceed"

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class AnswerIsNo(ReproError):
    """The question was understood and the answer is no."""

    exit_code = 1
    id = "no"


class UsageError(ReproError):
    """The command line or a settings file says something that has no meaning."""

    exit_code = 2
    id = "usage"


class CannotProceed(ReproError):
    """Something that is needed is not there: a project, a lock, a piece of a run."""


class IntegrityError(ReproError):
    """Bytes are not what their name says, or a record from elsewhere is malformed or unsafe."""

    exit_code = 4
    id = "integrity"


class RemoteError(ReproError):
    """A remote could not be reached, or refused. Never used for "the remote does not have it"."""

    exit_code = 5
    id = "remote"


class LockedError(ReproError):
    """Another process is at work on the same thing."""

    exit_code = 6
    id = "locked"
