"""At most so many connections at a time, whoever makes them: each holds memory, and any pod of a cluster may ask."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from aiohttp import web
from aiohttp.typedefs import Handler

_log = logging.getLogger("tcp_sniffer.webhook")


class Connections:
    """Where one more comes than `most`, one that is asking nothing is closed: first those that never asked, then the
    one that asked longest ago. Where all are asking, the new one is."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._asking: set[asyncio.BaseProtocol] = set()
        # loop.time() of the last request's end.
        self._asked: dict[asyncio.BaseProtocol, float] = {}

    @web.middleware
    async def watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        connection = request.protocol
        self._asking.add(connection)
        try:
            return await handler(request)
        finally:
            self._asking.discard(connection)
            self._asked[connection] = asyncio.get_running_loop().time()

    def factory(self, server: web.Server) -> Callable[[], asyncio.BaseProtocol]:
        """For loop.create_server, in place of the server itself."""

        def connected() -> asyncio.BaseProtocol:
            # One that was told to go is no longer counted: its end comes later, and not at its peer's pleasure.
            connections = [one for one in server.connections if one.transport is not None]
            if len(self._asked) > 2 * self._most:
                self._asked = {one: self._asked[one] for one in connections if one in self._asked}
            if len(connections) < self._most:
                return server()
            idle = [one for one in connections if one not in self._asking]
            if not idle:
                _log.warning("a connection is refused: all others are being answered", extra={"event": "refused"})
                return _Refused()
            _end(min(idle, key=lambda one: self._asked.get(one, 0.0)))
            return server()

        return connected


def _end(connection: web.RequestHandler) -> None:
    """At once: a TLS farewell would wait for the peer's."""
    transport = cast("asyncio.Transport", connection.transport)
    connection.force_close()
    transport.abort()


class _Refused(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).abort()
