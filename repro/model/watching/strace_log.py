"""Reading what `strace -f -y -o FILE` wrote: lines in, a trace out, in one pass.

The lines, as strace 5.3 to 6.x write them (strace(1), and the sources' `printstr_ex`, `printpathn`, `print_sockaddr`):

    4711 openat(AT_FDCWD</home/ann>, "a\\n\\303\\274", O_RDONLY|O_CLOEXEC) = 3</home/ann/a\\n\\303\\274>
    4711 clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD <unfinished ...>
    4711 <... clone resumed>, child_tidptr=0x7fb3f8240a10) = 4712
    4712 +++ exited with 0 +++

In quotes and in `<>`, bytes that are not printable, quotes, `<`, `>` and backslashes are escaped as in C.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable

from repro.model.dataclass import dataclass, field
from repro.model.watching.strace_sockets import Sockets
from repro.model.watching.strace_syntax import (
    ENDED,
    FIRST,
    FLAGS,
    LINE,
    NAMED,
    OPENAT,
    RESUMED,
    TAIL,
    access_of,
    looks_deleted,
    unescape,
)
from repro.model.watching.trace import Access, Trace, join

_UNFINISHED = b" <unfinished ...>"


@dataclass(slots=True)
class StraceReader:
    """Takes the lines of a log, in any number of parts; `alive` are the processes that have not ended so far, by
    the numbers that the run's own calls gave: in another PID namespace they are others than the system's.

    `preludes` is how many programs the first process is before it becomes the command: what they do is left out.
    """

    cwd: bytes
    preludes: int = 0
    trace: Trace = field(default_factory=Trace)
    alive: set[bytes] = field(default_factory=set)
    _folders: dict[bytes, list[bytes]] = field(default_factory=dict)  # a list of one: threads share it
    _ended: set[bytes] = field(default_factory=set)
    _pending: dict[bytes, bytes] = field(default_factory=dict)
    _resolved: dict[bytes, bytes] = field(default_factory=dict)  # directories whose names a link made another
    _sockets: Sockets = field(default_factory=Sockets)
    _access: dict[bytes, Access | None] = field(default_factory=dict)

    def feed(self, lines: Iterable[bytes]) -> None:
        """Take whole lines."""
        fast, alive = OPENAT.match, self.alive
        for line in lines:
            found = fast(line)
            if found is not None:
                pid = found[1]
                if pid not in alive:
                    self._meet(pid)
                self._openat(pid, found)
            else:
                self._slow(line)

    def finish(self) -> Trace:
        """Return what the lines so far say."""
        self._sockets.tell(self.trace)
        return self.trace

    def _slow(self, line: bytes) -> None:
        found = LINE.match(line)
        if found is None:
            self._not_a_call(line)
            return
        pid, name = found[1], found[2]
        if pid not in self.alive:
            self._meet(pid)
        bare = line.rstrip(b"\n")
        if bare.endswith(_UNFINISHED):
            self._pending[pid] = bare[: -len(_UNFINISHED)]
            return
        tail = TAIL.search(bare, found.end() - 1)
        call = _HANDLERS.get(name)
        if tail is not None and call is not None:
            call(self, pid, bare[found.end() : tail.start()], tail)

    def _not_a_call(self, line: bytes) -> None:
        resumed = RESUMED.match(line)
        if resumed is not None:
            begun = self._pending.pop(resumed[1], None)
            if begun is not None:
                self.feed([begun + line[resumed.end() :]])
            return
        ended = ENDED.match(line)
        if ended is not None:
            self.alive.discard(ended[1])
            self._ended.add(ended[1])
            self._pending.pop(ended[1], None)
            self._folders.pop(ended[1], None)

    def _meet(self, pid: bytes) -> None:
        """A process is seen before the call that made it has returned: its maker is one that is still in that call."""
        self.alive.add(pid)
        self._ended.discard(pid)
        if pid in self._folders:
            return
        for maker, begun in self._pending.items():
            call = LINE.match(begun)
            if call is not None and call[2] in (b"clone", b"clone3", b"fork", b"vfork") and maker in self._folders:
                self._inherit(pid, maker, begun)
                return
        self._folders[pid] = [self.cwd]

    def _inherit(self, pid: bytes, maker: bytes, arguments: bytes) -> None:
        folder = self._folders.get(maker) or [self.cwd]
        self._folders[pid] = folder if b"CLONE_FS" in arguments else list(folder)

    def _openat(self, pid: bytes, found: re.Match[bytes]) -> None:
        if found[5] not in self._access:
            self._access[found[5]] = access_of(found[5])
        access = self._access[found[5]]
        base = self._base(pid, found[2], found[3])
        self._opened(base, unescape(found[4]), found[5], access, found[7], found[9], found[8])

    def _opened(
        self,
        base: bytes,
        path: bytes,
        flags: bytes,
        access: Access | None,
        result: bytes | None,
        error: bytes | None,
        deleted: bytes | None,
    ) -> None:
        literal = join(base, path)
        if result is None:
            if error is not None and literal not in self.trace.made:
                self.trace.missing.setdefault(literal, error.decode())
            return
        real = unescape(result)
        if not real.startswith(b"/") or deleted or looks_deleted(real, literal):
            return  # a pipe, a socket, or a file that has no name any more
        if literal != real:
            self._learn(literal, real)
        if b"O_DIRECTORY" in flags:
            if b"O_PATH" not in flags:
                self.trace.listed.add(real)
        elif access is not None:
            self.trace.opened(real, access)

    def _learn(self, literal: bytes, real: bytes) -> None:
        self.trace.aliases.add(literal)
        folder, name = posixpath.split(literal)
        there, called = posixpath.split(real)
        if name == called and folder != there:
            self._resolved[folder] = there

    def _base(self, pid: bytes, place: bytes, annotated: bytes | None) -> bytes:
        """Return the directory that a relative path counts from."""
        if annotated is not None:
            base = unescape(annotated)
            if place == b"AT_FDCWD":
                self._folders[pid][0] = base
            return base
        return self._folders[pid][0]

    def _paths(self, pid: bytes, arguments: bytes) -> list[bytes]:
        """Return the paths that a call names, absolute, with links above them resolved where that is known."""
        found = []
        for place, annotated, text in NAMED.findall(arguments):
            name = unescape(text)
            base = self._base(pid, place, annotated or None)
            path = base if place and not name else join(base, name)
            folder, last = posixpath.split(path)
            there = self._resolved.get(folder)
            found.append(path if there is None else join(there, last))
        return found

    def _open(self, pid: bytes, arguments: bytes, tail: re.Match[bytes]) -> None:
        flags, named = FLAGS.search(arguments, arguments.rfind(b'"') + 1), NAMED.match(arguments)
        if flags is not None and named is not None:
            base = self._base(pid, named[1] or b"", named[2])
            access = access_of(flags[0])
            self._opened(base, unescape(named[3]), flags[0], access, tail[2], tail[4], tail[3])

    def _creat(self, pid: bytes, arguments: bytes, tail: re.Match[bytes]) -> None:
        if tail[2] is not None:
            self.trace.opened(unescape(tail[2]), Access.WRITE | Access.EMPTY)

    def _truncate(self, pid: bytes, arguments: bytes, tail: re.Match[bytes]) -> None:
        empty = arguments.endswith(b", 0")
        for path in self._paths(pid, arguments)[:1] if tail[1] == b"0" else ():
            self.trace.opened(path, Access.WRITE | Access.EMPTY if empty else Access.WRITE)

    def _execve(self, pid: bytes, arguments: bytes, tail: re.Match[bytes]) -> None:
        for path in self._paths(pid, arguments)[:1] if tail[1] == b"0" else ():
            if self.preludes and self.trace.executed:
                self.preludes -= 1
                self.trace = Trace()
            self.trace.started(path)

    def _chdir(self, pid: bytes, arguments: bytes, tail: re.Match[bytes]) -> None:
        for path in self._paths(pid, arguments)[:1] if tail[1] == b"0" else ():
            self._folders[pid][0] = path
            self.trace.entered.add(path)

    def _fchdir(self, pid: bytes, arguments: bytes, tail: re.Match[bytes]) -> None:
        place = FIRST.match(arguments)
        if tail[1] == b"0" and place is not None and place[2] is not None:
            self._folders[pid][0] = unescape(place[2])
            self.trace.entered.add(unescape(place[2]))

    def _rename(self, pid: bytes, arguments: bytes, tail: re.Match[bytes]) -> None:
        paths = self._paths(pid, arguments)
        if tail[1] == b"0" and len(paths) == 2:
            exchange = b"RENAME_EXCHANGE" in arguments[arguments.rfind(b'"') :]
            (self.trace.exchange if exchange else self.trace.rename)(*paths)

    def _link(self, pid: bytes, arguments: bytes, tail: re.Match[bytes]) -> None:
        paths = self._paths(pid, arguments)
        if tail[1] != b"0" or len(paths) != 2:
            return
        if paths[0].startswith(b"/proc/"):  # a file without a name gets one
            self.trace.put(paths[1])
        else:
            self.trace.link(*paths)

    def _put_last(self, pid: bytes, arguments: bytes, tail: re.Match[bytes]) -> None:
        for path in self._paths(pid, arguments)[-1:] if tail[1] == b"0" else ():
            self.trace.put(path)

    def _mkdir(self, pid: bytes, arguments: bytes, tail: re.Match[bytes]) -> None:
        if tail[1] == b"0" or tail[4] == b"EEXIST":
            self.trace.folders.update(self._paths(pid, arguments)[:1])

    def _unlink(self, pid: bytes, arguments: bytes, tail: re.Match[bytes]) -> None:
        for path in self._paths(pid, arguments)[:1] if tail[1] == b"0" else ():
            self.trace.remove(path)

    def _clone(self, pid: bytes, arguments: bytes, tail: re.Match[bytes]) -> None:
        child = tail[1]
        if child.isdigit() and child != b"0":
            if child in self._ended:  # sooner than the call that made it returned
                self._ended.discard(child)
            elif child not in self._folders:
                self._inherit(child, pid, arguments)
                self.alive.add(child)

    def _connect(self, pid: bytes, arguments: bytes, tail: re.Match[bytes]) -> None:
        self._sockets.connect(arguments, tail[1], tail[4])

    def _bind(self, pid: bytes, arguments: bytes, tail: re.Match[bytes]) -> None:
        self._sockets.bind(arguments, tail[1])

    def _getsockname(self, pid: bytes, arguments: bytes, tail: re.Match[bytes]) -> None:
        self._sockets.getsockname(arguments)

    def _ptrace(self, pid: bytes, arguments: bytes, tail: re.Match[bytes]) -> None:
        if tail[4] == b"EPERM":
            self.trace.refused.add("ptrace")


_Handler = Callable[[StraceReader, bytes, bytes, "re.Match[bytes]"], None]
_HANDLERS: dict[bytes, _Handler] = {
    **dict.fromkeys((b"open", b"openat", b"openat2"), StraceReader._open),
    b"creat": StraceReader._creat,
    b"truncate": StraceReader._truncate,
    b"execve": StraceReader._execve,
    b"execveat": StraceReader._execve,
    b"chdir": StraceReader._chdir,
    b"fchdir": StraceReader._fchdir,
    **dict.fromkeys((b"rename", b"renameat", b"renameat2"), StraceReader._rename),
    **dict.fromkeys((b"link", b"linkat"), StraceReader._link),
    **dict.fromkeys((b"symlink", b"symlinkat", b"mknod", b"mknodat"), StraceReader._put_last),
    **dict.fromkeys((b"mkdir", b"mkdirat"), StraceReader._mkdir),
    **dict.fromkeys((b"unlink", b"unlinkat", b"rmdir"), StraceReader._unlink),
    **dict.fromkeys((b"clone", b"clone3", b"fork", b"vfork"), StraceReader._clone),
    b"connect": StraceReader._connect,
    b"bind": StraceReader._bind,
    b"getsockname": StraceReader._getsockname,
    b"ptrace": StraceReader._ptrace,
}
