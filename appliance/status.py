"""Health and metrics over HTTP, for probes and Prometheus."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import cast

from aiohttp import web

from appliance.metrics import prometheus
from appliance.metrics.model import Family

_log = logging.getLogger("tcp_sniffer.status")

# Each holds a descriptor and some 5 KiB, whoever opened it and whether or not it ever asks.
_MOST_CONNECTIONS = 64


class StatusServer:
    def __init__(self, listen: str, measure: Callable[[], Iterable[Family]], capture_open: Callable[[], bool]) -> None:
        host, _, port = listen.rpartition(":")
        self._listen = listen
        self._host = host.strip("[]")
        self._port = int(port)
        self._measure = measure
        self._capture_open = capture_open
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None

    async def start(self) -> None:
        """An address that is taken is a warning: the capture matters more."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                _bounded(cast("web.Server", runner.server)), self._host or None, self._port
            )
        except OSError as error:
            await runner.cleanup()
            _log.warning(
                "the status server does not listen",
                extra={"event": "status_not_listening", "address": self._listen, "error": error.strerror or str(error)},
            )
        else:
            self._runner = runner

    async def stop(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        if self._capture_open():
            return web.Response(text="ok\n")
        return web.Response(status=503, text="the capture is not open\n")

    async def _metrics(self, _request: web.Request) -> web.Response:
        text = prometheus.render(self._measure())
        return web.Response(body=text.encode(), headers={"Content-Type": prometheus.CONTENT_TYPE})


def _bounded(server: web.Server) -> Callable[[], asyncio.BaseProtocol]:
    """For one connection too many the oldest goes, or else those that ask nothing would keep the probes out."""

    def connected() -> asyncio.BaseProtocol:
        # In the order in which they came. One that was told to go has no transport any more.
        connections = [one for one in server.connections if one.transport is not None]
        if len(connections) >= _MOST_CONNECTIONS:
            transport = cast("asyncio.Transport", connections[0].transport)
            connections[0].force_close()
            transport.abort()
        return server()

    return connected
