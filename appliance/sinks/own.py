"""How a sniffer keeps from hearing itself: by the socket where it captures, by a header elsewhere."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

# Ends what Exclude began: the socket is about to be closed, and the next one to get its port may be anybody's.
Include = Callable[[], None]
# Tells the capture: no connection with this local address and port from now on.
Exclude = Callable[[str, int], Include]

# Marks each delivery, for other sniffers and for this one behind a proxy; the engine looks for it.
DELIVERY_HEADER = "Tcp-Sniffer-Delivery"


def nothing() -> None:
    """Where no capture is open, there is nothing to include."""


class OwnSocket(socket.socket):
    """Of which the capture tells nothing until it is closed.

    uvloop closes a socket by detaching it. An ssl.SSLSocket detaches the one it is made of, at its start: an export
    takes less than the minute for which the capture still waits for what comes late.
    """

    _include: Include = staticmethod(nothing)

    def exclude(self, exclude: Exclude) -> None:
        host, port, *_ = self.getsockname()
        self._include = exclude(host.partition("%")[0], port)

    def close(self) -> None:
        self._end()
        super().close()

    def detach(self) -> int:
        self._end()
        return super().detach()

    def _end(self) -> None:
        include, self._include = self._include, nothing
        include()


def excluded_socket(family: int, kind: int, protocol: int, address: Any, exclude: Exclude) -> OwnSocket:
    """A TCP socket for `address`, bound and excluded before it connects, so that not even its SYN is captured."""
    tcp = OwnSocket(family, kind, protocol)
    try:
        local, _, *scope = _local_address(family, address)
        tcp.bind((local, 0, *scope))
        tcp.exclude(exclude)
    except BaseException:
        tcp.close()
        raise
    return tcp


def _local_address(family: int, address: Any) -> Any:
    """The address the system would connect from. Connecting a UDP socket asks the routing table and sends nothing."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(address)
        return probe.getsockname()
