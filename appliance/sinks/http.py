"""POST: each record, or a batch of them as NDJSON, to a collector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from appliance.engine import SELF_DELIVERY, Batch
from appliance.ledger import SinkLedger
from appliance.sinks import nothing_to_do
from appliance.sinks.batches import Batches
from appliance.sinks.breaker import CircuitBreaker
from appliance.sinks.deadline import Deadline
from appliance.sinks.direct import DirectDelivery
from appliance.sinks.post import OpenSession, Poster
from appliance.sinks.record_queue import RecordQueue

if TYPE_CHECKING:
    from appliance.sinks.spool import SpoolOptions


@dataclass(frozen=True, kw_only=True)
class PostOptions:
    url: str
    shown_url: str  # without user, password and query
    instance: str
    timeout: float  # seconds, for one POST
    concurrency: int
    queue_size: int
    max_messages: int
    max_bytes: int
    max_delay: float  # seconds
    spool: SpoolOptions | None = None


class _Courier(Protocol):
    async def drain(self, deadline: Deadline) -> None: ...


class HttpSink:
    name = "http"

    def __init__(self, options: PostOptions, open_session: OpenSession) -> None:
        self.ledger = SinkLedger()
        self.on_room: Callable[[], None] = nothing_to_do
        self._options = options
        self._open_session = open_session
        self._queue = RecordQueue(options.queue_size, lambda: self.on_room())

    async def start(self) -> None:
        options = self._options
        self._poster = Poster(self._open_session, options.url, options.shown_url, options.timeout)
        batches = Batches(
            self._queue,
            instance=options.instance,
            max_messages=options.max_messages,
            max_bytes=options.max_bytes,
            max_delay=options.max_delay,
        )
        breaker = CircuitBreaker(options.shown_url, self.ledger)
        self._courier = await self._start(batches, breaker)

    async def _start(self, batches: Batches, breaker: CircuitBreaker) -> _Courier:
        concurrency = self._options.concurrency
        if self._options.spool is not None:
            from appliance.sinks.spool import Spool
            from appliance.sinks.spooled import SpooledDelivery

            spool = Spool(self._options.spool, self.ledger)
            if await spool.open():
                return SpooledDelivery(batches, self._poster, breaker, self.ledger, spool, concurrency)
        return DirectDelivery(batches, self._poster, breaker, self.ledger, concurrency)

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

    async def drain(self, deadline: Deadline) -> int:
        self._queue.close()
        await self._courier.drain(deadline)
        await self._poster.close()
        return self.ledger.close("drain_timeout")
