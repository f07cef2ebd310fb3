"""Copies of records on their way from the pipeline to a sink's workers, bounded in bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

# What Python adds to each record: the object's head and its place in the queue.
_OVERHEAD = 64


class RecordQueue:
    """A record counts from put() to done(), so what a worker has in its hands counts too."""

    def __init__(self, limit: int, on_room: Callable[[], None]) -> None:
        self._limit = limit
        self._on_room = on_room
        self._records: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._bytes = 0

    @property
    def has_room(self) -> bool:
        return self._bytes < self._limit

    def put(self, record: bytes, *, force: bool = False) -> bool:
        """False when the queue is full. One record fits into an empty queue whatever its size."""
        size = len(record) + _OVERHEAD
        if self._bytes and self._bytes + size > self._limit and not force:
            return False
        self._bytes += size
        self._records.put_nowait(record)
        return True

    async def get(self) -> bytes | None:
        """None when the queue was closed and is empty: then each further call gives None too."""
        record = await self._records.get()
        if record is None:
            self._records.put_nowait(None)
        return record

    def get_nowait(self) -> bytes | None:
        """None when there is nothing at hand."""
        if self._records.empty():
            return None
        record = self._records.get_nowait()
        if record is None:
            self._records.put_nowait(None)
        return record

    def done(self, record: bytes) -> None:
        had_room = self.has_room
        self._bytes -= len(record) + _OVERHEAD
        if self.has_room and not had_room:
            self._on_room()

    def close(self) -> None:
        self._records.put_nowait(None)
