"""What strace's log of failed calls tells of a command in a sandbox."""

from __future__ import annotations

import pytest

from repro.model.watching.sandbox_misses import Miss, misses_of

LOG = rb"""
12 openat(AT_FDCWD</home/ann/p>, "data/a\"b\303\274\n", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file)
12 open("/etc/some.conf", O_RDONLY) = -1 ENOENT (No such file)
12 openat(7</srv/x>, "../y", O_RDONLY) = -1 EACCES (Permission denied)
13 mkdir("/new", 0777)          = -1 EROFS (Read-only file system)
12 openat(AT_FDCWD</home/ann/p>, "once", O_RDONLY|O_CREAT|O_EXCL, 0600) = -1 EEXIST (File exists)
12 mkdir("/env/lib/__pycache__", 0777) = -1 EROFS (Read-only file system)
12 openat(AT_FDCWD</p>, "/env/lib/libz.so.1", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file)
12 connect(3<>, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.1")}, 16) = -1 ENETUNREACH
12 connect(3<>, {sa_family=AF_INET6, sin6_port=htons(80), inet_pton(AF_INET6, "2001:db8::1", &sin6_addr)}) = -1 EACCES
12 connect(3<>, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.1")}, 16) = -1 ECONNREFUSED
12 connect(3<>, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT (No such file)
12 openat(AT_FDCWD</home/ann/p>, "<unknown>", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file)
12 rename("/a/from", "/b/to") = -1 EROFS (Read-only file system)
garbage
12 open("/cut
"""


def test_paths_and_hosts_are_told_once_in_the_order_of_their_last_time() -> None:
    again = rb'12 openat(AT_FDCWD</home/ann/p>, "data/a\"b\303\274\n", O_RDONLY) = -1 ENOENT (No such file)'
    found = misses_of([*LOG.splitlines(), again], [b"/etc"])
    assert found == [
        Miss(b"/srv/y", refused=True),
        Miss(b"/new", refused=True),
        Miss(host="192.0.2.1:443"),
        Miss(host="2001:db8::1:80"),
        Miss(host="a name server"),
        Miss(b"/a/from", refused=True),
        Miss(b"/b/to", refused=True),
        Miss('/home/ann/p/data/a"bü\n'.encode()),
    ]


def test_folders_that_are_shown_as_they_are_tell_nothing() -> None:
    assert misses_of(LOG.splitlines()[2:3], [b"/etc/"]) == []
    assert misses_of(LOG.splitlines()[2:3], [b"/et"]) == [Miss(b"/etc/some.conf")]


@pytest.mark.parametrize("name", [rb"\x", rb"\8", rb"\N{x}", b"\xff", rb"\777"])
def test_a_log_that_the_command_has_written_into_stops_nothing(name: bytes) -> None:
    lines = [rb'1 open("/%b", O_RDONLY) = -1 ENOENT (No such file)' % name, LOG.splitlines()[2]]
    lines.append(b'1 connect(3, {sin_port=htons(%b), sin_addr=inet_addr("192.0.2.1")}) = -1 EPERM' % (b"1" * 5000))
    assert misses_of(lines, [])[-1] == Miss(b"/etc/some.conf")
