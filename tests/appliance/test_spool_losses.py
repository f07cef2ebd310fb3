"""What a running sniffer gives up of its spool: which records those are, and that its ledger has each of them.

Sniffing.sink() checks that produced + recovered = delivered + dropped + queued + spooled.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from servers import Collector, collecting, get, serving, unused_port
from sniffing import Sniffing, until
from spooling import FILE, assert_one_key_each, identities, options

MIB = 1 << 20
SMALLEST = f"--output-spool-max-bytes={8 * MIB}"
# So that a busy machine's disk may be slow.
PATIENT = f"--output-queue-size={64 * MIB}"


@pytest.fixture
async def sized() -> AsyncIterator[int]:
    """The port of a server that answers /N with N bytes."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * int(request.match_info["path"]))

    async with serving(answer) as port:
        yield port


async def on_disk(folder: Path, target: int, spool: Path, exchanges: int) -> Sniffing:
    """One that leaves the records of so many exchanges there."""
    async with Sniffing(folder, *options(target, unused_port(), spool)) as sniffing:
        await get(target, exchanges)
        await sniffing.until_records(2 * exchanges)
        assert await sniffing.stop() == 0
    assert sniffing.sink("http")["spooled"] == 2 * exchanges
    return sniffing


async def delivered(folder: Path, target: int, spool: Path, *more: str) -> tuple[Sniffing, Collector]:
    """The next one, whose collector is there; it ends once a new exchange, and so what was before, is delivered."""
    async with (
        collecting(Collector()) as collector,
        Sniffing(folder, *options(target, collector.port, spool, *more)) as sniffing,
    ):
        await until(lambda: sniffing.events("spool_recovered"), "the old ones")
        await get(target, path="/1")
        await sniffing.until_records(2)
        assert await sniffing.stop() == 0
    assert_one_key_each(collector)
    return sniffing, collector


async def until_told(sniffing: Sniffing, target: int, size: int) -> None:
    """So many bytes of records, few at a time: the machine may be busy."""
    while len(before := sniffing.records) * 30_000 < size:
        await get(target, 10, "/60000")
        await sniffing.until_records(len(before) + 20)


def change(spool: Path, statement: str) -> None:
    with sqlite3.connect(spool / FILE) as database:
        database.execute(statement)
    database.close()


async def test_the_oldest_make_room(tmp_path: Path, sized: int) -> None:
    """More comes than the least spool holds: what is left are the newest, all of them, and the next start has them."""
    spool = tmp_path / "spool"
    async with Sniffing(tmp_path / "s", *options(sized, unused_port(), spool, SMALLEST, PATIENT)) as first:
        await until_told(first, sized, 10 * MIB)
        assert await first.stop() == 0
        assert sum(file.stat().st_size for file in spool.iterdir()) <= 8 * MIB
    http = first.sink("http")
    assert list(http["dropped"]) == ["spool_evicted"]
    assert http["spooled"] > 50
    second, collector = await delivered(tmp_path / "t", sized, spool, SMALLEST)
    newest = first.records[http["dropped"]["spool_evicted"] :]
    assert sorted(identities(collector.records)) == sorted(identities(newest + second.records))
    assert (second.sink("http")["recovered"], second.sink("http")["dropped"]) == (http["spooled"], {})


async def test_what_waited_too_long_goes(tmp_path: Path, sized: int) -> None:
    """Two days pass for a half of them."""
    spool = tmp_path / "spool"
    await on_disk(tmp_path / "s", sized, spool, 10)
    change(spool, "UPDATE deliveries SET created = created - 172800 WHERE id <= 10")
    second, collector = await delivered(tmp_path / "t", sized, spool)
    http = second.sink("http")
    assert (http["recovered"], http["delivered"], http["dropped"]) == (20, 12, {"spool_expired": 10})
    assert len(set(identities(collector.records))) == 12


async def test_one_that_is_too_large_costs_itself_alone(tmp_path: Path, sized: int) -> None:
    port, spool = unused_port(), tmp_path / "spool"
    more = [SMALLEST, f"--max-body-size={2 * MIB}", f"--max-record-size={4 * MIB}"]
    large = MIB + 1
    async with Sniffing(tmp_path / "s", *options(sized, port, spool, *more)) as sniffing:
        await get(sized, 10, "/1")
        await get(sized, 1, f"/{large}")
        await sniffing.until_records(22)
        await sniffing.until_event("circuit_open")
        async with collecting(Collector(), port=port) as collector:
            await until(lambda: len(collector.records) >= 21, "all but the large one")
            await get(sized, 1, f"/{large}")
            await until(lambda: len(collector.records) >= 23, "a large one, without the disk")
            assert await sniffing.stop() == 0
    http = sniffing.sink("http")
    assert (http["produced"], http["delivered"], http["dropped"]) == (24, 23, {"spool_too_large": 1})
    (lost,) = set(identities(sniffing.records)) - set(identities(collector.records))
    assert lost[2] == "response"


async def test_a_body_that_the_disk_changed_costs_itself_alone(tmp_path: Path, sized: int) -> None:
    spool = tmp_path / "spool"
    await on_disk(tmp_path / "s", sized, spool, 10)
    change(spool, "UPDATE deliveries SET body = zeroblob(100) WHERE id = 7")
    second, collector = await delivered(tmp_path / "t", sized, spool)
    http = second.sink("http")
    assert (http["recovered"], http["delivered"], http["dropped"]) == (20, 21, {"spool_corrupt": 1})
    assert len(set(identities(collector.records))) == 21
    assert not second.events("spool_failed")


@pytest.mark.parametrize("gone", [[FILE, f"{FILE}-wal"], [FILE], [f"{FILE}-wal"]], ids=["both", "file", "log"])
async def test_a_file_that_is_removed_is_written_anew(tmp_path: Path, target: int, gone: list[str]) -> None:
    """SQLite goes on in what nobody finds any more; a kill then loses nothing."""
    spool = tmp_path / "spool"
    async with Sniffing(tmp_path / "s", *options(target, unused_port(), spool)) as sniffing:
        await get(target, 20)
        before = identities(await sniffing.until_records(40))
        await asyncio.sleep(1.5)  # until the last is on disk
        for name in gone:
            (spool / name).unlink()
        await sniffing.until_event("spool_failed")
        await get(target, 5)
        await sniffing.until_records(50)
        await asyncio.sleep(1.5)
        assert len(sniffing.events("spool_failed")) == 1
        sniffing.signal(signal.SIGKILL)
        await sniffing.wait()
    second, collector = await delivered(tmp_path / "again", target, spool)
    http = second.sink("http")
    assert (http["recovered"], http["delivered"], http["dropped"]) == (50, 52, {})
    assert set(before) <= set(identities(collector.records))


async def test_a_file_that_is_removed_at_the_end(tmp_path: Path, target: int) -> None:
    spool = tmp_path / "spool"
    async with Sniffing(tmp_path / "s", *options(target, unused_port(), spool)) as sniffing:
        await get(target, 20)
        await sniffing.until_records(40)
        await asyncio.sleep(1.5)
        for file in spool.iterdir():
            file.unlink()
        assert await sniffing.stop() == 0
    assert sniffing.sink("http")["spooled"] == 40
    second, _ = await delivered(tmp_path / "again", target, spool)
    assert second.sink("http")["recovered"] == 40


async def test_a_file_that_is_destroyed_under_it(tmp_path: Path, sized: int) -> None:
    """It holds more than what SQLite remembers: the damage is found when the collector is back."""
    port, spool = unused_port(), tmp_path / "spool"
    async with Sniffing(tmp_path / "s", *options(sized, port, spool, PATIENT)) as sniffing:
        await until_told(sniffing, sized, 6 * MIB)
        await until(lambda: (spool / FILE).stat().st_size > 4 * MIB, "most of it on disk")
        with (spool / FILE).open("r+b") as file:
            file.seek(8192)
            file.write(b"\xa5" * ((spool / FILE).stat().st_size - 8192))
        async with collecting(Collector(), port=port) as collector:
            await sniffing.until_event("spool_failed")
            before = len(sniffing.records)
            await get(sized, 5, "/1")
            newest = set(identities(await sniffing.until_records(before + 10))[-10:])
            await until(lambda: newest <= set(identities(collector.records)), "what came later")
            assert await sniffing.stop() == 0
    assert [line["event"] for line in sniffing.log if line["level"] == "error"] == ["spool_failed"]
    http = sniffing.sink("http")
    assert (list(http["dropped"]), http["spooled"]) == (["spool_corrupt"], 0)
    arrived = set(identities(collector.records))
    # What was on its way when the damage was found counts as lost with the file: two connections are for the old.
    assert http["delivered"] <= len(arrived) <= http["delivered"] + 2
    assert arrived <= set(identities(sniffing.records)), "nothing that never was"
    assert_one_key_each(collector)
