"""Writing records to a descriptor. No asyncio: a replay to stdout does without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from appliance.descriptor import write_all
from appliance.ledger import SinkLedger


class Render(Protocol):
    """Shows records in another form than their own."""

    def render(self, lines: bytes | memoryview) -> bytes: ...

    def rest(self) -> bytes:
        """What was kept back, at the end."""


class Writer:
    """Writes record lines to a descriptor until that fails for good; says so once."""

    def __init__(self, fd: int, ledger: SinkLedger, on_error: Callable[[OSError], None], render: Render | None = None):
        self._fd = fd
        self._ledger = ledger
        self._on_error = on_error
        self._render = render
        self.closed = False

    def write(self, lines: bytes | memoryview, count: int) -> None:
        if self.closed:
            self._ledger.drop("sink_closed", count)
            return
        text = self._render.render(lines) if self._render else lines
        written, error = write_all(self._fd, text)
        if error is None:
            self._ledger.deliver(count)
            return
        self.closed = True
        whole = 0 if self._render else bytes(lines[:written]).count(b"\n")
        self._ledger.deliver(whole)
        self._ledger.drop("sink_closed", count - whole)
        self._on_error(error)

    def end(self) -> None:
        if self._render and not self.closed:
            write_all(self._fd, self._render.rest())
