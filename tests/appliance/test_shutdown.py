"""`tcp-sniffer run` to its end: signals, the open exchange, the drain."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest
from servers import connected_to, get, listening, silence, unused_port
from sniffing import Sniffing, until


async def test_the_open_exchange_is_captured_to_its_end(tmp_path: Path) -> None:
    """SIGTERM in the middle of an exchange: the answer still comes out, then the process ends at once."""
    answer_now = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await answer_now.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    async with listening(slow) as port:
        options = ["--ports", str(port), "--output-stdout", "--shutdown-capture-ms", "15000"]
        async with Sniffing(tmp_path / "s", *options) as sniffing, connected_to(port) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await sniffing.until_records(1)
            sniffing.signal()
            await asyncio.sleep(0.5)
            answer_now.set()
            await reader.readuntil(b"ok")
            answered = asyncio.get_running_loop().time()
            assert await sniffing.wait() == 0
            assert asyncio.get_running_loop().time() - answered < 5
    assert [record["complete"] for record in sniffing.records] == [True, True]


async def test_an_exchange_that_does_not_end(tmp_path: Path) -> None:
    """It is waited for no longer than shutdownCaptureMs, and comes out with its reason."""
    async with listening(silence) as port:
        options = ["--ports", str(port), "--output-stdout", "--shutdown-capture-ms", "300"]
        async with Sniffing(tmp_path / "s", *options) as sniffing, connected_to(port) as (_, writer):
            writer.write(b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf")
            await sniffing.until_event("connection")
            assert await sniffing.stop() == 0
    (record,) = sniffing.records
    assert (record["complete"], record["incompleteReason"]) == (False, "capture_end")


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_exits_at_once(tmp_path: Path, second: signal.Signals) -> None:
    async with listening(silence) as port:
        options = ["--ports", str(port), "--output-stdout", "--shutdown-capture-ms", "60000"]
        async with Sniffing(tmp_path / "s", *options) as sniffing, connected_to(port) as (_, writer):
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await sniffing.until_records(1)
            sniffing.signal(signal.SIGINT)
            await asyncio.sleep(0.5)
            assert sniffing.process.returncode is None
            sniffing.signal(second)
            assert await sniffing.wait() == 1


async def test_a_signal_during_the_start(tmp_path: Path) -> None:
    """As soon as the capture is open a signal is a stop like any other, though half of Python is still to load."""
    async with Sniffing(tmp_path / "s", "--ports", str(unused_port()), "--output-stdout") as sniffing:
        assert await sniffing.stop() == 0
        assert sniffing.stats["packets"]["received"] == 0


async def test_a_drain_that_takes_too_long(tmp_path: Path, target: int) -> None:
    """Exit code 6, and how many records were lost, counted."""
    read_end, write_end = os.pipe()
    sniffing = Sniffing(tmp_path / "s", "--ports", str(target), "--output-stdout", "--shutdown-timeout-ms", "500")
    async with await sniffing.start(stdout=write_end):
        os.close(write_end)
        await sniffing.until_event("start")
        await get(target, 300)
        await asyncio.sleep(0.3)
        assert await sniffing.stop() == 6
    os.close(read_end)
    lost = (await sniffing.until_event("drain_timeout"))["lost"]
    assert lost > 0
    assert sniffing.stats["sinks"]["stdout"]["dropped"] == {"drain_timeout": lost}


async def test_a_second_signal_in_the_drain(tmp_path: Path, target: int) -> None:
    """The capture has ended, what it gave waits for a reader of stdout that does not read."""
    read_end, write_end = os.pipe()
    options = ["--ports", str(target), "--output-stdout", "--shutdown-timeout-ms", "60000"]
    sniffing = Sniffing(tmp_path / "s", *options)
    async with await sniffing.start(stdout=write_end):
        os.close(write_end)
        await sniffing.until_event("start")
        await get(target, 300)
        before = threads(sniffing)
        sniffing.signal()
        await until(lambda: threads(sniffing) < before, "the end of the capture's thread")
        assert sniffing.process.returncode is None
        sniffing.signal()
        assert await sniffing.wait() == 1
    os.close(read_end)


def threads(sniffing: Sniffing) -> set[str]:
    return {task.name for task in Path(f"/proc/{sniffing.process.pid}/task").iterdir()}
