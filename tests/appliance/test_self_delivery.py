"""A sniffer never hears itself, nor its like."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector, web
from servers import Answer, Collector, collecting, forwarding, get, unused_port
from sniffing import Sniffing, until

from appliance.sinks.own import Include, excluded_socket

QUIET = 1.0  # seconds in which a loop would show


async def settled(*collectors: Collector) -> None:
    """Nothing comes any more."""
    before = -1
    while before != (now := sum(len(collector.posts) for collector in collectors)):
        before = now
        await asyncio.sleep(QUIET)


def closing(_: int) -> web.Response:
    """An answer that ends its connection."""
    answer = web.Response()
    answer.force_close()
    return answer


@pytest.mark.parametrize("interface", ["lo", "any"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_own_deliveries_are_not_captured(tmp_path: Path, target: int, interface: str, host: str) -> None:
    """The collector's port is watched, and yet no delivery is seen, not even its SYN."""
    async with collecting(Collector()) as collector:
        ports = f"{target},{collector.port}"
        url = f"http://{host}:{collector.port}/"
        options = ["--interface", interface, "--ports", ports, "--output-stdout", "--output-url", url]
        async with Sniffing(tmp_path / "s", *options) as sniffing:
            await get(target, 5)
            await until(lambda: len(collector.records) >= 10, "the records")
            await settled(collector)
            assert await sniffing.stop() == 0
    assert {record["receiver"]["port"] for record in sniffing.records} == {target}
    assert len(collector.records) == 10
    stats = sniffing.stats
    assert stats["connections"]["opened"] == 1
    assert stats["packets"]["own_delivery"] > 0
    assert stats["sinks"]["http"]["dropped"] == {}


async def watching_each_other(tmp_path: Path, target: int, *options: str, answer: Answer | None = None) -> int:
    """Returns how many records of a delivery's connection each sees; what is posted is of the target alone."""
    async with collecting(Collector(answer)) as first, collecting(Collector(answer)) as second:
        ports = f"{target},{first.port},{second.port}"
        async with (
            Sniffing(tmp_path / "a", "--ports", ports, *options, "--output-stdout", "--output-url", first.url) as a,
            Sniffing(tmp_path / "b", "--ports", ports, *options, "--output-stdout", "--output-url", second.url) as b,
        ):
            await a.until_event("start")
            await b.until_event("start")
            await get(target, 5)
            await until(lambda: len(first.posts) >= 10 and len(second.posts) >= 10, "the records")
            await settled(first, second)
            assert [await a.stop(), await b.stop()] == [0, 0]
    seen = []
    for sniffing, own, other in ((a, first, second), (b, second, first)):
        assert {record["receiver"]["port"] for record in own.records} == {target}
        assert {record["receiver"]["port"] for record in sniffing.records} == {target, other.port}
        seen.append(len([record for record in sniffing.records if record["receiver"]["port"] == other.port]))
        assert sniffing.sink("http")["dropped"] == {"self_delivery": seen[-1]}
        assert len(own.records) == len(sniffing.records) - seen[-1]
    assert seen[0] == seen[1]
    return seen[0]


async def test_two_sniffers_that_watch_each_others_collectors(tmp_path: Path, target: int) -> None:
    """Each sees the other's deliveries: on stdout, never in a POST, or they would multiply for ever."""
    assert await watching_each_other(tmp_path, target) == 2 * 10


async def test_nor_do_the_ends_of_deliveries_multiply(tmp_path: Path, target: int) -> None:
    """Eleven deliveries, the last one of the target's connection's end; each takes a connection, whose end is seen."""
    assert await watching_each_other(tmp_path, target, "--output-connections", answer=closing) == 3 * 11


@pytest.mark.parametrize(
    ("options", "answer", "own", "seen"),
    [([], None, 10, 2 * 10), (["--output-connections"], closing, 11, 3 * 11)],
    ids=["messages", "connections too"],
)
async def test_through_a_redirecting_proxy(
    tmp_path: Path, target: int, options: list[str], answer: Answer | None, own: int, seen: int
) -> None:
    """The proxy's own connection to the collector cannot be excluded: the header tells."""
    async with collecting(Collector(answer)) as collector, forwarding(collector.port) as proxy:
        ports = f"{target},{collector.port},{proxy}"
        options = [*options, "--ports", ports, "--output-stdout", "--output-url", f"http://127.0.0.1:{proxy}/"]
        async with Sniffing(tmp_path / "s", *options) as sniffing:
            await get(target, 5)
            await until(lambda: len(collector.records) >= own, "the records")
            await settled(collector)
            assert await sniffing.stop() == 0
    assert len(collector.records) == own
    assert {record["receiver"]["port"] for record in sniffing.records} == {target, collector.port}
    assert sniffing.sink("http")["dropped"] == {"self_delivery": seen}


async def test_a_port_is_captured_again_once_its_delivery_is_over(tmp_path: Path, target: int) -> None:
    """The system gives it to whoever asks next: a connection of the application's is no delivery."""
    port = unused_port()
    options = ["--ports", f"{target},{port}", "--output-stdout", "--output-url", f"http://127.0.0.1:{port}/"]
    async with Sniffing(tmp_path / "s", *options) as sniffing:
        await sniffing.until_event("start")
        async with collecting(Collector(), port=port) as collector:
            await get(target)
            await until(lambda: len(collector.posts) == 2, "the records")
        own = collector.posts[0].peer[1]  # the collector ended the connection, so that nothing keeps the port
        await until(lambda: free(own), "the delivery's end")
        await get_from(own, target)
        records = await sniffing.until_records(4)
        assert await sniffing.stop() == 0
    assert [record["destination"]["port"] for record in records].count(own) == 2
    assert {record["receiver"]["port"] for record in sniffing.records} == {target}
    assert sniffing.stats["packets"]["own_delivery"] > 0


def test_an_own_socket_is_excluded_until_it_closes() -> None:
    """Once, for soon the port may be another own socket's. uvloop closes what it detaches."""
    told = []

    def exclude(host: str, port: int) -> Include:
        told.append(f"excluded {host}:{port}")
        return lambda: told.append("included")

    with excluded_socket(socket.AF_INET, socket.SOCK_STREAM, 0, ("127.0.0.1", 9), exclude) as tcp:
        host, port = tcp.getsockname()
        assert told == [f"excluded {host}:{port}"]
        os.close(tcp.detach())
    assert told[1:] == ["included"]


def free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


async def get_from(port: int, target: int) -> None:
    """A request by a connection from that port."""
    connector = TCPConnector(local_addr=("127.0.0.1", port))
    async with ClientSession(connector=connector) as session, session.get(f"http://127.0.0.1:{target}/") as answer:
        await answer.read()
