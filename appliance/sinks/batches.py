"""Records out of the queue, gathered into what one POST carries."""

from __future__ import annotations

import asyncio
import itertools
from typing import NamedTuple

from appliance.sinks.record_queue import RecordQueue
from appliance.spool.delivery import Delivery


class Gathered(NamedTuple):
    delivery: Delivery
    records: list[bytes]


class Batches:
    def __init__(
        self, queue: RecordQueue, *, instance: str, max_messages: int, max_bytes: int, max_delay: float
    ) -> None:
        """`max_delay`: seconds that a record waits for others. `instance` begins each key."""
        self._queue = queue
        self._instance = instance
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._max_delay = max_delay
        self._numbers = itertools.count(1)
        # One worker at a time, or each would gather a part of the batch.
        self._gathering = asyncio.Lock()
        # The record that did not fit into a batch any more: the first of the next one.
        self._carried: bytes | None = None

    async def next(self) -> Gathered | None:
        """None at the end."""
        async with self._gathering:
            first = self._carried or await self._queue.get()
            self._carried = None
            if first is None:
                return None
            records, size = [first], len(first)
            deadline = asyncio.get_running_loop().time() + self._max_delay
            while len(records) < self._max_messages:
                record = self._queue.get_nowait() or await self._get_until(deadline)
                if record is None or not self._fits(size, record):
                    break
                records.append(record)
                size += len(record)
            return self._gathered(records)

    def at_hand(self) -> Gathered | None:
        """The same of what is there, without waiting. Not while another waits in next()."""
        records: list[bytes] = []
        size = 0
        while len(records) < self._max_messages:
            record, self._carried = self._carried or self._queue.get_nowait(), None
            if record is None or (records and not self._fits(size, record)):
                break
            records.append(record)
            size += len(record)
        return self._gathered(records) if records else None

    def done(self, gathered: Gathered) -> None:
        for record in gathered.records:
            self._queue.done(record)

    def _fits(self, size: int, record: bytes) -> bool:
        if size + len(record) <= self._max_bytes:
            return True
        self._carried = record
        return False

    def _gathered(self, records: list[bytes]) -> Gathered:
        ndjson = self._max_messages > 1
        body = b"".join(records) if ndjson else records[0].rstrip(b"\n")
        return Gathered(Delivery(f"{self._instance}-{next(self._numbers)}", body, len(records), ndjson), records)

    async def _get_until(self, deadline: float) -> bytes | None:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._queue.get()
        except TimeoutError:
            return None
