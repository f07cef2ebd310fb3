"""Standard output: records and nothing else, one write for each batch."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import NamedTuple

from appliance.engine import Batch
from appliance.ledger import SinkLedger
from appliance.sinks import nothing_to_do
from appliance.sinks.deadline import Deadline
from appliance.sinks.writer import Render, Writer

# Batches that may wait in the engine's own memory. Its queue counts a batch that is held as a whole
# buffer, however little is in it: where the reader of stdout lags, copies wait instead.
_BATCHES_HELD = 4


class _Item(NamedTuple):
    lines: bytes | memoryview
    records: int
    batch: Batch | None  # None: the lines are a copy


class StdoutSink:
    """Writes in a thread of its own: a reader that does not read blocks nobody else."""

    name = "stdout"

    def __init__(self, fd: int, limit: int, on_error: Callable[[OSError], None], render: Render | None = None) -> None:
        self.ledger = SinkLedger()
        self.on_room: Callable[[], None] = nothing_to_do
        self._writer = Writer(fd, self.ledger, on_error, render)
        self._limit = limit
        self._items: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._bytes = 0
        self._batches = 0
        # A daemon: a write that never returns must not keep the process.
        self._thread = threading.Thread(target=self._run, name="stdout", daemon=True)

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._thread.start()

    @property
    def has_room(self) -> bool:
        return self._bytes < self._limit

    @property
    def closed(self) -> bool:
        return self._writer.closed

    def offer(self, batch: Batch, *, force: bool) -> None:
        self.ledger.produce(batch.count)
        with self._lock:
            full = self._bytes > 0 and self._bytes + batch.size > self._limit
            if full and not force:
                self.ledger.drop("queue_full", batch.count)
                return
            self._bytes += batch.size
            copied = self._batches >= _BATCHES_HELD
            self._batches += not copied
        if copied:
            self._items.put(_Item(bytes(batch.data), batch.count, None))
        else:
            batch.hold()
            self._items.put(_Item(batch.data, batch.count, batch))

    async def drain(self, deadline: Deadline) -> int:
        self._items.put(None)
        if not await deadline.wait(self._ended):
            self._writer.closed = True  # what is counted as lost must not come out after all
        return self.ledger.close("drain_timeout")

    def _run(self) -> None:
        while (item := self._items.get()) is not None:
            self._writer.write(item.lines, item.records)
            size = len(item.lines)
            if item.batch is not None:
                item.batch.release()
            with self._lock:
                room_before = self.has_room
                self._bytes -= size
                self._batches -= item.batch is not None
                room_now = self.has_room and not room_before
            del item  # or its memory would wait for the next one
            if room_now:
                self._tell(lambda: self.on_room())
        self._writer.end()
        self._tell(lambda: self._ended.set_result(None))

    def _tell(self, call: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(call)
