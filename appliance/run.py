"""One capture, from the open engine to the last delivered record."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from appliance.config import Settings
from appliance.engine import OK, Engine, EngineError
from appliance.ledger import sum_of
from appliance.pipeline import Pipeline
from appliance.reports import Reports
from appliance.sinks import Sink
from appliance.sinks.deadline import Deadline
from appliance.sinks.own import Include, nothing

if TYPE_CHECKING:
    from appliance.metrics.model import Family

_log = logging.getLogger("tcp_sniffer")

# The kernel hands packets over with a delay (seconds): only after it "no exchange is open" is true.
_KERNEL_DELAY = 0.1
_LOOK_EVERY = 0.02


class Run:
    """Owns the engine and the sinks. Once started it ends by itself when asked to, or with the capture."""

    def __init__(self, settings: Settings, engine: Engine, sinks: Sequence[Sink], *, replay: bool = False) -> None:
        self._settings = settings
        self._engine = engine
        self._sinks = list(sinks)
        self._removed: dict[str, dict[str, Any]] = {}  # what sinks that are gone had counted, by name
        self._replay = replay
        self._draining = False
        self._stop_requested = asyncio.Event()
        self._last_stats: dict[str, Any] | None = None
        self._last_exchanges: dict[str, Any] | None = None
        self._reports = Reports(settings, engine, self.stats)
        # Once the run is over: the error that ended the capture, and records no sink could deliver in time.
        self.error: EngineError | None = None
        self.lost = 0

    async def start(self, *, embedded: str = "") -> None:
        """`embedded`: how the program around takes messages, beside the configured outputs."""
        for sink in self._sinks:
            await sink.start()
        self._pipeline = Pipeline(self._engine, self._sinks, self._reports.events.write)
        self._pipeline.lossless = self._replay
        if self._replay:
            self._reports.watch()
        else:
            self._reports.start(embedded)
        self.over = asyncio.create_task(self._until_over())

    @property
    def capturing(self) -> bool:
        """Whether packets are read: not any more while what came of them is delivered."""
        return not self._draining and not self.over.done() and self._engine.finished() is None

    def request_stop(self) -> None:
        self._stop_requested.set()

    def add(self, sink: Sink) -> None:
        self._sinks.append(sink)
        self._pipeline.add(sink)

    def remove(self, sink: Sink) -> None:
        self._sinks.remove(sink)
        self._pipeline.remove(sink)
        self._removed[sink.name] = sum_of(self._removed.get(sink.name), sink.ledger.snapshot())

    def exclude(self, address: str, port: int) -> Include:
        """From now on no connection with this local end is captured."""
        return self._engine.exclude(address, port) if self._last_stats is None else nothing

    def stats(self) -> dict[str, Any]:
        """The engine's ledger and the sinks'; after the end, how it stood then."""
        engine = self._last_stats if self._last_stats is not None else self._engine.stats()
        sinks = dict(self._removed)
        for sink in self._sinks:
            sinks[sink.name] = sum_of(sinks.get(sink.name), sink.ledger.snapshot())
        return {**engine, "sinks": sinks}

    def measure(self) -> list[Family]:
        """All that others read: the ledger, and the engine's histograms of exchanges."""
        from appliance.metrics import families

        exchanges = self._last_exchanges if self._last_exchanges is not None else self._engine.exchanges()
        return families(self.stats(), exchanges, capture_open=self.capturing)

    async def _until_over(self) -> None:
        try:
            await self._capture()
            await self._drain()
        finally:
            self._reports.stop()
            self._pipeline.close()
            self._last_stats = self._engine.stats()
            self._last_exchanges = self._engine.exchanges()
            self._engine.close()
        self._reports.end("the replay ended" if self._replay else "the capture ended")

    async def _capture(self) -> None:
        """Until the capture ends by itself, or is asked to and no exchange is open."""
        stop: asyncio.Future[bool] = asyncio.ensure_future(self._stop_requested.wait())
        await asyncio.wait((stop, self._pipeline.finished), return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if self._pipeline.finished.done():
            status = self._pipeline.finished.result()
            self.error = None if status == OK else self._engine.error(status)
        elif not self._replay:
            await self._until_quiet()

    async def _until_quiet(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        deadline, earliest = now + self._settings.values["shutdownCaptureMs"] / 1000, now + _KERNEL_DELAY
        while (now := loop.time()) < deadline and not self._pipeline.finished.done():
            if now >= earliest and not self._engine.stats()["gauges"]["openExchanges"]:
                return
            await asyncio.sleep(_LOOK_EVERY)

    async def _drain(self) -> None:
        """Delivers everything that was captured, as far as the time goes."""
        deadline = Deadline()
        limit = asyncio.create_task(self._limit(deadline))
        self._draining = True
        self._engine.stop()
        self._pipeline.finish()
        unread = await self._read_to_end(deadline)
        for sink in self._sinks:
            sink.ledger.produce(unread)
        self.lost = sum(await asyncio.gather(*(sink.drain(deadline) for sink in self._sinks)))
        limit.cancel()
        if self.lost:
            _log.error(
                "the time for delivery was over before everything was delivered",
                extra={"event": "drain_timeout", "lost": self.lost},
            )

    async def _limit(self, deadline: Deadline) -> None:
        """A replay at its files' end has all the time, until it is asked to stop."""
        if self._replay:
            await self._stop_requested.wait()
        deadline.set(asyncio.get_running_loop().time() + self._settings.values["shutdownTimeoutMs"] / 1000)

    async def _read_to_end(self, deadline: Deadline) -> int:
        """Returns how many records could not be handed on in time."""
        in_time = await deadline.wait(self._pipeline.finished)
        return 0 if in_time else self._pipeline.abandon()
