"""The kernel's word that nobody can write to an open file: a read lease (`F_SETLEASE` in fcntl(2)).

It is granted only where nobody has the file open for writing, or a map of it. While it is held, whoever opens the file
for writing, or cuts it short, waits until it is given up; after `/proc/sys/fs/lease-break-time` seconds (45 if nobody
says otherwise) the kernel takes it away.
"""

from __future__ import annotations


def take_lease(descriptor: int) -> bool:
    """Whether the lease is granted; not where somebody may write, nor where the file system cannot tell."""
    import fcntl
    import signal

    try:
        # Who opens it for writing in this very moment must not end us: the signal is one that is ignored.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError:
        return False
    return True


def holds_lease(descriptor: int) -> bool:
    """Whether the lease is held, and nobody waits for its end."""
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_GETLEASE) == fcntl.F_RDLCK


def drop_lease(descriptor: int) -> None:
    """Give the lease up; it may have been taken away."""
    import contextlib
    import fcntl

    with contextlib.suppress(OSError):
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def has_writers(descriptor: int) -> bool:
    """Whether anybody may have the file open for writing, or a map of it; also where the file system cannot tell."""
    if not take_lease(descriptor):
        return True
    drop_lease(descriptor)
    return False
