"""Secrets planted all over the traffic and the configuration: they come out nowhere.

That the search would find them is shown by a run without redaction, in which it finds every one."""

from __future__ import annotations

import asyncio
import base64
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession
from canaries import CANARY, LIMIT, NAMED, Planted, exchanges, sightings
from servers import Collector, collecting, connected_to, listening, unused_port
from sniffing import Sniffing, until

CONFIGURED = (CANARY + b"-of-the-configuration").decode()


@pytest.fixture
async def planted() -> AsyncIterator[tuple[int, dict[int, Planted]]]:
    """A server's port, and which exchange it is to have with the client of which port."""
    by_client: dict[int, Planted] = {}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began = await reader.read(1)
        exchange = by_client[writer.get_extra_info("peername")[1]]
        await reader.readexactly(len(exchange.request) - len(began))
        writer.write(exchange.response)
        await writer.drain()

    async with listening(answer) as port:
        yield port, by_client


async def say_all(port: int, by_client: dict[int, Planted]) -> None:
    for exchange in exchanges().values():
        async with connected_to(port) as (reader, writer):
            by_client[writer.get_extra_info("sockname")[1]] = exchange
            writer.write(exchange.request)
            assert await reader.read() == exchange.response


def configured(folder: Path, text: str) -> str:
    file = folder / "config" / "sniffer.yaml"
    file.parent.mkdir()
    file.write_text(f"maxBodySize: {LIMIT}\noutputConnections: true\noutputStdout: true\n{text}")
    return str(file)


def left_in(*folders: Path) -> bytes:
    return b"\n".join(file.read_bytes() for folder in folders for file in folder.rglob("*") if file.is_file())


async def pages(port: int) -> bytes:
    found = b""
    async with ClientSession() as session:
        for path in ("/healthz", "/readyz", "/metrics"):
            async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                found += await answer.read()
    return found


@pytest.mark.parametrize("before", range(3))
def test_the_search_knows_codings(before: int) -> None:
    text = b"-" * before + CANARY + b"-more"
    assert sightings(base64.b64encode(text)) == {"? coded"}
    assert sightings(text.hex().encode()) == {"? coded"}


async def test_the_search_finds_what_is_not_redacted(tmp_path: Path, planted: tuple[int, dict[int, Planted]]) -> None:
    port, by_client = planted
    config = configured(tmp_path, "redactBuiltin: false\n")
    async with Sniffing(tmp_path / "s", "--config", config, "--ports", str(port)) as sniffing:
        await say_all(port, by_client)
        assert await sniffing.stop() == 0
    assert sightings((tmp_path / "s" / "stdout").read_bytes()) == set(exchanges())


async def test_no_secret_comes_out(tmp_path: Path, planted: tuple[int, dict[int, Planted]]) -> None:
    """Not in records, log, status pages, spool, deliveries, nor what a crash leaves behind."""
    port, by_client = planted
    collector_port, status_port = unused_port(), unused_port()
    url = f"http://127.0.0.1:{collector_port}/?key={CONFIGURED}"
    config = configured(tmp_path, f"{NAMED}outputUrl: {url}\nlogLevel: debug\n")
    spool = tmp_path / "spool"
    options = ["--config", config, "--ports", str(port), "--output-spool-directory", str(spool)]
    options += ["--status-listen", f"127.0.0.1:{status_port}"]
    env = {"OUTPUT_URL_AUTH_TOKEN": CONFIGURED}
    folder = tmp_path / "killed"
    # A core would be left where it stands.
    prefix = ["prlimit", "--core=unlimited:unlimited", "env", "-C", str(folder)]
    async with Sniffing(folder, *options, env=env, prefix=prefix) as killed:
        await say_all(port, by_client)
        await killed.until_event("post_spooled")
        assert sightings(await pages(status_port)) == set()
        await asyncio.sleep(1)  # the spool has by then what is there
        killed.signal(signal.SIGABRT)
        await killed.wait()
    assert len(killed.records) > 2 * len(exchanges())
    assert sightings(left_in(folder, spool)) == set()
    async with (
        collecting(Collector(), port=collector_port) as collector,
        Sniffing(tmp_path / "stopped", *options, env=env) as stopped,
    ):
        await until(lambda: len(collector.records) >= len(killed.records), "the records")
        assert await stopped.stop() == 0
    assert sightings(left_in(tmp_path / "stopped", spool)) == set()
    for post in collector.posts:
        assert post.headers.pop("Authorization") == f"Bearer {CONFIGURED}"
        assert sightings(post.body + repr(post.headers).encode()) == set()
