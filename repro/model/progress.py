"""What long work says of how far it has come. Work tells; whether anybody sees it is not its question."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Is told of phases, and of bytes and files that were dealt with.

    Work calls it from one thread or from many, as often as it likes: a call costs less than a microsecond. Where a
    plain `Callable[[int], None]` is wanted, it is one.
    """

    def __call__(self, size: int, /) -> None:
        """Say that `size` more bytes were dealt with: of a block, or of a file."""

    def advance(self, size: int, files: int = 0) -> None:
        """Say that `size` more bytes and `files` more files were dealt with."""

    def begin(self, label: str, size: int | None = None, files: int | None = None) -> None:
        """Begin a phase; what was counted before is forgotten.

        Args:
            label: what is done, one word as a rule: `push`.
            size: how many bytes it will be; None: not known, or not yet.
            files: how many files it will be; likewise.
        """

    def total(self, size: int | None = None, files: int | None = None) -> None:
        """Say how much the phase under way will be, once that is known, or as far as it is; None leaves what was said
        before."""

    def pause(self) -> None:
        """Take away what is shown, since something else is about to use the terminal; the next call shows it again."""


class Silent:
    """A `Progress` that nobody sees."""

    __slots__ = ()

    def __call__(self, size: int, /) -> None:
        """Do nothing, as all that follow."""

    def advance(self, size: int, files: int = 0) -> None: ...  # noqa: D102 - as in `Progress`

    def begin(self, label: str, size: int | None = None, files: int | None = None) -> None: ...  # noqa: D102

    def total(self, size: int | None = None, files: int | None = None) -> None: ...  # noqa: D102

    def pause(self) -> None: ...  # noqa: D102


SILENT = Silent()
"""For who does not want to know."""
