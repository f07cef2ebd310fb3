"""POST, where the collector ends connections that would have been used again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from servers import get, listening, read_post, silence
from sniffing import Sniffing, options, until

from appliance.sinks.post import Failure, Poster
from appliance.sinks.session import open_session
from appliance.spool.delivery import Delivery


@pytest.mark.parametrize("spooled", [False, True])
@pytest.mark.parametrize("delay", [0.0, 0.002])
async def test_a_collector_that_closes_each_connection_unasked(
    tmp_path: Path, target: int, delay: float, spooled: bool
) -> None:
    """After its answer, which does not say so: the next POST finds a connection that ends."""

    async def answer_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key, _ = await read_post(reader)
        taken.append(key)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(delay)

    taken: list[str] = []
    more = ["--output-spool-directory", str(tmp_path / "spool")] if spooled else []
    async with (
        listening(answer_and_close) as port,
        Sniffing(tmp_path / "s", *options(target, f"http://127.0.0.1:{port}/", *more)) as sniffing,
    ):
        await sniffing.until_event("start")
        began = asyncio.get_running_loop().time()
        await get(target, 100)
        await until(lambda: len(set(taken)) == 200, "the records")
        assert asyncio.get_running_loop().time() - began < 5
        assert await sniffing.stop() == 0
    assert not sniffing.events("post_spooled")
    assert sniffing.sink("http")["delivered"] == 200


async def test_another_try_on_a_fresh_connection_has_what_is_left_of_the_time() -> None:
    """`outputTimeoutMs` is for one POST: where a kept connection ended late, little is left."""

    async def keep_then_hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await read_post(reader)
        if len(connections) > 1:
            await silence(reader, writer)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await read_post(reader)
        await asyncio.sleep(0.8)

    def session(keep: bool) -> aiohttp.ClientSession:
        return open_session(exclude=lambda *_: lambda: None, headers={}, connections=2, tls=False, keep=keep)

    connections: list[asyncio.StreamWriter] = []
    delivery = Delivery("key", b"{}", 1, ndjson=False)
    async with listening(keep_then_hang) as port:
        poster = Poster(session, f"http://127.0.0.1:{port}/", "", timeout=1)
        assert await poster.post(delivery) is None
        began = asyncio.get_running_loop().time()
        failure = await poster.post(delivery)
        took = asyncio.get_running_loop().time() - began
        await poster.close()
    assert (failure, len(connections)) == (Failure("timeout", again=True), 2)
    assert took < 1.5


async def test_a_fresh_connection_that_ends_is_a_failure(tmp_path: Path, target: int) -> None:
    """It waits for its turn like any other: nobody is hammered."""

    async def close(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await read_post(reader)
        tried.append(asyncio.get_running_loop().time())

    tried: list[float] = []
    more = ["--output-batch-max-messages", "10", "--shutdown-timeout-ms", "100"]
    async with (
        listening(close) as port,
        Sniffing(tmp_path / "s", *options(target, f"http://127.0.0.1:{port}/", *more)) as sniffing,
    ):
        await get(target)
        await until(lambda: len(tried) == 2, "the second try")
        assert await sniffing.stop() == 6
    assert tried[1] - tried[0] > 0.7
