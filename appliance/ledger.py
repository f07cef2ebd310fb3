"""What became of the records that one sink was offered."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any


def sum_of(one: dict[str, Any] | None, other: dict[str, Any]) -> dict[str, Any]:
    """Two snapshots of sinks with one name as one."""
    if one is None:
        return other
    added = {name: one[name] + other[name] for name in ("produced", "delivered", "queued")}
    return one | added | {"dropped": dict(Counter(one["dropped"]) + Counter(other["dropped"]))}


class SinkLedger:
    """produced = delivered + those dropped by reason + queued, at every moment and from any thread.

    With a spool: produced + recovered = delivered + dropped + queued + spooled. `recovered` are those that an earlier
    process left there, `spooled` those that are there now.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self.produced = 0
        self.delivered = 0
        self.queued = 0
        self.dropped: Counter[str] = Counter()
        self.recovered: int | None = None
        self.spooled = 0
        # How the output is doing, by name; 0 and 1 stand for no and yes.
        self.gauges: dict[str, int] = {}

    def produce(self, count: int) -> None:
        with self._lock:
            self.produced += count
            self.queued += count

    def deliver(self, count: int) -> None:
        with self._lock:
            if not self._closed:
                self.delivered += count
                self.queued -= count

    def drop(self, reason: str, count: int = 1) -> None:
        with self._lock:
            if count and not self._closed:
                self.dropped[reason] += count
                self.queued -= count

    def recover(self, count: int) -> None:
        """A spool is there, and holds so many of an earlier process."""
        with self._lock:
            self.recovered = count
            self.spooled = count

    def spool(self, count: int) -> None:
        """From the queue to the disk."""
        with self._lock:
            if not self._closed:
                self.queued -= count
                self.spooled += count

    def deliver_spooled(self, count: int) -> None:
        with self._lock:
            if not self._closed:
                self.delivered += count
                self.spooled -= count

    def drop_spooled(self, reason: str, count: int) -> None:
        with self._lock:
            if count and not self._closed:
                self.dropped[reason] += count
                self.spooled -= count

    def close(self, reason: str) -> int:
        """Counts what is still queued as dropped and returns how many that are. Nothing counts after this."""
        with self._lock:
            lost, self.queued = self.queued, 0
            if lost:
                self.dropped[reason] += lost
            self._closed = True
            return lost

    def snapshot(self) -> dict[str, Any]:
        with self._lock:
            snapshot: dict[str, Any] = {
                "produced": self.produced,
                "delivered": self.delivered,
                "queued": self.queued,
                "dropped": dict(self.dropped),
            }
            if self.recovered is not None:
                snapshot |= {"recovered": self.recovered, "spooled": self.spooled}
            return snapshot | self.gauges
