"""What a default Docker container takes away, without Docker: its capabilities, and its filter of system calls.

    python tests/docker_defaults.py COMMAND…

Source: Moby's `profiles/seccomp/default.json` and `oci/caps/defaults.go`. The filter refuses what is refused without
CAP_SYS_ADMIN: namespaces, mounts, and personalities but the common ones (so addresses cannot be pinned). For root of a
machine this is a container's root; a plain user is one with `no_new_privs`.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

_KEPT = {0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31}  # CAP_CHOWN … CAP_SETFCAP
_PR_CAPBSET_DROP, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 24, 22, 38
_LOAD, _EQUAL, _MASKED, _RETURN = 0x20, 0x15, 0x45, 0x06  # BPF: ld [k], jeq, jset, ret
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS = 1, 38
_NUMBER, _ARCHITECTURE, _FIRST = 0, 4, 16  # offsets in struct seccomp_data
_CALLS = {  # by machine: AUDIT_ARCH, refused calls, clone, clone3, personality
    "x86_64": (0xC000003E, (165, 166, 155, 161, 272, 308, 428, 429, 430, 442), 56, 435, 135),
    "aarch64": (0xC00000B7, (40, 39, 41, 51, 97, 268, 428, 429, 430, 442), 220, 435, 92),
}
_NAMESPACES = 0x7E020000  # all CLONE_NEW…
_PERSONALITIES = (0, 8, 0x20000, 0x20008, 0xFFFFFFFF)


def _program() -> bytes:
    architecture, refused, clone, clone3, personality = _CALLS[os.uname().machine]
    steps = [(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, architecture), (_RETURN, 0, 0, _ALLOW)]
    steps.append((_LOAD, 0, 0, _NUMBER))
    for number in refused:
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ERRNO | _EPERM)]
    steps += [(_EQUAL, 0, 1, clone3), (_RETURN, 0, 0, _ERRNO | _ENOSYS)]
    steps += [(_EQUAL, 0, 4, clone), (_LOAD, 0, 0, _FIRST), (_MASKED, 0, 1, _NAMESPACES)]
    steps += [(_RETURN, 0, 0, _ERRNO | _EPERM), (_RETURN, 0, 0, _ALLOW)]
    known = len(_PERSONALITIES)
    steps += [(_EQUAL, 0, known + 2, personality), (_LOAD, 0, 0, _FIRST)]
    steps += [(_EQUAL, known - index, 0, value) for index, value in enumerate(_PERSONALITIES)]
    steps += [(_RETURN, 0, 0, _ERRNO | _EPERM), (_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def confine() -> None:
    """Take away from this process, and all that it starts, what a default Docker container does not have."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
        last = int(file.read())
    if os.geteuid() == 0:
        for number in set(range(last + 1)) - _KEPT:
            libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    else:
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    program = _program()
    buffer = ctypes.create_string_buffer(program, len(program))
    filtered = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    if libc.prctl(_PR_SET_SECCOMP, 2, filtered, 0, 0):
        raise OSError(ctypes.get_errno(), "the filter was refused")


if __name__ == "__main__":
    confine()
    os.execvp(sys.argv[1], sys.argv[1:])
