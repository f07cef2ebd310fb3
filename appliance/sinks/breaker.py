"""A circuit breaker: a collector that takes nothing is probed now and then, not hammered."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from appliance.ledger import SinkLedger
from appliance.sinks import retry
from appliance.sinks.post import Failure

_log = logging.getLogger("tcp_sniffer.http")

# So many failures in a row open it: one answer in two that fails hardly ever makes so many.
FAILURES = 10
# Seconds to the first probe; each that fails doubles them.
_FIRST_PROBE, _LAST_PROBE = 1.0, 30.0


class CircuitBreaker:
    """Closed: all may POST. Open: nobody. Half open: one does, the probe, and its outcome decides.

    A collector that asks for patience (Retry-After) opens it at once, for so long.
    """

    def __init__(self, shown_url: str, ledger: SinkLedger) -> None:
        self._url = shown_url
        self._ledger = ledger
        self._failures = 0
        self._opened: float | None = None
        self._probing = False
        self._probe_at = 0.0
        self._interval = _FIRST_PROBE
        self._deadline: float | None = None
        self._changed = asyncio.Event()
        ledger.gauges["circuitOpen"] = 0

    @property
    def closed(self) -> bool:
        return self._opened is None

    async def enter(self) -> bool:
        """Waits until a POST may be sent. True when it is the probe: then report() or leave() has to follow."""
        while not self.closed:
            now = asyncio.get_running_loop().time()
            if not self._probing and now >= self._probe_at:
                self._probing = True
                return True
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(None if self._probing else self._probe_at):
                    await self._changed.wait()
        return False

    def leave(self, probe: bool) -> None:
        """Nothing was sent."""
        if probe:
            self._probing = False
            self._changed.set()

    def report(self, failure: Failure | None, probe: bool) -> None:
        """An answer that is final, though it refuses the records, is a collector that lives."""
        if failure is None or not failure.again:
            self._close()
        else:
            self._failures += 1
            self._fail(failure, probe)
        self.leave(probe)

    def hurry(self, deadline: float) -> None:
        """The end is near: probes leave at most half of the time that is left."""
        self._deadline = deadline
        self._probe_at = self._limited(self._probe_at)
        self._changed.set()

    def _fail(self, failure: Failure, probe: bool) -> None:
        patience = retry.parse_retry_after(failure.retry_after)
        if self.closed:
            if self._failures < FAILURES and not patience:
                return
            self._open(failure, max(_FIRST_PROBE, patience))
        elif probe:
            self._interval = min(self._interval * 2, _LAST_PROBE)
        now = asyncio.get_running_loop().time()
        if probe or patience:
            self._probe_at = self._limited(now + max(retry.spread(self._interval), patience))

    def _open(self, failure: Failure, seconds: float) -> None:
        self._opened = asyncio.get_running_loop().time()
        self._probe_at = self._limited(self._opened + retry.spread(seconds))
        self._ledger.gauges["circuitOpen"] = 1
        _log.warning(
            "the collector takes nothing: from now on it is only probed",
            extra={
                "event": "circuit_open",
                "url": self._url,
                "error": failure.error,
                "failures": self._failures,
                "probeSeconds": round(seconds, 1),
            },
        )

    def _close(self) -> None:
        self._failures = 0
        if self._opened is None:
            return
        seconds = asyncio.get_running_loop().time() - self._opened
        self._opened, self._interval = None, _FIRST_PROBE
        self._ledger.gauges["circuitOpen"] = 0
        self._changed.set()
        _log.info(
            "the collector answers again",
            extra={"event": "circuit_closed", "url": self._url, "seconds": round(seconds, 1)},
        )

    def _limited(self, time: float) -> float:
        if self._deadline is None:
            return time
        return min(time, (asyncio.get_running_loop().time() + self._deadline) / 2)
