"""Delivery from memory: some tries, then a record is given up."""

from __future__ import annotations

import asyncio
import contextlib
import math

from appliance.ledger import SinkLedger
from appliance.sinks import retry
from appliance.sinks.batches import Batches, Gathered
from appliance.sinks.breaker import CircuitBreaker
from appliance.sinks.deadline import Deadline
from appliance.sinks.post import Poster
from appliance.sinks.workers import start, wait_until


class DirectDelivery:
    def __init__(
        self, batches: Batches, poster: Poster, breaker: CircuitBreaker, ledger: SinkLedger, concurrency: int
    ) -> None:
        self._batches = batches
        self._poster = poster
        self._breaker = breaker
        self._ledger = ledger
        self._deadline = math.inf
        self._hurrying = asyncio.Event()
        self._workers = [start(self._work()) for _ in range(concurrency)]

    async def drain(self, deadline: Deadline) -> None:
        deadline.when_set(self._hurry)
        await wait_until(deadline, *self._workers)

    def _hurry(self, deadline: float) -> None:
        self._deadline = deadline
        self._breaker.hurry(deadline)
        self._hurrying.set()

    async def _work(self) -> None:
        while gathered := await self._batches.next():
            await self._deliver(gathered)
            self._batches.done(gathered)

    async def _deliver(self, gathered: Gathered) -> None:
        delivery = gathered.delivery
        attempt = 0
        while True:
            probe = await self._breaker.enter()
            failure = await self._poster.post(delivery)
            self._breaker.report(failure, probe)
            if failure is None:
                self._ledger.deliver(delivery.records)
                return
            if not failure.again or attempt == len(retry.DELAYS):
                self._ledger.drop("post_failed", delivery.records)
                self._poster.say_failed(failure, attempt + 1, delivery.records)
                return
            await self._pause(retry.delay(attempt, failure.retry_after))
            attempt += 1

    async def _pause(self, seconds: float) -> None:
        """Waits before a retry. When the end is near, no longer than half the time that is left."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                await self._hurrying.wait()
            await asyncio.sleep(min(end, (loop.time() + self._deadline) / 2) - loop.time())
