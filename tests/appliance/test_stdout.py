"""Standard output as a sink: whole lines, one write a batch, and what happens when nobody takes them."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path

from servers import Collector, get
from sniffing import Sniffing, until


async def test_a_closed_pipe_ends_the_sink_not_the_capture(tmp_path: Path, target: int, collector: Collector) -> None:
    """One error; the other output goes on; what came after is counted."""
    read_end, write_end = os.pipe()
    sniffing = Sniffing(tmp_path / "s", "--ports", str(target), "--output-stdout", "--output-url", collector.url)
    async with await sniffing.start(stdout=write_end):
        os.close(write_end)
        os.close(read_end)
        await get(target, 2)
        await sniffing.until_event("sink_closed")
        await get(target, 3)
        await until(lambda: len(collector.records) == 10, "ten records at the collector")
        assert await sniffing.stop() == 0
    assert len(sniffing.events("sink_closed")) == 1
    sinks = sniffing.stats["sinks"]
    assert sinks["stdout"]["dropped"] == {"sink_closed": 10}
    assert sinks["http"]["delivered"] == 10


async def test_a_full_disk_ends_the_sink_not_the_capture(tmp_path: Path, target: int) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    sniffing = Sniffing(tmp_path / "s", "--ports", str(target), "--output-stdout")
    async with await sniffing.start(stdout=full):
        os.close(full)
        await get(target, 2)
        error = await sniffing.until_event("sink_closed")
        await get(target, 1)
        assert await sniffing.stop() == 0
    assert error["level"] == "error"
    assert "space" in error["error"]
    assert len(sniffing.events("sink_closed")) == 1
    stats = sniffing.stats
    assert stats["sinks"]["stdout"]["dropped"] == {"sink_closed": 6}
    assert stats["messages"]["delivered"] == 6


async def test_a_reader_that_stops_reading(tmp_path: Path, target: int, collector: Collector) -> None:
    """A full pipe stops stdout alone: the collector gets everything; what does not fit is counted, not kept."""
    read_end, write_end = os.pipe()
    options = ["--ports", str(target), "--output-stdout", "--output-url", collector.url, "--output-queue-size", "65536"]
    sniffing = Sniffing(tmp_path / "s", *options, "--output-batch-max-messages", "100", "--shutdown-timeout-ms", "500")
    async with await sniffing.start(stdout=write_end):
        os.close(write_end)
        for part in range(1, 16):  # as much at a time as the collector's small queue can hold
            await get(target, 20)
            await until(lambda part=part: len(collector.records) == 40 * part, "this part at the collector")
        assert await sniffing.stop() == 6
    os.close(read_end)
    sinks = sniffing.stats["sinks"]
    assert sinks["http"]["delivered"] == 600
    assert sinks["stdout"]["dropped"]["queue_full"] > 0
    assert sinks["stdout"]["dropped"]["drain_timeout"] > 0


async def test_a_reader_that_pauses_loses_nothing(tmp_path: Path, target: int) -> None:
    """Partial writes are carried on: every line is whole, and all are there."""
    read_end, write_end = os.pipe()
    sniffing = Sniffing(tmp_path / "s", "--ports", str(target), "--output-stdout")
    async with await sniffing.start(stdout=write_end):
        os.close(write_end)
        await get(target, 300)
        reading = asyncio.create_task(asyncio.to_thread(_read_all, read_end))
        await asyncio.sleep(0.5)
        assert await sniffing.stop() == 0
        lines = (await reading).splitlines()
    assert len(lines) == 600
    assert [json.loads(line)["exchange"] for line in lines] == [number // 2 for number in range(600)]
    assert sniffing.stats["sinks"]["stdout"]["delivered"] == 600


def _read_all(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as pipe:
        return pipe.read()


def _writes_to_stdout(folder: Path) -> list[tuple[str, str, str]]:
    """What was to be written, how many bytes were to be, how many were."""
    calls = "".join(thread.read_text() for thread in folder.glob("trace.*"))
    return re.findall(r'write\(1, "(.*)", (\d+)\)\s+= (\d+)', calls)


async def test_one_write_for_each_batch_of_whole_lines(tmp_path: Path, target: int) -> None:
    """As seen by the kernel."""
    sniffing = Sniffing(tmp_path / "s", "--ports", str(target), "--output-stdout")
    async with await sniffing.start():
        await sniffing.until_event("start")
        trace = tmp_path / "trace"
        # A file for each thread: in one, a write that another thread's ends within would be told in two halves.
        command = ["strace", "-ff", "-s", "1048576", "-e", "trace=write", "-o", str(trace)]
        command += ["-p", str(sniffing.process.pid)]
        tracer = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
        assert tracer.stderr is not None
        await tracer.stderr.readline()  # attached
        await get(target, 20)
        await sniffing.until_records(40)
        tracer.terminate()
        await tracer.communicate()
        assert await sniffing.stop() == 0
    writes = _writes_to_stdout(tmp_path)
    assert 0 < len(writes) < 40
    for text, wanted, written in writes:
        assert wanted == written
        assert text.startswith("{")
        assert text.endswith(r"}\n")


async def test_a_descriptor_that_does_not_block(tmp_path: Path, target: int) -> None:
    """Who shares our stdout may have made it non-blocking: a full pipe then is waited for."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    sniffing = Sniffing(tmp_path / "s", "--ports", str(target), "--output-stdout")
    async with await sniffing.start(stdout=write_end):
        os.close(write_end)
        await get(target, 300)
        await asyncio.sleep(0.3)
        reading = asyncio.create_task(asyncio.to_thread(_read_all, read_end))
        assert await sniffing.stop() == 0
        assert len((await reading).splitlines()) == 600
    assert sniffing.events("sink_closed") == []
