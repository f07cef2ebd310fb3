"""How a sniffer keeps from hearing itself: by the socket where it captures, by a header elsewhere."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

# Tells the capture: no connection with this local address and port from now on.
Exclude = Callable[[str, int], None]

# Marks each delivery, for other sniffers and for this one behind a proxy; the engine looks for it.
DELIVERY_HEADER = "Tcp-Sniffer-Delivery"


def excluded_socket(family: int, kind: int, protocol: int, address: Any, exclude: Exclude) -> socket.socket:
    """A TCP socket for `address`, bound and excluded before it connects, so that not even its SYN is captured."""
    tcp = socket.socket(family, kind, protocol)
    try:
        local, _, *scope = _local_address(family, address)
        tcp.bind((local, 0, *scope))
        host, port, *_ = tcp.getsockname()
        exclude(host.partition("%")[0], port)
    except BaseException:
        tcp.close()
        raise
    return tcp


def _local_address(family: int, address: Any) -> Any:
    """The address the system would connect from. Connecting a UDP socket asks the routing table and sends nothing."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(address)
        return probe.getsockname()
