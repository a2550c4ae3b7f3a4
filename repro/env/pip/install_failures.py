"""What can go wrong while an environment is realised, told apart by what the user can do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repro.env.unobtainable import ELSEWHERE, EnvironmentOffline, Unobtainable
from repro.errors import CannotProceed, IntegrityError, RemoteError, ReproError

if TYPE_CHECKING:  # where uv is not called, nothing is told of it
    from repro.env.pip.uv_process import UvResult

GIVE_CREDENTIALS = "give uv credentials for the index (uv auth login, UV_INDEX, netrc)"


class EnvironmentNotMade(CannotProceed):
    """uv failed for a reason that is none of the others: a build, a wrong interpreter, a full disk."""

    id = "environment-not-made"


class EnvironmentDiskFull(CannotProceed):
    """The disk is full, or a quota is used up."""

    id = "disk-full"


class PackageGone(Unobtainable, CannotProceed):
    """A recorded version is not served any more, or not by the indexes that this machine asks."""

    id = "package-gone"


class PackageHashMismatch(Unobtainable, IntegrityError):
    """A file that was fetched is not the one that was recorded."""

    id = "package-hash-mismatch"


class TamperedWheel(IntegrityError):
    """A wheel that travelled with a run is not the one that was recorded."""

    id = "tampered-wheel"


class UnsafeInstall(IntegrityError):
    """A record asks to install something that no capture writes: an option in place of a URL, a path outside."""

    id = "unsafe-install"


class IndexUnreachable(RemoteError):
    """A package index or a git host could not be reached, or refused."""

    id = "index-unreachable"


class IndexRefused(IndexUnreachable):
    """It answered, and wants other credentials."""


def failure_of(result: UvResult, doing: str, *, from_archive: bool = False) -> ReproError:
    """Return the error that says why uv failed.

    Args:
        result: of a call that failed.
        doing: what was tried, as it goes after "cannot": `install the locked packages`.
        from_archive: no index was asked, but the run's archive.
    """
    from repro.env.pip.uv_process import UvFailure

    message = f"cannot {doing}: {result.reason}"
    if from_archive and result.failure in (UvFailure.HASH, UvFailure.ABSENT, UvFailure.OFFLINE):
        error = PackageHashMismatch if result.failure is UvFailure.HASH else PackageGone
        return error(message, "the archive is not this environment's: `repro env archive` it anew where it can be had")
    match result.failure:
        case UvFailure.HASH:
            return PackageHashMismatch(
                message, f"the index serves another file than it did: ask who runs it, or {ELSEWHERE}"
            )
        case UvFailure.UNREACHABLE:
            return IndexUnreachable(message, "try again where the index can be reached")
        case UvFailure.REFUSED:
            return IndexRefused(message, GIVE_CREDENTIALS)
        case UvFailure.OFFLINE:
            return EnvironmentOffline(message, "try again without --offline, where the network is")
        case UvFailure.ABSENT if result.of_git:
            return PackageGone(message, f"the git host has it no more, or shows it to its users only: {ELSEWHERE}")
        case UvFailure.ABSENT:
            return PackageGone(
                message, f"name the index that has it (UV_INDEX=URL, UV_FIND_LINKS=DIR, uv.toml), or {ELSEWHERE}"
            )
        case UvFailure.DISK_FULL:
            return EnvironmentDiskFull(message, "make room on that disk and try again; nothing was left behind")
        case _:
            return EnvironmentNotMade(message, "the text is uv's; once the cause is gone, try again")
