"""What git tells a hook about a push, as text, and what of it is to be checked."""

from __future__ import annotations

from collections.abc import Iterable

from repro.errors import UsageError
from repro.model.dataclass import dataclass
from repro.model.pattern import pattern

NOTHING = "0" * 40
"""How git writes the id of what is not there."""

_ID = pattern(r"[0-9a-f]{40,64}")
_BRANCH = "refs/heads/"


@dataclass(frozen=True, slots=True)
class PushedRef:
    """A ref that changes on the other side: `old` is None where it is new there, `new` where it is deleted."""

    ref: str
    old: str | None
    new: str | None

    @property
    def branch(self) -> str | None:
        """The branch's name; None of a tag or another ref."""
        return self.ref.removeprefix(_BRANCH) if self.ref.startswith(_BRANCH) else None


def parse_pre_push(lines: Iterable[str]) -> list[PushedRef]:
    """Return what a pre-push hook reads: `<local ref> <local id> <remote ref> <remote id>` per line.

    Raises:
        UsageError: it is something else.
    """
    return [_pushed(words[2], words[3], words[1]) for words in _words(lines, 4)]


def parse_pre_receive(lines: Iterable[str]) -> list[PushedRef]:
    """Return what a pre-receive hook reads: `<old id> <new id> <ref>` per line.

    Raises:
        UsageError: it is something else.
    """
    return [_pushed(words[2], words[0], words[1]) for words in _words(lines, 3)]


def parse_post_rewrite(lines: Iterable[str]) -> list[tuple[str, str]]:
    """Return what a post-rewrite hook reads: the old and the new id of each commit, the oldest first.

    Raises:
        UsageError: it is something else.
    """
    found = []
    for line in lines:
        words = line.split()
        if len(words) < 2 or not (_ID.fullmatch(words[0]) and _ID.fullmatch(words[1])):
            raise _not_gits(line)
        found.append((words[0], words[1]))
    return found


def commit_or_none(word: str) -> str | None:
    """Return a commit's id; None for the zeros that git writes where there is none."""
    return word if word.strip("0") else None


def _pushed(ref: str, old: str, new: str) -> PushedRef:
    for word in (old, new):
        if not _ID.fullmatch(word):
            raise _not_gits(word)
    return PushedRef(ref, commit_or_none(old), commit_or_none(new))


def _words(lines: Iterable[str], count: int) -> Iterable[list[str]]:
    for line in lines:
        words = line.rstrip("\n").split(" ")
        if len(words) != count:
            raise _not_gits(line)
        yield words


def _not_gits(text: str) -> UsageError:
    return UsageError(f"{text.strip()[:200]!r} is not what git tells this hook", "`repro hooks run` is called by git")
