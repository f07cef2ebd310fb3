"""Which records were made and which came, compared one by one as they go by: hours of them take no memory."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
from collections.abc import Iterator
from hashlib import blake2b

from bench.collector import captured

OLD_ENOUGH = 1.0  # seconds before a kill
_PIPE = 1 << 20  # bytes that may wait while this process does something else


class Account:
    """One that was made stays here until it comes, one that came until it is seen made. The line's digest knows it."""

    def __init__(self) -> None:
        self.made = self.came = 0
        self._lock = threading.Lock()
        # When each was captured.
        self._missing: dict[bytes, float] = {}
        self._unknown: dict[bytes, float] = {}
        self._kills: list[tuple[float, float]] = []

    def make(self, line: bytes) -> None:
        with self._lock:
            self.made += 1
            _match(line, self._missing, self._unknown)

    def come(self, line: bytes) -> None:
        """Only once of a POST that came twice with one key."""
        with self._lock:
            self.came += 1
            _match(line, self._unknown, self._missing)

    def kill(self, sent: float, died: float) -> None:
        self._kills.append((sent - OLD_ENOUGH, died))

    def missing(self) -> int:
        """Records that were made and did not come."""
        return self._old_enough(self._missing)

    def unknown(self) -> int:
        """Records that came and were not made, or came with a second key."""
        return self._old_enough(self._unknown)

    def _old_enough(self, when: dict[bytes, float]) -> int:
        """But for those that a kill may have cost, or kept from stdout."""
        return sum(not any(first <= at <= last for first, last in self._kills) for at in when.values())


def _match(line: bytes, own: dict[bytes, float], others: dict[bytes, float]) -> None:
    digest = blake2b(line, digest_size=16).digest()
    if others.pop(digest, None) is None:
        own[digest] = captured(json.loads(line))


@contextlib.contextmanager
def listening(account: Account) -> Iterator[int]:
    """A descriptor for a sniffer's stdout: the records that it makes. All are read once the sniffer has ended."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE)
    thread = threading.Thread(target=_read, args=(reading, account))
    thread.start()
    try:
        yield writing
    finally:
        os.close(writing)
        thread.join()


def _read(descriptor: int, account: Account) -> None:
    with os.fdopen(descriptor, "rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):  # a kill may cut the last one
                account.make(line[:-1])
