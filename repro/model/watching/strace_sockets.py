"""Which sockets of a run listen, and where it connects to, from the calls that strace writes down."""

from __future__ import annotations

from repro.model.dataclass import dataclass, field
from repro.model.watching.strace_syntax import FIRST, address_of, is_loopback
from repro.model.watching.trace import Trace

_TRIED = (b"0", b"EINPROGRESS", b"EAGAIN")


@dataclass(slots=True)
class Sockets:
    """Takes the arguments of calls, their results and errors; what is the run's own is known only in the end."""

    _bound: dict[bytes, int] = field(default_factory=dict)  # the run's own sockets, and the ports they listen at
    _reached: list[tuple[str, int]] = field(default_factory=list)

    def connect(self, arguments: bytes, result: bytes, error: bytes | None) -> None:
        """Take a `connect`."""
        address = address_of(arguments)
        if address is not None and address[1] and (result in _TRIED or error in _TRIED):
            self._reached.append(address)

    def bind(self, arguments: bytes, result: bytes) -> None:
        """Take a `bind`."""
        address, socket = address_of(arguments), FIRST.match(arguments)
        if result == b"0" and address is not None and socket is not None:
            self._bound[socket[2] or socket[1]] = address[1]

    def getsockname(self, arguments: bytes) -> None:
        """Take a `getsockname`: it tells which port the system has chosen."""
        address, socket = address_of(arguments), FIRST.match(arguments)
        if address is not None and socket is not None and (socket[2] or socket[1]) in self._bound:
            self._bound[socket[2] or socket[1]] = address[1]

    def tell(self, trace: Trace) -> None:
        """Tell a trace the addresses that the run connected to, and whether ports of its own were among them."""
        own = set(self._bound.values())
        for host, port in self._reached:
            if is_loopback(host) and port in own:
                trace.own_ports = True
            else:
                trace.hosts.add((host, port))
