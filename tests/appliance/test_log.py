"""A log that nobody reads, or that takes nothing, holds up neither the capture nor the end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import get
from sniffing import Sniffing

from appliance.log_output import ROOM, LogOutput

SOON = 6.0  # seconds from SIGTERM; the log's share is one
LITTLE_ROOM = "import sys, appliance.log_output as o; o.ROOM = 10_000; from appliance.cli import main; sys.exit(main())"


@contextlib.contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    os.set_blocking(ends[1], False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(ends[1], b"\n" * 4096)
    os.set_blocking(ends[1], True)
    try:
        yield ends
    finally:
        for end in ends:
            with contextlib.suppress(OSError):
                os.close(end)


def lines(text: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line]


def read_all(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb", closefd=False) as pipe:
        return pipe.read()


async def assert_goes_on_and_ends(sniffing: Sniffing, target: int) -> None:
    await get(target, 20)
    await sniffing.until_records(40)
    asked = asyncio.get_running_loop().time()
    assert await sniffing.stop() == 0
    assert asyncio.get_running_loop().time() - asked < SOON
    assert len(sniffing.records) == 40


async def test_a_log_that_nobody_reads(tmp_path: Path, target: int) -> None:
    options = ["--ports", str(target), "--output-stdout", "--stats-interval-ms", "100"]
    sniffing = Sniffing(tmp_path / "s", *options)
    with full_pipe() as (_, write_end):
        async with await sniffing.start(stderr=write_end):
            await assert_goes_on_and_ends(sniffing, target)


async def test_a_log_that_takes_nothing(tmp_path: Path, target: int) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    sniffing = Sniffing(tmp_path / "s", "--ports", str(target), "--output-stdout")
    async with await sniffing.start(stderr=full):
        os.close(full)
        await assert_goes_on_and_ends(sniffing, target)


async def test_a_log_whose_reader_has_gone(tmp_path: Path, target: int) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    sniffing = Sniffing(tmp_path / "s", "--ports", str(target), "--output-stdout")
    async with await sniffing.start(stderr=write_end):
        os.close(write_end)
        await assert_goes_on_and_ends(sniffing, target)


async def test_a_log_that_was_never_open(tmp_path: Path, target: int) -> None:
    prefix = ["sh", "-c", 'exec "$@" 2>&-', "sh"]
    sniffing = Sniffing(tmp_path / "s", "--ports", str(target), "--output-stdout", prefix=prefix)
    async with await sniffing.start():
        await assert_goes_on_and_ends(sniffing, target)
    assert sniffing.log_text == ""


async def test_a_log_that_is_read_late_is_whole(tmp_path: Path, target: int) -> None:
    """From the first line to the last stats, though the reader begins after SIGTERM."""
    sniffing = Sniffing(tmp_path / "s", "--ports", str(target), "--output-stdout")
    with full_pipe() as (read_end, write_end):
        async with await sniffing.start(stderr=write_end):
            os.close(write_end)
            await get(target, 20)
            await sniffing.until_records(40)
            sniffing.signal()
            log = lines(await asyncio.to_thread(read_all, read_end))
            assert await sniffing.wait() == 0
    assert log[0]["event"] == "start"
    assert log[-1]["final"] is True
    assert "log_lost" not in {line["event"] for line in log}


async def test_what_does_not_fit_is_counted_where_it_is_missing(tmp_path: Path, target: int) -> None:
    options = ["--ports", str(target), "--output-stdout", "--stats-interval-ms", "20"]
    sniffing = Sniffing(tmp_path / "s", *options, code=LITTLE_ROOM)
    with full_pipe() as (read_end, write_end):
        async with await sniffing.start(stderr=write_end):
            os.close(write_end)
            await get(target, 20)
            await sniffing.until_records(40)
            await asyncio.sleep(1)  # fifty lines
            reading = asyncio.create_task(asyncio.to_thread(read_all, read_end))
            await asyncio.sleep(0.5)
            assert await sniffing.stop() == 0
            log = lines(await reading)
    (place,) = (number for number, line in enumerate(log) if line["event"] == "log_lost")
    assert log[place]["level"] == "warning"
    assert log[place]["lines"] > 10
    before, after = log[:place], log[place + 1 :]
    assert len(json.dumps(before)) < 12_000
    assert after[-1]["final"] is True
    assert log == sorted(log, key=lambda line: line["timestamp"])


@pytest.fixture
def errors(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A full disk's descriptor, and a file that is to come in its place."""
    file = tmp_path / "log"
    descriptor = os.open("/dev/full", os.O_WRONLY)
    yield descriptor, file
    os.close(descriptor)


def output(descriptor: int) -> LogOutput:
    return LogOutput(descriptor, lambda count: b"lost %d\n" % count, lambda: None)


def test_a_disk_that_has_room_again(errors: tuple[int, Path]) -> None:
    descriptor, file = errors
    log = output(descriptor)
    for line in (b"one\n", b"two\n"):
        log.put(line)
        log.flush(5)
    with file.open("wb") as room:
        os.dup2(room.fileno(), descriptor)
    log.put(b"three\n")
    log.flush(5)
    assert file.read_bytes() == b"lost 2\nthree\n"


def test_a_line_longer_than_the_room_comes_out(errors: tuple[int, Path]) -> None:
    descriptor, file = errors
    with file.open("wb") as room:
        os.dup2(room.fileno(), descriptor)
    log = output(descriptor)
    log.put(b"x" * (2 * ROOM))
    log.flush(5)
    assert file.stat().st_size == 2 * ROOM


def test_after_a_line_that_was_cut_the_next_one_begins_anew(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    log = output(write_end)
    log.put(b"x" * (1 << 18))  # more than a pipe holds
    os.read(read_end, 1)
    os.close(read_end)
    log.flush(5)
    file = tmp_path / "log"
    with file.open("wb") as room:
        os.dup2(room.fileno(), write_end)
    log.put(b"next\n")
    log.flush(5)
    os.close(write_end)
    assert file.read_bytes() == b"\nlost 1\nnext\n"
