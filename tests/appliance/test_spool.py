"""Delivery with `outputSpool`: through a dead collector, restarts and kills, each record with one key."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
import stat
from pathlib import Path

from servers import Collector, collecting, get, unused_port
from sniffing import Sniffing, until
from spooling import FILE, assert_one_key_each, identity, options


async def test_a_collector_that_comes_back_gets_all_oldest_first(tmp_path: Path, target: int) -> None:
    port, spool = unused_port(), tmp_path / "spool"
    async with Sniffing(tmp_path / "s", *options(target, port, spool, "--output-concurrency", "1")) as sniffing:
        await get(target, 20)
        opened = await sniffing.until_event("circuit_open")
        assert opened["failures"] == 10
        assert "Cannot connect" in opened["error"]
        assert {stat.S_IMODE(file.stat().st_mode) for file in spool.iterdir()} == {0o600}
        async with collecting(Collector(), port=port) as collector:
            await until(lambda: len(collector.records) >= 40, "the records")
            await sniffing.until_event("circuit_closed")
            assert await sniffing.stop() == 0
    http = sniffing.sink("http")
    assert (http["delivered"], http["spooled"], http["dropped"]) == (40, 0, {})
    assert http["circuitOpen"] == 0
    assert sorted(map(identity, collector.records)) == sorted(map(identity, sniffing.records))
    # What was tried before the circuit opened, or as a probe, waits for its next try; what came later keeps its order.
    numbers = [int(post.headers["Idempotency-Key"].rpartition("-")[2]) for post in collector.posts]
    never_tried = [number for number in numbers if number > 20]
    assert never_tried == sorted(never_tried)
    assert_one_key_each(collector)


async def test_what_a_stop_leaves_the_next_start_delivers(tmp_path: Path, target: int) -> None:
    port, spool = unused_port(), tmp_path / "spool"
    async with Sniffing(tmp_path / "s", *options(target, port, spool)) as first:
        await get(target, 10)
        await first.until_records(20)
        assert await first.stop() == 0
    assert first.sink("http")["spooled"] == 20
    assert first.events("spool_left")[0]["records"] == 20
    async with (
        collecting(Collector(), port=port) as collector,
        Sniffing(tmp_path / "t", *options(target, port, spool)) as second,
    ):
        await until(lambda: len(collector.records) >= 20, "the records")
        assert await second.stop() == 0
    http = second.sink("http")
    assert (http["recovered"], http["delivered"], http["produced"]) == (20, 20, 0)
    assert sorted(map(identity, collector.records)) == sorted(map(identity, first.records))
    assert_one_key_each(collector)


async def test_kills_lose_nothing_that_was_a_second_old(tmp_path: Path, target: int) -> None:
    """A collector that hangs, one that is dead, SIGKILL after each second: all of it comes in the end."""
    port, spool = unused_port(), tmp_path / "spool"
    expected = []
    for number in range(4):
        hang = contextlib.nullcontext() if number % 2 else collecting(Collector(delay=60), port=port)
        async with hang, Sniffing(tmp_path / str(number), *options(target, port, spool)) as sniffing:
            await get(target, 30)
            await sniffing.until_records(60)
            expected += sniffing.records
            await asyncio.sleep(1)
            sniffing.signal(signal.SIGKILL)
            await sniffing.wait()
    async with (
        collecting(Collector(), port=port) as collector,
        Sniffing(tmp_path / "last", *options(target, port, spool)) as last,
    ):
        await until(lambda: len(collector.records) >= len(expected), "the records")
        assert await last.stop() == 0
    assert {identity(record) for record in expected} <= {identity(record) for record in collector.records}
    assert last.sink("http")["recovered"] == len(expected)
    assert_one_key_each(collector)


async def test_a_full_disk_costs_what_does_not_fit(tmp_path: Path, target: int) -> None:
    """One error, what could not be kept is counted, and the rest is delivered, once, when the collector is back."""
    port, spool = unused_port(), tmp_path / "spool"
    spool.mkdir()
    script = f'mount -t tmpfs -o size=1m tmpfs {spool} && exec "$@"'
    prefix = ["unshare", "--mount", "sh", "-c", script, "sh"]
    async with Sniffing(tmp_path / "s", *options(target, port, spool), prefix=prefix) as sniffing:
        while not sniffing.events("spool_failed"):
            await get(target, 100)
        await get(target, 100)
        async with collecting(Collector(), port=port) as collector:
            await sniffing.until_event("circuit_closed")
            await get(target, 1)
            await until(lambda: identity(sniffing.records[-1]) in map(identity, collector.records), "the newest")
            await asyncio.sleep(2)
            assert await sniffing.stop() == 0
    (error,) = sniffing.events("spool_failed")
    assert error["error"] == "database or disk is full"
    http = sniffing.sink("http")
    assert http["dropped"]["spool_failed"] > 0
    assert http["delivered"] + http["spooled"] + sum(http["dropped"].values()) == http["produced"]
    assert len(collector.records) == len(set(map(identity, collector.records))), "nothing over and over"


async def test_a_foreign_file_is_set_aside_with_one_error(tmp_path: Path, target: int) -> None:
    port, spool = unused_port(), tmp_path / "spool"
    spool.mkdir()
    (spool / FILE).write_text("somebody's notes " * 1000)
    async with (
        collecting(Collector(), port=port) as collector,
        Sniffing(tmp_path / "s", *options(target, port, spool)) as sniffing,
    ):
        await get(target, 2)
        await until(lambda: len(collector.records) == 4, "the records")
        assert await sniffing.stop() == 0
    (error,) = [line for line in sniffing.log if line["level"] == "error"]
    assert (error["event"], error["error"]) == ("spool_failed", "file is not a database")
    assert (spool / f"{FILE}.aside").read_text().startswith("somebody's notes")


async def test_a_spool_damaged_while_in_use_is_replaced(tmp_path: Path, target: int) -> None:
    """The disk loses what was there; what comes later is kept, and the ledger says what is gone."""
    port, spool = unused_port(), tmp_path / "spool"
    async with Sniffing(tmp_path / "s", *options(target, port, spool)) as first:
        await get(target, 200)
        await first.until_records(400)
        assert await first.stop() == 0
    file = spool / FILE
    text = file.read_bytes()
    file.write_bytes(text[:8192] + b"\xa5" * (len(text) - 8192))
    async with (
        collecting(Collector(), port=port) as collector,
        Sniffing(tmp_path / "t", *options(target, port, spool)) as second,
    ):
        await get(target, 5)
        await second.until_event("spool_failed")
        await until(lambda: len(collector.records) >= 10, "the records")
        assert await second.stop() == 0
    assert len([line for line in second.log if line["level"] == "error"]) == 1
    assert second.sink("http")["delivered"] >= 10  # sink() checks the balance


async def test_a_spool_that_cannot_be_had_is_no_reason_to_end(tmp_path: Path, target: int) -> None:
    """Another process holds it: the file stays as it is."""
    port, spool = unused_port(), tmp_path / "spool"
    spool.mkdir()
    other = sqlite3.connect(spool / FILE)
    other.execute("BEGIN EXCLUSIVE")
    async with (
        collecting(Collector(), port=port) as collector,
        Sniffing(tmp_path / "s", *options(target, port, spool)) as sniffing,
    ):
        await get(target, 2)
        await until(lambda: len(collector.records) == 4, "the records")
        assert await sniffing.stop() == 0
    (error,) = [line for line in sniffing.log if line["level"] == "error"]
    assert error["error"] == "database is locked"
    assert [file.name for file in spool.iterdir() if "aside" in file.name] == []
    other.close()
    assert sniffing.sink("http")["dropped"] == {}
