"""What became of the records that one sink was offered."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any


class SinkLedger:
    """produced = delivered + those dropped by reason + queued, at every moment and from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self.produced = 0
        self.delivered = 0
        self.queued = 0
        self.dropped: Counter[str] = Counter()

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
            return {
                "produced": self.produced,
                "delivered": self.delivered,
                "queued": self.queued,
                "dropped": dict(self.dropped),
            }
