"""One SSH connection for all threads of a remote, on an event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import errno
import threading
import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from repro.store.storages import storage
from repro.store.storages.storage import PlaceRefuses

if TYPE_CHECKING:
    from asyncssh import SFTPClient, SSHClientConnection

T = TypeVar("T")

_ALIVE_EVERY = 15  # seconds; also keeps routers from forgetting the connection
_SSH_HINT = "`ssh {place}` must work without a question: a key, an agent, and the host in ~/.ssh/known_hosts"


class SftpConnection:
    """An SFTP session that connects when it is first needed, and again after it was lost.

    The user's own OpenSSH configuration holds: `~/.ssh/config`, `known_hosts`, keys, the agent.
    """

    def __init__(self, host: str, port: int | None, user: str | None) -> None:
        """Take where to; nothing is asked yet. What is None, `~/.ssh/config` says, or the default is."""
        self._target: dict[str, object] = {"host": host}
        self._target |= {name: value for name, value in (("port", port), ("username", user)) if value is not None}
        self._place = f"{user}@{host}" if user else host
        self._connecting: asyncio.Lock | None = None
        self._ssh: SSHClientConnection | None = None
        self._session: SFTPClient | None = None

    def call(self, work: Callable[[SFTPClient], Awaitable[T]], on: SFTPClient | None = None) -> T:
        """Return what `work` makes of the session. It may be called by any thread.

        Args:
            work: one exchange with the server, which is given `READ_TIMEOUT` seconds.
            on: the session that an open file belongs to; else the one that is connected.

        Raises:
            OSError: as `storages.storage.Storage` has them.
        """
        future = asyncio.run_coroutine_threadsafe(self._limited(work, on), _loop())
        with _sftp_errors(self._place):
            return future.result()

    async def _limited(self, work: Callable[[SFTPClient], Awaitable[T]], on: SFTPClient | None) -> T:
        import asyncssh

        session = on or await self._connected()
        try:
            return await _within(storage.READ_TIMEOUT, work(session), lambda: self._drop(session))
        except (TimeoutError, asyncssh.DisconnectError, asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection):
            self._drop(session)
            raise

    async def _connected(self) -> SFTPClient:
        import asyncssh

        if self._connecting is None:
            self._connecting = asyncio.Lock()  # made on the loop that it is for
        async with self._connecting:
            if self._session is None:
                limit = storage.CONNECT_TIMEOUT
                self._ssh = ssh = await asyncssh.connect(
                    **self._target, keepalive_interval=_ALIVE_EVERY, connect_timeout=limit
                )
                weakref.finalize(self, _loop().call_soon_threadsafe, ssh.abort)
                self._session = await _within(limit, ssh.start_sftp_client(), ssh.abort)
            return self._session

    def _drop(self, session: SFTPClient) -> None:
        """Forget a session that is dead, so that the next call connects anew."""
        if self._session is session:
            self._session = None
            if self._ssh is not None:
                self._ssh.abort()


async def _within(seconds: float, work: Awaitable[T], give_up: Callable[[], None]) -> T:
    """Return what `work` gives, if it takes no longer than this.

    Not `asyncio.timeout`: asyncssh's functions tidy up when they are cancelled, and ask the server to close what they
    have open, which does not answer. So the connection goes first, which ends that too.

    Raises:
        TimeoutError: it took longer, and `give_up` was called.
    """
    task = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        give_up()
        task.cancel()
        raise TimeoutError(f"no answer for {seconds:g} s")
    return task.result()


_lock = threading.Lock()
_running: list[asyncio.AbstractEventLoop] = []


def _loop() -> asyncio.AbstractEventLoop:
    """Return the process's loop for SSH, started when it is first needed.

    Its thread is a daemon: a server that does not answer cannot keep the process from ending.
    """
    with _lock:
        if not _running:
            loop = asyncio.new_event_loop()
            # Else it writes to the terminal what became of requests that were under way when a connection was lost.
            loop.set_exception_handler(lambda loop, context: None)
            threading.Thread(target=loop.run_forever, name="repro-sftp", daemon=True).start()
            _running.append(loop)
        return _running[0]


@contextmanager
def _sftp_errors(place: str) -> Iterator[None]:
    """Turn asyncssh's failures into OSErrors; those that are OSErrors pass as they are."""
    import asyncssh

    try:
        yield
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
        raise FileNotFoundError(errno.ENOENT, error.reason) from error
    except asyncssh.SFTPPermissionDenied as error:
        raise PermissionError(errno.EACCES, error.reason or "permission denied") from error
    except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection) as error:
        raise ConnectionError(f"the connection was lost: {error.reason}") from error
    except asyncssh.SFTPError as error:
        reason = error.reason or "failure"
        raise PlaceRefuses(
            f"{place} says: {reason}", "is its disk full, or a file where a folder should be?"
        ) from error
    except (asyncssh.PermissionDenied, asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed) as error:
        raise PlaceRefuses(error.reason, _SSH_HINT.format(place=place)) from error
    except asyncssh.DisconnectError as error:
        raise ConnectionError(error.reason) from error
    except (asyncssh.Error, asyncssh.KeyImportError, asyncssh.KeyEncryptionError, asyncssh.ConfigParseError) as error:
        raise PlaceRefuses(str(error), _SSH_HINT.format(place=place)) from error
