"""From the engine to the sinks: whole batches, each as soon as the engine has it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from appliance.engine import Engine
from appliance.sinks import Sink

# Batches handed on before the event loop gets to do something else.
_BATCHES_A_TURN = 8


class Pipeline:
    """Reads batches when the engine says so and offers each to every sink.

    Sinks never hold it up: one that is full drops and counts. Only where nothing may be lost
    (`lossless`: a replay, or the end of a capture) it waits until every sink has room; the engine's
    own queue then fills, and a replay's reader waits by itself.
    """

    def __init__(
        self, engine: Engine, sinks: Sequence[Sink], on_events: Callable[[list[dict[str, Any]]], None]
    ) -> None:
        self._engine = engine
        self._sinks = list(sinks)
        self._on_events = on_events
        self._loop = asyncio.get_running_loop()
        self.lossless = False
        # The status that the capture ended with, once its last batch was offered.
        self.finished: asyncio.Future[int] = self._loop.create_future()
        for sink in self._sinks:
            sink.on_room = self._on_room
        self._loop.add_reader(engine.event_fd, self._on_readable)

    def add(self, sink: Sink) -> None:
        sink.on_room = self._on_room
        self._sinks.append(sink)

    def remove(self, sink: Sink) -> None:
        self._sinks.remove(sink)

    def finish(self) -> None:
        """From now on nothing is dropped: the sinks' queues are waited for."""
        self.lossless = True
        self._pump()

    def abandon(self) -> int:
        """Reads no more, and returns how many records are left behind."""
        self.close()
        left = 0
        while batch := self._engine.read():
            left += batch.count
            batch.release()
        return left

    def close(self) -> None:
        if not self.finished.done():
            self._loop.remove_reader(self._engine.event_fd)
            self.finished.cancel()

    def _on_room(self) -> None:
        if self.lossless and not self.finished.done():
            self._pump()

    def _on_readable(self) -> None:
        self._engine.acknowledge()
        self._on_events(self._engine.events())
        self._pump()

    def _pump(self) -> None:
        if self.finished.done():
            return
        # Asked before the last read: a batch that is finished in between is read by the next turn.
        status = self._engine.finished()
        for _ in range(_BATCHES_A_TURN):
            if self.lossless and not all(sink.has_room for sink in self._sinks):
                return  # on_room() goes on
            batch = self._engine.read()
            if batch is None:
                if status is not None:
                    self._finish(status)
                return
            for sink in self._sinks:
                sink.offer(batch, force=self.lossless)
            batch.release()
        self._loop.call_soon(self._pump)

    def _finish(self, status: int) -> None:
        self._on_events(self._engine.events())
        self._loop.remove_reader(self._engine.event_fd)
        self.finished.set_result(status)
