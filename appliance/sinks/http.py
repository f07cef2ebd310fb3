"""POST: each record, or a batch of them as NDJSON, to a collector."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import aiohttp

from appliance.engine import SELF_DELIVERY, Batch
from appliance.ledger import SinkLedger
from appliance.sinks import nothing_to_do, retry
from appliance.sinks.record_queue import RecordQueue
from appliance.sinks.workers import wait_until

_log = logging.getLogger("tcp_sniffer.http")

# A collector's answer is read to its end, or else the connection could not be used again; not a long one.
_MOST_ANSWER = 64 << 10


@dataclass(frozen=True, kw_only=True)
class PostOptions:
    url: str
    shown_url: str  # without user, password and query
    instance: str
    concurrency: int
    queue_size: int
    max_messages: int
    max_bytes: int
    max_delay: float  # seconds


class _Failure(NamedTuple):
    error: str
    again: bool
    retry_after: str | None = None


class HttpSink:
    name = "http"

    def __init__(self, options: PostOptions, open_session: Callable[[], aiohttp.ClientSession]) -> None:
        self.ledger = SinkLedger()
        self.on_room: Callable[[], None] = nothing_to_do
        self._options = options
        self._open_session = open_session
        self._queue = RecordQueue(options.queue_size, lambda: self.on_room())
        self._ndjson = options.max_messages > 1
        self._numbers = itertools.count(1)
        self._deadline: float | None = None
        # The record that did not fit into a batch any more: the first of the next one.
        self._carried: bytes | None = None

    async def start(self) -> None:
        self._gathering = asyncio.Lock()
        self._draining = asyncio.Event()
        self._session = self._open_session()
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._options.concurrency)]

    @property
    def has_room(self) -> bool:
        return self._queue.has_room

    def offer(self, batch: Batch, *, force: bool) -> None:
        self.ledger.produce(batch.count)
        for place in batch.records():
            if place.flags & SELF_DELIVERY:
                self.ledger.drop("self_delivery")
            elif not self._queue.put(batch.record(place), force=force):
                self.ledger.drop("queue_full")

    async def drain(self, deadline: float | None) -> int:
        self._deadline = deadline
        self._draining.set()
        self._queue.close()
        await wait_until(deadline, *self._workers)
        await self._session.close()
        return self.ledger.close("drain_timeout")

    async def _work(self) -> None:
        while records := await self._next():
            await self._deliver(records)
            for record in records:
                self._queue.done(record)

    async def _next(self) -> list[bytes]:
        """What goes into one POST; empty at the end."""
        if not self._ndjson:
            record = await self._queue.get()
            return [] if record is None else [record]
        async with self._gathering:  # one worker at a time, or each would gather a part of the batch
            return await self._gather()

    async def _gather(self) -> list[bytes]:
        options = self._options
        record = self._carried or await self._queue.get()
        self._carried = None
        if record is None:
            return []
        records, size = [record], len(record)
        deadline = asyncio.get_running_loop().time() + options.max_delay
        while len(records) < options.max_messages:
            record = self._queue.get_nowait() or await self._get_until(deadline)
            if record is None:
                break
            if size + len(record) > options.max_bytes:
                self._carried = record
                break
            records.append(record)
            size += len(record)
        return records

    async def _get_until(self, deadline: float) -> bytes | None:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._queue.get()
        except TimeoutError:
            return None

    async def _deliver(self, records: list[bytes]) -> None:
        body = b"".join(records) if self._ndjson else records[0].rstrip(b"\n")
        headers = {
            "Content-Type": "application/x-ndjson" if self._ndjson else "application/json",
            # The same on each retry: a collector that got the first attempt can tell.
            "Idempotency-Key": f"{self._options.instance}-{next(self._numbers)}",
        }
        attempt = 0
        while failure := await self._post(body, headers):
            if not failure.again or attempt == len(retry.DELAYS):
                self._failed(failure, attempt + 1, len(records))
                return
            await self._pause(retry.delay(attempt, failure.retry_after))
            attempt += 1
        self.ledger.deliver(len(records))

    def _failed(self, failure: _Failure, attempts: int, records: int) -> None:
        self.ledger.drop("post_failed", records)
        _log.error(
            "a POST failed for good",
            extra={
                "event": "post_failed",
                "url": self._options.shown_url,
                "error": failure.error,
                "attempts": attempts,
                "records": records,
            },
        )

    async def _post(self, body: bytes, headers: dict[str, str]) -> _Failure | None:
        try:
            async with self._session.post(
                self._options.url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                if retry.is_success(answer.status):
                    await _read_some(answer)
                    return None
                retry_after = answer.headers.get("Retry-After")
                await _read_some(answer)
                return _Failure(f"status {answer.status}", retry.is_worth_retrying(answer.status), retry_after)
        except TimeoutError:
            return _Failure("timeout", again=True)
        except (aiohttp.ClientError, OSError) as error:
            # Not a certificate's failure alone: it may be renewed while this waits.
            return _Failure(f"{type(error).__name__}: {error}", again=True)

    async def _pause(self, seconds: float) -> None:
        """Waits before a retry. When the end is near, no longer than half the time that is left."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        if not self._draining.is_set():
            try:
                async with asyncio.timeout_at(end):
                    await self._draining.wait()
            except TimeoutError:
                return
        if self._deadline is not None:
            end = min(end, (loop.time() + self._deadline) / 2)
        await asyncio.sleep(end - loop.time())


async def _read_some(answer: aiohttp.ClientResponse) -> None:
    """What goes wrong here only costs the connection: the status has said what became of the records."""
    left = _MOST_ANSWER
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        while left > 0 and (part := await answer.content.read(left)):
            left -= len(part)
