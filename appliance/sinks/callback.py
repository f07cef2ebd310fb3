"""Python code as an output: a callback, and asynchronous iteration."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Awaitable, Callable

from appliance.engine import CONNECTION, SELF_DELIVERY, Batch
from appliance.ledger import SinkLedger
from appliance.message import HttpMessage, message_from_record
from appliance.sinks import nothing_to_do
from appliance.sinks.deadline import Deadline
from appliance.sinks.record_queue import RecordQueue
from appliance.sinks.workers import start, wait_until

_log = logging.getLogger("tcp_sniffer.callback")

OnHttpMessage = Callable[[HttpMessage], Awaitable[None] | None]


class MessageQueue:
    """The part both have: messages wait as bytes, bounded, and become objects one at a time."""

    def __init__(self, limit: int) -> None:
        self.ledger = SinkLedger()
        self.on_room: Callable[[], None] = nothing_to_do
        self._queue = RecordQueue(limit, lambda: self.on_room())

    @property
    def has_room(self) -> bool:
        return self._queue.has_room

    def offer(self, batch: Batch, *, force: bool) -> None:
        self.ledger.produce(batch.count)
        for place in batch.records():
            if place.flags & CONNECTION:
                self.ledger.drop("not_a_message")
            elif place.flags & SELF_DELIVERY:
                # Whoever sends on what it is given would else start another delivery with each.
                self.ledger.drop("self_delivery")
            elif not self._queue.put(batch.record(place), force=force):
                self.ledger.drop("queue_full")


class CallbackSink(MessageQueue):
    """Calls a function, or awaits a coroutine function, with one message after the other."""

    name = "callback"

    def __init__(self, on_http_message: OnHttpMessage, limit: int) -> None:
        super().__init__(limit)
        self._on_http_message = on_http_message

    async def start(self) -> None:
        self._worker = start(self._work())

    def is_caller(self) -> bool:
        """Whether the callback itself asks, which can't be waited for here."""
        return asyncio.current_task() is self._worker

    async def drain(self, deadline: Deadline) -> int:
        self._queue.close()
        await wait_until(deadline, self._worker)
        return self.ledger.close("drain_timeout")

    async def _work(self) -> None:
        while (record := await self._queue.get()) is not None:
            await self._call(message_from_record(json.loads(record)))
            self._queue.done(record)
            # A callback that never awaits must not keep the event loop for itself.
            await asyncio.sleep(0)

    async def _call(self, message: HttpMessage) -> None:
        try:
            result = self._on_http_message(message)
            if inspect.isawaitable(result):
                await result
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            self._failed("CancelledError")  # it was the callback's own
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - what it raises is its own affair: no end of the sink or the loop
            self._failed(type(error).__name__, error)
        else:
            self.ledger.deliver(1)

    def _failed(self, name: str, error: BaseException | None = None) -> None:
        self.ledger.drop("callback_failed")
        _log.error("on_http_message raised", exc_info=error, extra={"event": "callback_failed", "error": name})


class IteratorSink(MessageQueue):
    """`async for message in sniffer`. Nobody waits for it: who iterates may never come back."""

    name = "iterator"

    @property
    def has_room(self) -> bool:
        return True

    def offer(self, batch: Batch, *, force: bool) -> None:  # noqa: ARG002
        super().offer(batch, force=False)

    async def start(self) -> None:
        pass

    async def next(self) -> HttpMessage | None:
        """None at the end."""
        record = await self._queue.get()
        if record is None:
            return None
        self._queue.done(record)
        self.ledger.deliver(1)
        return message_from_record(json.loads(record))

    def leave(self) -> None:
        """Nobody iterates any more."""
        self.ledger.close("sink_closed")
        self._queue.close()

    async def drain(self, deadline: Deadline) -> int:  # noqa: ARG002 - what is queued stays there for whoever iterates
        self._queue.close()
        return 0
