"""A sniffer never hears itself, nor its like."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from servers import Collector, collecting, forwarding, get
from sniffing import Sniffing, until

QUIET = 1.0  # seconds in which a loop would show


async def settled(*collectors: Collector) -> None:
    """Nothing comes any more."""
    before = -1
    while before != (now := sum(len(collector.posts) for collector in collectors)):
        before = now
        await asyncio.sleep(QUIET)


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


async def test_two_sniffers_that_watch_each_others_collectors(tmp_path: Path, target: int) -> None:
    """Each sees the other's deliveries: on stdout, never in a POST, or they would multiply for ever."""
    async with collecting(Collector()) as first, collecting(Collector()) as second:
        ports = f"{target},{first.port},{second.port}"
        async with (
            Sniffing(tmp_path / "a", "--ports", ports, "--output-stdout", "--output-url", first.url) as a,
            Sniffing(tmp_path / "b", "--ports", ports, "--output-stdout", "--output-url", second.url) as b,
        ):
            await a.until_event("start")
            await b.until_event("start")
            await get(target, 5)
            await until(lambda: len(first.posts) >= 10 and len(second.posts) >= 10, "the records")
            await settled(first, second)
            assert [await a.stop(), await b.stop()] == [0, 0]
    for sniffing, own, other in ((a, first, second), (b, second, first)):
        assert len(own.records) == 10
        assert {record["receiver"]["port"] for record in own.records} == {target}
        seen = [record for record in sniffing.records if record["receiver"]["port"] == other.port]
        assert len(seen) == 20
        assert not [record for record in sniffing.records if record["receiver"]["port"] == own.port]
        assert sniffing.sink("http")["dropped"] == {"self_delivery": 20}


async def test_through_a_redirecting_proxy(tmp_path: Path, target: int) -> None:
    """The proxy's own connection to the collector cannot be excluded: the header tells."""
    async with collecting(Collector()) as collector, forwarding(collector.port) as proxy:
        ports = f"{target},{collector.port},{proxy}"
        url = f"http://127.0.0.1:{proxy}/"
        async with Sniffing(tmp_path / "s", "--ports", ports, "--output-stdout", "--output-url", url) as sniffing:
            await get(target, 5)
            await until(lambda: len(collector.records) >= 10, "the records")
            await settled(collector)
            assert await sniffing.stop() == 0
    assert len(collector.records) == 10
    assert {record["receiver"]["port"] for record in sniffing.records} == {target, collector.port}
    assert sniffing.sink("http")["dropped"] == {"self_delivery": 20}
