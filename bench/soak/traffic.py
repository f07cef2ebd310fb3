"""What a pod's port may see: steady keep-alive exchanges, and beside them everything else, one after the other."""

from __future__ import annotations

import asyncio
import contextlib
import random
import struct
from collections.abc import Awaitable, Callable
from socket import SO_LINGER, SOL_SOCKET

_HOST = "127.0.0.1"
_GET = b"GET /data.json HTTP/1.1\r\nHost: soak\r\n\r\n"
_BIG = 3_000_000

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def odd(port: int, chance: random.Random) -> None:
    """Until cancelled. nginx refuses some of it; that is traffic, too."""
    kinds: tuple[Callable[[Streams], Awaitable[None]], ...] = (
        _pipelined, _chunked, _big, _cut, _reset, _not_http, _slow,
    )  # fmt: skip
    while True:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await _one(port, chance.choice(kinds))
        await asyncio.sleep(chance.expovariate(20))


async def _one(port: int, kind: Callable[[Streams], Awaitable[None]]) -> None:
    streams = await asyncio.open_connection(_HOST, port)
    try:
        async with asyncio.timeout(10):
            await kind(streams)
    except TimeoutError:
        pass
    finally:
        streams[1].close()
        with contextlib.suppress(OSError):
            await streams[1].wait_closed()


async def _send(streams: Streams, *parts: bytes) -> None:
    for part in parts:
        streams[1].write(part)
        await streams[1].drain()


async def _pipelined(streams: Streams) -> None:
    await _send(streams, _GET * 20)
    for _ in range(20):
        await streams[0].readuntil(b"\r\n\r\n")


async def _chunked(streams: Streams) -> None:
    await _send(streams, b"POST /data.json HTTP/1.1\r\nHost: soak\r\nTransfer-Encoding: chunked\r\n\r\n")
    await _send(streams, *(b"5\r\nhello\r\n" for _ in range(200)), b"0\r\nX-Sum: 1\r\n\r\n")
    await streams[0].readuntil(b"\r\n\r\n")


async def _big(streams: Streams) -> None:
    head = b"POST /data.json HTTP/1.1\r\nHost: soak\r\nContent-Length: %d\r\n\r\n" % _BIG
    await _send(streams, head, *(b"x" * 100_000 for _ in range(_BIG // 100_000)))
    await streams[0].readuntil(b"\r\n\r\n")


async def _cut(streams: Streams) -> None:
    await _send(streams, b"POST /data.json HTTP/1.1\r\nHost: soak\r\nContent-Length: 1000\r\n\r\n", b"half of it")


async def _reset(streams: Streams) -> None:
    await _send(streams, _GET[:-2])
    streams[1].get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))


async def _not_http(streams: Streams) -> None:
    await _send(streams, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500))
    await streams[0].read(1000)


async def _slow(streams: Streams) -> None:
    for byte in _GET:
        await _send(streams, bytes([byte]))
    await streams[0].readuntil(b"\r\n\r\n")
