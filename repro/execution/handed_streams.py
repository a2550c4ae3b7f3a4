"""Starting a command whose tracer does not keep the command's streams open.

A tracer that outlives its command holds every descriptor that the two had in common when it was started. Where one of
the streams is a pipe, its reader would wait for the tracer: `repro run -- start-a-daemon | cat` would not end. So the
tracer is started with `/dev/null`, and the command gets its streams over a socket, by a few lines of Python that become
the command.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections.abc import Sequence

from repro.execution.process import Start

_STREAMS = (0, 1, 2)

# The environment is taken as it came: Python may have added a locale to its own. What Python ignores is not ignored
# by the command (SIGPIPE, SIGXFSZ).
_BECOME = """\
import _signal,_socket,os,sys
s=_socket.socket(fileno=int(sys.argv[1]))
d=s.recvmsg(1,_socket.CMSG_SPACE(12))[1][0][2]
s.close()
f=[int.from_bytes(d[i:i+4],sys.byteorder) for i in (0,4,8)]
for n in (0,1,2):os.dup2(f[n],n)
for n in f:os.close(n)
e=dict(x.split(b'=',1) for x in open('/proc/self/environ','rb').read().split(b'\\0') if b'=' in x)
for n in (_signal.SIGPIPE,_signal.SIGXFSZ):_signal.signal(n,_signal.SIG_DFL)
os.execvpe(sys.argv[2],sys.argv[2:],e)
"""


def streams_can_be_waited_for() -> bool:
    """Whether somebody may be reading what this process's streams carry, to their end."""
    try:
        modes = [os.fstat(number).st_mode for number in _STREAMS]
    except OSError:
        return False  # one is closed, and the command shall find it so
    return any(stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) for mode in modes)


class HandedStreams:
    """A context in which a command can be started that is given this process's streams."""

    def __enter__(self) -> HandedStreams:
        """Put the streams where the command takes them."""
        self._ours, self._theirs = socket.socketpair()
        socket.send_fds(self._ours, [b"."], list(_STREAMS))
        return self

    def __exit__(self, *error: object) -> None:
        """The command has them, or needs them no more."""
        self._ours.close()
        self._theirs.close()

    def command(self, command: Sequence[str]) -> list[str]:
        """Return the command line of what becomes `command`."""
        return [sys.executable, "-I", "-S", "-c", _BECOME, str(self._theirs.fileno()), *command]

    @property
    def start(self) -> Start:
        """How the tracer is started."""
        return Start(prepare=_close_streams, pass_fds=(self._theirs.fileno(),))


def _close_streams() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for number in _STREAMS:
        os.dup2(null, number)
    if null not in _STREAMS:
        os.close(null)
