"""What the tests talk to: a target that is watched, a collector that gets the records, proxies between."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

from aiohttp import ClientSession, web

_reserved: list[socket.socket] = []


def unused_port() -> int:
    """A port that refuses connections, and that a server which sets SO_REUSEADDR may take, once or again.

    A socket stays bound to it as long as this process lives: nobody else's connection is given it meanwhile.
    """
    reserving = socket.socket()
    reserving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserving.bind(("127.0.0.1", 0))
    _reserved.append(reserving)
    port: int = reserving.getsockname()[1]
    return port


class Post(NamedTuple):
    headers: dict[str, str]
    body: bytes
    time: float
    peer: tuple[str, int]

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.body.splitlines()]


Answer = Callable[[int], web.Response]


class Collector:
    """Keeps what is posted. `answer` says, by the number of the POST (from 0), what to respond."""

    def __init__(self, answer: Answer | None = None, delay: float = 0) -> None:
        self.posts: list[Post] = []
        self.port = 0
        self._answer = answer or (lambda _: web.Response())
        self._delay = delay

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/records"

    @property
    def records(self) -> list[dict[str, Any]]:
        return [record for post in self.posts for record in post.records]

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        assert request.transport is not None
        peer = request.transport.get_extra_info("peername")[:2]
        headers = dict(request.headers)
        self.posts.append(Post(headers, body, asyncio.get_running_loop().time(), peer))
        number = len(self.posts) - 1
        await asyncio.sleep(self._delay)
        return self._answer(number)


@contextlib.asynccontextmanager
async def serving(handler: Any, *, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[int]:
    """Every request goes to `handler`. Gives the port."""
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def collecting(
    collector: Collector, *, tls: ssl.SSLContext | None = None, port: int = 0
) -> AsyncIterator[Collector]:
    async with serving(collector.handle, tls=tls, port=port) as collector.port:
        yield collector


async def hello(_: web.Request) -> web.Response:
    return web.Response(text="hello")


Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def listening(connected: Connected) -> AsyncIterator[int]:
    """A plain TCP server that closes what it accepted at the end. Gives its port."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await connected(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read_post(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """The key and the body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    (length,), (key,) = re.findall(r"content-length: (\d+)", head), re.findall(r"idempotency-key: (\S+)", head)
    return key, await reader.readexactly(int(length))


async def silence(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Takes everything and never answers."""
    while await reader.read(1 << 16):
        pass


@contextlib.asynccontextmanager
async def connected_to(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def forwarding(port: int) -> AsyncIterator[int]:
    """A proxy of bytes, as a redirect to a sidecar proxy makes of every connection. Gives its port."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with connected_to(port) as (onward_reader, onward_writer):
            await asyncio.gather(copy(reader, onward_writer), copy(onward_reader, writer))

    async with listening(forward) as proxy:
        yield proxy


async def get(port: int, count: int = 1, path: str = "/") -> None:
    """So many requests, on one connection."""
    async with ClientSession() as session:
        for number in range(count):
            async with session.get(f"http://127.0.0.1:{port}{path}?{number}") as answer:
                await answer.read()
