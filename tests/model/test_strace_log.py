"""Logs as strace writes them: what each line adds to the trace, and names that could be taken for syntax."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from repro.model.watching.strace_log import StraceReader
from repro.model.watching.strace_syntax import unescape
from repro.model.watching.trace import Trace, join


def read(*lines: str | bytes) -> Trace:
    reader = StraceReader(b"/p")
    reader.feed((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)
    return reader.finish()


def opened(name: str, flags: str, real: str | None = None, pid: int = 7) -> str:
    return f'{pid} openat(AT_FDCWD</p>, "{name}", {flags}) = 3</p/{real or name}>'


def test_reads_writes_and_what_is_missing() -> None:
    trace = read(
        opened("in", "O_RDONLY|O_CLOEXEC"),
        opened("out", "O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0666"),
        opened("out", "O_RDONLY"),
        opened("log", "O_WRONLY|O_CREAT|O_APPEND, 0666"),
        opened("db", "O_RDWR|O_CREAT, 0644"),
        opened("new", "O_RDWR|O_CREAT|O_EXCL, 0600"),
        opened("d", "O_RDONLY|O_NONBLOCK|O_CLOEXEC|O_DIRECTORY"),
        opened("held", "O_RDONLY|O_PATH"),
        '7 openat(AT_FDCWD</p>, "no", O_RDONLY) = -1 ENOENT (No such file or directory)',
        '7 creat("c", 0644) = 4</p/c>',
        '7 open("old", O_RDONLY) = 5</p/old>',
        '7 openat2(AT_FDCWD</p>, "two", {flags=O_RDONLY|O_CLOEXEC, resolve=RESOLVE_BENEATH}, 24) = 6</p/two>',
        '7 truncate("t", 0) = 0',
        '7 truncate("u", 10) = 0',
    )
    assert trace.reads == {b"/p/in", b"/p/old", b"/p/two", b"/p/db"}
    assert trace.updates == {b"/p/log", b"/p/db", b"/p/u"}
    assert trace.created == {b"/p/log", b"/p/db"}
    assert trace.made == {b"/p/out", b"/p/new", b"/p/c", b"/p/t"}
    assert trace.writes == {b"/p/out", b"/p/log", b"/p/db", b"/p/new", b"/p/c", b"/p/t", b"/p/u"}
    assert trace.listed == {b"/p/d"}
    assert trace.missing == {b"/p/no": "ENOENT"}


def test_a_file_written_and_renamed_is_made_under_its_last_name() -> None:
    trace = read(
        opened("tmp", "O_WRONLY|O_CREAT|O_TRUNC, 0666"),
        '7 rename("tmp", "middle") = 0',
        '7 renameat2(AT_FDCWD</p>, "middle", 5</p/out>, "final", RENAME_NOREPLACE) = 0',
        '7 renameat(AT_FDCWD</p>, "nothing", AT_FDCWD</p>, "x") = -1 ENOENT (No such file or directory)',
    )
    assert trace.writes == {b"/p/out/final"}
    assert trace.reads == set()


def test_a_directory_that_is_moved_takes_its_files_along() -> None:
    trace = read(opened("new/a/b", "O_WRONLY|O_CREAT|O_TRUNC, 0666"), '7 rename("new", "done") = 0')
    assert {b"/p/done/a/b"} <= trace.writes
    assert b"/p/new/a/b" not in trace.writes


def test_what_was_there_before_and_is_moved_was_read_and_is_removed() -> None:
    trace = read('7 rename("in", "out") = 0')
    assert (trace.reads, trace.writes) == ({b"/p/in"}, {b"/p/out"})
    assert b"/p/in" in trace.removed


def test_what_is_removed_again_is_not_there() -> None:
    trace = read(
        opened("tmp", "O_WRONLY|O_CREAT|O_TRUNC, 0666"),
        '7 unlink("tmp") = 0',
        '7 unlinkat(AT_FDCWD</p>, "old", 0) = 0',
        opened("old", "O_WRONLY|O_CREAT, 0666"),
    )
    assert trace.writes == {b"/p/old"}
    assert trace.removed == {b"/p/old"}
    assert trace.updates == set()  # after its removal it was new


def test_links_are_made_and_their_origins_read() -> None:
    trace = read('7 linkat(AT_FDCWD</p>, "a", AT_FDCWD</p>, "b", 0) = 0', '7 symlink("../t", "s") = 0')
    assert (trace.reads, trace.linked, trace.writes) == ({b"/p/a"}, {b"/p/a"}, {b"/p/b", b"/p/s"})


def test_lines_that_other_processes_interrupt_are_put_together() -> None:
    trace = read(
        '7 openat(AT_FDCWD</p>, "a", O_RDONLY <unfinished ...>',
        '8 openat(AT_FDCWD</p>, "b", O_RDONLY <unfinished ...>',
        "7 <... openat resumed>)             = 3</p/a>",
        "8 <... openat resumed>) = -1 ENOENT (No such file or directory)",
    )
    assert (trace.reads, list(trace.missing)) == ({b"/p/a"}, [b"/p/b"])


@pytest.mark.parametrize(
    ("call", "folder"),
    [
        ("clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = 8", b"/p"),
        ("vfork() = 8", b"/p"),
        ("clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD, stack=0x7f}, 88) = 8", b"/p/there"),
    ],
)
def test_a_process_inherits_the_directory_and_a_thread_shares_it(call: str, folder: bytes) -> None:
    trace = read(f"7 {call}", '7 chdir("there") = 0', '8 unlink("x") = 0')
    assert trace.removed == {folder + b"/x"}


def test_a_child_that_is_seen_before_its_maker_knows_of_it_starts_where_that_is() -> None:
    trace = read(
        '7 chdir("/elsewhere") = 0',
        "7 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>",
        '8 rename("a", "b") = 0',
        "7 <... clone resumed>) = 8",
    )
    assert trace.writes == {b"/elsewhere/b"}


def test_relative_paths_count_from_descriptors_and_from_where_chdir_led() -> None:
    trace = read(
        '7 openat(4</data>, "x", O_RDONLY) = 5</data/x>',
        "7 fchdir(4</data>) = 0",
        '7 rename("x", "../y") = 0',
        '7 unlinkat(9</other>, "z", 0) = 0',
    )
    assert (trace.writes, trace.entered) == ({b"/y"}, {b"/data"})
    assert b"/other/z" in trace.removed


def test_where_a_link_leads_is_known_once_something_behind_it_was_opened() -> None:
    trace = read(
        '7 openat(AT_FDCWD</p>, "link/tmp", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3</data/tmp>',
        '7 rename("link/tmp", "link/final") = 0',
    )
    assert trace.writes == {b"/data/final"}
    assert trace.aliases == {b"/p/link/tmp"}


def test_programs_hosts_and_the_runs_own_servers() -> None:
    trace = read(
        '7 execve("/usr/bin/sort", [...], 0x7ffeea2d52b0 /* 42 vars */) = 0',
        '7 execve("/no/sort", [...], 0x7ffeea2d52b0 /* 42 vars */) = -1 ENOENT (No such file or directory)',
        '7 bind(5<socket:[1]>, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
        "7 getsockname(5<socket:[1]>, {sa_family=AF_INET, sin_port=htons(4000), "
        'sin_addr=inet_addr("127.0.0.1")}, [16]) = 0',
        '7 connect(6<socket:[2]>, {sa_family=AF_INET, sin_port=htons(4000), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
        '7 connect(6<socket:[3]>, {sa_family=AF_INET, sin_port=htons(4001), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
        '7 connect(6<socket:[4]>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.1")}, 16) '
        "= -1 EINPROGRESS (Operation now in progress)",
        '7 connect(6<socket:[5]>, {sa_family=AF_INET, sin_port=htons(81), sin_addr=inet_addr("192.0.2.1")}, 16) '
        "= -1 ECONNREFUSED (Connection refused)",
        "7 connect(6<socket:[6]>, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), "
        'inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28) = 0',
        "7 ptrace(PTRACE_TRACEME) = -1 EPERM (Operation not permitted)",
    )
    assert list(trace.executed) == [b"/usr/bin/sort"]
    assert trace.hosts == {("127.0.0.1", 4001), ("192.0.2.1", 80), ("2001:db8::1", 443)}
    assert trace.refused == {"ptrace"}
    assert trace.own_ports


def test_processes_that_have_not_ended_are_known() -> None:
    reader = StraceReader(b"/p")
    reader.feed([b'7 chdir("a") = 0\n', b'8 chdir("a") = 0\n', b"7 +++ exited with 0 +++\n"])
    assert reader.alive == {b"8"}
    reader.feed([b"8 +++ killed by SIGKILL +++\n"])
    assert reader.alive == set()
    reader.feed([b"7 clone(flags=SIGCHLD) = 9\n"])
    assert reader.alive == {b"7", b"9"}  # it has not done anything that is seen
    reader.feed([b"7 vfork( <unfinished ...>\n", b"10 +++ exited with 0 +++\n", b"7 <... vfork resumed>) = 10\n"])
    assert reader.alive == {b"7", b"9"}


def test_what_the_first_process_was_before_it_became_the_command_is_left_out() -> None:
    reader = StraceReader(b"/p", preludes=1)
    start = b'7 execve("/usr/bin/%s", [...], 0x7f /* 1 var */) = 0\n'
    reader.feed([start % b"python", b'7 openat(AT_FDCWD</p>, "lib", O_RDONLY) = 3</p/lib>\n', start % b"sort"])
    reader.feed([b'7 openat(AT_FDCWD</p>, "in", O_RDONLY) = 3</p/in>\n', start % b"uniq"])
    trace = reader.finish()
    assert list(trace.executed) == [b"/usr/bin/sort", b"/usr/bin/uniq"]
    assert trace.reads == {b"/p/in", b"/usr/bin/sort", b"/usr/bin/uniq"}


def test_pipes_sockets_and_files_without_a_name_are_no_files() -> None:
    trace = read(
        '7 openat(AT_FDCWD</p>, "/dev/fd/63", O_RDONLY) = 3<pipe:[12]>',
        '7 openat(AT_FDCWD</p>, "/tmp", O_RDWR|O_EXCL|O_TMPFILE, 0600) = 3</tmp/#12>(deleted)',
        '7 openat(AT_FDCWD</p>, "gone", O_RDONLY) = 3</p/gone>(deleted)',
        '7 openat(AT_FDCWD</p>, "gone (deleted)", O_RDONLY) = 3</p/gone (deleted)>(deleted)',
        '7 openat(AT_FDCWD</p>, "by-an-older-strace", O_RDONLY) = 3</p/by-an-older-strace (deleted)>',
        '7 openat(AT_FDCWD</p>, "/proc/self/fd/3", O_RDONLY) = 4</p/another (deleted)>',
    )
    assert trace.reads | trace.writes | trace.updates == set()


def test_a_file_may_be_called_as_if_it_were_deleted() -> None:
    trace = read(
        '7 openat(AT_FDCWD</p>, "x (deleted)", O_RDONLY) = 3</p/x (deleted)>',
        '7 openat(AT_FDCWD</p>, "link", O_RDONLY) = 3</p/y (deleted)>',
    )
    assert trace.reads == {b"/p/x (deleted)", b"/p/y (deleted)"}


def escaped(raw: bytes) -> str:
    """As strace's `string_quote` does: C escapes, the shortest octal that the next character allows."""
    letters = {10: "\\n", 9: "\\t", 13: "\\r", 11: "\\v", 12: "\\f", 34: '\\"', 92: "\\\\", 60: "\\74", 62: "\\76"}
    shown = ""
    for place, byte in enumerate(raw):
        after = raw[place + 1 : place + 2]
        if byte in (60, 62) or (byte not in letters and not 32 <= byte < 127):
            shown += f"\\{byte:03o}" if after.isdigit() else f"\\{byte:o}"
        else:
            shown += letters.get(byte, chr(byte))
    return shown


names = st.binary(min_size=1, max_size=12).filter(lambda name: not set(name) & {0, 47} and name not in (b".", b".."))
tricky = st.sampled_from(
    [
        b") = 3",
        b'", O_RDONLY) = 3</x>',
        b"<unfinished ...>",
        b" resumed>",
        b"7 +++ exited",
        b"\\",
        b"a\nb",
        b"= -1 ENOENT",
    ]
)


@given(names | tricky)
def test_any_name_is_read_back(name: bytes) -> None:
    assume(not name.endswith(b" (deleted)"))  # the kernel says so of a file that has no name any more
    shown = escaped(name)
    assert unescape(shown.encode()) == name
    trace = read(f'7 openat(AT_FDCWD</p>, "{shown}", O_RDONLY) = 3</p/{shown}>', f'7 unlink("{shown}x") = 0')
    assert trace.reads == {b"/p/" + name}
    assert trace.removed == {join(b"/p", name + b"x")}
    cut = read(
        f'7 openat(AT_FDCWD</p>, "{shown}", O_RDONLY <unfinished ...>', f"7 <... openat resumed>) = 3</p/{shown}>"
    )
    assert cut.reads == {b"/p/" + name}


@given(st.binary(max_size=60))
def test_a_line_that_is_nothing_we_know_is_passed_over(line: bytes) -> None:
    read(line, b"7 openat(" + line, b"7 rename(" + line + b") = 0", b"7 <... rename resumed>" + line)


def test_a_hundred_thousand_opens_are_read_in_bounded_memory() -> None:
    lines = [
        b'7 openat(AT_FDCWD</p>, "d/%d.csv", O_RDONLY|O_CLOEXEC) = 3</p/d/%d.csv>\n' % (number, number)
        for number in range(100_000)
    ]
    tracemalloc.start()
    reader = StraceReader(b"/p")
    began = time.process_time()
    reader.feed(lines[:1000])
    took = time.process_time() - began
    tracemalloc.stop()
    reader.feed(lines)
    assert len(reader.finish().reads) == 100_000
    assert took < 2  # of a hundredth: a quadratic reader would not end; the rate is measured by the benchmarks
