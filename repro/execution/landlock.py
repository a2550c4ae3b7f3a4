"""Landlock: a process gives up its access to files and to the network, without namespaces and without privileges.

What is given up is given up for all its children too. Source: landlock(7) and Linux's
`Documentation/userspace-api/landlock.rst`; the numbers are those of `include/uapi/linux/landlock.h`, the same on
every architecture.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable

from repro.errors import CannotProceed

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH, _NET_PORT = 1, 2
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_CONNECT_TCP = 2
_SCOPES = 3  # abstract UNIX sockets, and signals, of processes outside
_PR_SET_NO_NEW_PRIVS = 38
# How many access rights of files each version knows, from 1 on.
_RIGHTS = (13, 14, 15, 15, 16)
NET_FROM, SCOPES_FROM, TRUNCATE_FROM = 4, 6, 3
_PORTS = "/proc/sys/net/ipv4/ip_local_port_range"
_EPHEMERAL = (32768, 60999)


class LandlockRefused(CannotProceed):
    """The kernel does not make the rules that were asked for."""

    id = "no-sandbox"


def version() -> int:
    """Return the version of Landlock that this kernel has; 0 where it has none, or a container's filter refuses it."""
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)))


def make_rules(readable: Iterable[bytes], writable: Iterable[bytes], *, own_ports: bool) -> int:
    """Return a file descriptor of rules: everything but these paths, and what is below them, is refused.

    From version 4 on TCP connections are refused too; with `own_ports`, but those to ephemeral ports: programs talk to
    parts of themselves over them (a notebook with its kernel), and servers elsewhere are on other ports. Addresses
    cannot be told apart, and ports only one by one: 28,000 rules, which take longer than all else of a sandbox's start.

    Args:
        readable: may be read and executed. What does not exist is left out.
        writable: may be written to as well.
        own_ports: ephemeral ports may be connected to.

    Raises:
        LandlockRefused: there is no Landlock.
    """
    have = version()
    rights = (1 << _RIGHTS[min(have, len(_RIGHTS)) - 1]) - 1 if have else 0
    attributes = struct.pack("QQQ", rights, _CONNECT_TCP if have >= NET_FROM else 0, _SCOPES)
    attributes = attributes[: 8 if have < NET_FROM else 16 if have < SCOPES_FROM else 24]
    rules = int(_libc().syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    if not have or rules < 0:
        raise LandlockRefused(f"this kernel makes no Landlock rules: {os.strerror(ctypes.get_errno())}")
    for path in readable:
        _allow(rules, path, _READ & rights)
    for path in writable:
        _allow(rules, path, rights)
    if have >= NET_FROM and own_ports:
        _allow_ports(rules)
    return rules


def restrict_self(rules: int) -> None:
    """Give up everything that the rules do not allow, for this process and its children.

    Raises:
        OSError: the kernel refuses.
    """
    libc = _libc()
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(_RESTRICT_SELF, rules, 0):
        raise OSError(ctypes.get_errno(), "Landlock could not be entered")


def _allow(rules: int, path: bytes, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):
            rights &= _OF_A_FILE
        _add(rules, _PATH_BENEATH, struct.pack("=Qi", rights, place))
    finally:
        os.close(place)


def _allow_ports(rules: int) -> None:
    first, last = _EPHEMERAL
    try:
        with open(_PORTS, encoding="ascii") as file:
            first, last = (int(word) for word in file.read().split())
    except FileNotFoundError:
        pass  # /proc is not there: the kernel's own default
    add, rule = _libc().syscall, ctypes.create_string_buffer(16)
    pointer = ctypes.byref(rule)
    for port in range(first, last + 1):
        struct.pack_into("=QQ", rule, 0, _CONNECT_TCP, port)
        add(_ADD_RULE, rules, _NET_PORT, pointer, 0)


def _add(rules: int, kind: int, rule: bytes) -> None:
    if _libc().syscall(_ADD_RULE, rules, kind, rule, 0):
        raise LandlockRefused(f"a Landlock rule was refused: {os.strerror(ctypes.get_errno())}")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
