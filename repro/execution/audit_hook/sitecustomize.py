"""Python's audit hook, put before a user's own `sitecustomize`: writes down what Python code opens.

This file is not imported by repro: it is found by the interpreters of a watched run, by PYTHONPATH, and must do without
repro and with any Python from 3.6 on: audit hooks came with 3.8, an older one is not watched. It writes one line per
event, escaped, with absolute paths:

    r PATH   opened for reading          w FLAGS PATH  opened for writing, FLAGS as a decimal number
    l PATH   a directory was listed      x PATH        a program was started
    d PATH   a directory was made        c HOST PORT  connected to
"""

import os
import sys
from _thread import get_ident


class _Log:
    """Writes events down. What it needs is bound to it: a program may take modules apart when it ends."""

    _escapes = (b"\\", b"\\\\"), (b"\n", b"\\n")
    _cwd, _bytes, _write, _isabs = os.getcwdb, os.fsencode, os.write, os.path.isabs

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def put(self, kind: bytes, value: object) -> None:
        if isinstance(value, int) or value is None:
            return  # a descriptor: what it is was written down when it was opened
        path = _Log._bytes(value)  # type: ignore[arg-type]
        path = path if _Log._isabs(path) else _Log._cwd() + b"/" + path
        for special, escaped in self._escapes:
            path = path.replace(special, escaped)
        _Log._write(self._file, kind + b" " + path + b"\n")

    def opened(self, arguments: tuple) -> None:  # type: ignore[type-arg]
        path, _, flags = arguments
        self.put(b"w %d" % flags if flags & _WRITING else b"r", path)

    def connected(self, arguments: tuple) -> None:  # type: ignore[type-arg]
        address = arguments[1]
        if isinstance(address, tuple) and isinstance(address[0], str) and isinstance(address[1], int):
            _Log._write(self._file, b"c " + address[0].encode("ascii", "replace") + b" %d\n" % address[1])


_WRITING = os.O_WRONLY | os.O_RDWR


def _install(log: _Log) -> None:
    busy: set[int] = set()  # threads that are in the hook: what it does itself is not written down
    kinds = {
        "sqlite3.connect": b"r",
        "ctypes.dlopen": b"r",
        "os.listdir": b"l",
        "os.scandir": b"l",
        "os.mkdir": b"d",
        "subprocess.Popen": b"x",
        "os.exec": b"x",
        "os.posix_spawn": b"x",
    }

    def hook(event: str, arguments: tuple) -> None:  # type: ignore[type-arg]
        if event not in kinds and event not in ("open", "socket.connect"):
            return
        thread = get_ident()
        if thread in busy:
            return
        busy.add(thread)
        try:
            if event == "open":
                log.opened(arguments)
            elif event == "socket.connect":
                log.connected(arguments)
            else:
                log.put(kinds[event], arguments[0])
        except (OSError, TypeError, ValueError):
            pass  # a watched program must not fail because it is watched
        finally:
            busy.discard(thread)

    sys.addaudithook(hook)


def _find_the_users_own() -> None:
    """The interpreter imports one `sitecustomize`: without this one, the user's, if there is any."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]
    ours = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401
    except ImportError as error:
        if getattr(error, "name", None) != "sitecustomize":
            raise
        if ours is not None:
            sys.modules["sitecustomize"] = ours


if os.environ.get("REPRO_WATCH_LOG") and hasattr(sys, "addaudithook"):
    _install(_Log(os.environ["REPRO_WATCH_LOG"]))
_find_the_users_own()
