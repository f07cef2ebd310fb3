"""Delivery with a spool: what the collector does not take, or not soon, goes to disk and is sent again from there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

from appliance.ledger import SinkLedger
from appliance.sinks import retry
from appliance.sinks.batches import Batches, Gathered
from appliance.sinks.breaker import CircuitBreaker
from appliance.sinks.deadline import Deadline
from appliance.sinks.post import Failure, Poster
from appliance.sinks.spool import Spool, SpoolError
from appliance.sinks.workers import start
from appliance.spool.delivery import Delivery

_log = logging.getLogger("tcp_sniffer.http")

# Seconds that a record is in memory alone: for a free connection, and then for the answer. A kill loses no older one.
_SAFE_AFTER = 0.4
# Deliveries a second from the spool, beside the new ones, and connections for them: a quarter, but few.
_AGAIN_A_SECOND = 500
_MOST_AGAIN = 4
_LOOK_EVERY = 1.0
# Seconds between warnings of what went to disk.
_WARN_EVERY = 60.0


class SpooledDelivery:
    def __init__(
        self,
        batches: Batches,
        poster: Poster,
        breaker: CircuitBreaker,
        ledger: SinkLedger,
        spool: Spool,
        concurrency: int,
    ) -> None:
        again = max(1, min(concurrency // 4, _MOST_AGAIN))
        self._batches = batches
        self._poster = poster
        self._breaker = breaker
        self._ledger = ledger
        self._spool = spool
        self._new = asyncio.Semaphore(max(1, concurrency - again))
        self._again = asyncio.Semaphore(again)
        # No connection was free for a while: until one is, nothing waits for it.
        self._busy = False
        self._ending = False
        self._warned = -_WARN_EVERY
        self._attempts: set[asyncio.Task[None]] = set()
        self._posts: set[asyncio.Task[Failure | None]] = set()
        self._dispatcher = start(self._dispatch())
        self._redeliverer = start(self._redeliver())
        self._watcher = start(self._watch())

    async def drain(self, deadline: Deadline) -> None:
        """Delivers what it can; the rest stays on disk, for the next start."""
        loop = asyncio.get_running_loop()
        end = Deadline()
        # A tenth of the time is for the disk.
        deadline.when_set(lambda at: end.set(at - max(0.0, at - loop.time()) / 10))
        dispatched = await end.wait(self._dispatcher)
        self._ending = True
        self._spool.changed.set()
        if dispatched and self._breaker.closed:
            await end.wait(self._redeliverer)
            await end.wait(*self._attempts)
        self._redeliverer.cancel()
        for post in self._posts:
            post.cancel()  # its attempt goes on, to the disk
        await asyncio.gather(self._redeliverer, *self._attempts, return_exceptions=True)
        await self._dispatcher
        await asyncio.gather(*self._attempts)
        await self._close()

    async def _close(self) -> None:
        self._watcher.cancel()
        with contextlib.suppress(SpoolError):
            await self._spool.look()
        if left := self._spool.records:
            _log.warning(
                "records stay in the spool, for the next start", extra={"event": "spool_left", "records": left}
            )
        await self._spool.close()

    async def _dispatch(self) -> None:
        while gathered := await self._batches.next():
            if await self._may_post():
                self._start(self._attempt(gathered))
            else:
                await self._spill(gathered)

    async def _may_post(self) -> bool:
        """Takes a connection for new records, if one comes free soon enough."""
        if self._ending or not self._breaker.closed or (self._busy and self._new.locked()):
            return False
        self._busy = False
        try:
            async with asyncio.timeout(_SAFE_AFTER):
                await self._new.acquire()
        except TimeoutError:
            self._busy = True
            return False
        return True

    async def _spill(self, first: Gathered) -> None:
        """To disk, with all that is at hand: one transaction costs as much as another."""
        group, size = [first], len(first.delivery.body)
        while size < self._spool.group and (more := self._batches.at_hand()):
            group.append(more)
            size += len(more.delivery.body)
        await self._keep([gathered.delivery for gathered in group])
        for gathered in group:
            self._batches.done(gathered)

    async def _keep(self, deliveries: list[Delivery], *, due: float = 0) -> None:
        """To disk, or else given up and counted."""
        fitting = [delivery for delivery in deliveries if self._spool.fits(delivery)]
        records = sum(delivery.records for delivery in deliveries)
        kept = sum(delivery.records for delivery in fitting)
        self._ledger.drop("spool_too_large", records - kept)
        if fitting:
            try:
                await self._spool.put(fitting, due=due)
            except SpoolError:
                self._ledger.drop("spool_failed", kept)

    async def _attempt(self, gathered: Gathered) -> None:
        delivery, row = gathered.delivery, 0
        try:
            post = self._post(delivery)
            await asyncio.wait([post], timeout=_SAFE_AFTER)
            if not post.done() and self._spool.fits(delivery):
                with contextlib.suppress(SpoolError):
                    (row,) = await self._spool.put([delivery], in_hand=True)
            await self._settle(delivery._replace(row=row), await self._outcome(post))
        finally:
            self._batches.done(gathered)
            self._new.release()

    def _post(self, delivery: Delivery) -> asyncio.Task[Failure | None]:
        post = asyncio.create_task(self._poster.post(delivery))
        self._posts.add(post)
        post.add_done_callback(self._posts.discard)
        return post

    async def _outcome(self, post: asyncio.Task[Failure | None], probe: bool = False) -> Failure | None:
        """Of a POST that drain() cut short, too."""
        try:
            failure = await post
        except asyncio.CancelledError:
            return Failure("no answer before the end", again=True)
        self._breaker.report(failure, probe)
        return failure

    async def _redeliver(self) -> None:
        while True:
            await self._again.acquire()
            taken = await self._next_due()
            if taken is None:
                return
            self._start(self._attempt_again(*taken))
            await asyncio.sleep(1 / _AGAIN_A_SECOND)

    async def _next_due(self) -> tuple[Delivery, bool] | None:
        """The oldest on disk, and whether it is the probe. None at the end, once nothing is due."""
        while True:
            self._spool.changed.clear()
            if self._spool.records and not (self._ending and not self._breaker.closed):
                probe = await self._breaker.enter()
                with contextlib.suppress(SpoolError):
                    if delivery := await self._spool.take(asyncio.get_running_loop().time()):
                        return delivery, probe
                self._breaker.leave(probe)
            if self._ending:
                return None
            if not self._spool.records:
                await self._spool.compact()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._spool.changed.wait()

    async def _watch(self) -> None:
        """Beside all else, for where the collector is dead the others may wait for long."""
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            try:
                await self._spool.look()
            except SpoolError:
                await asyncio.sleep(_WARN_EVERY)  # another try may be a large copy

    async def _attempt_again(self, delivery: Delivery, probe: bool) -> None:
        try:
            await self._settle(delivery, await self._outcome(self._post(delivery), probe))
        finally:
            self._again.release()

    async def _settle(self, delivery: Delivery, failure: Failure | None) -> None:
        """What became of a POST; `row` says whether the disk has it."""
        row, attempts = delivery.row, delivery.attempts + 1
        if failure is not None and failure.again:
            self._warn(failure)
            due = asyncio.get_running_loop().time() + retry.backoff(attempts, failure.retry_after)
            if row:
                await self._spool.release(delivery, due)
            else:
                await self._keep([delivery._replace(attempts=attempts)], due=due)
            return
        # Nothing where it was evicted while it was on its way: it is counted as that.
        spooled = await self._spool.remove(delivery) if row else 0
        records = 0 if row else delivery.records
        if failure is None:
            self._ledger.deliver_spooled(spooled)
            self._ledger.deliver(records)
        else:
            self._ledger.drop_spooled("post_failed", spooled)
            self._ledger.drop("post_failed", records)
            self._poster.say_failed(failure, attempts, delivery.records)

    def _warn(self, failure: Failure) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._warned >= _WARN_EVERY:
            self._warned = now
            _log.warning(
                "the collector did not take a POST: it waits on disk and is tried again",
                extra={"event": "post_spooled", "url": self._poster.shown_url, "error": failure.error},
            )

    def _start(self, attempt: Coroutine[Any, Any, None]) -> None:
        task = start(attempt)
        self._attempts.add(task)
        task.add_done_callback(self._attempts.discard)
