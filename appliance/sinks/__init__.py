"""Where records go. One module for each kind of output, imported only when it is in use."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from appliance.engine import Batch
from appliance.ledger import SinkLedger

if TYPE_CHECKING:
    # A replay to stdout alone does without an event loop.
    from appliance.sinks.deadline import Deadline


class Sink(Protocol):
    """An output with a queue that is bounded in bytes."""

    name: str
    ledger: SinkLedger
    # Called on the event loop after has_room turned true.
    on_room: Callable[[], None]

    @property
    def has_room(self) -> bool: ...

    async def start(self) -> None: ...

    def offer(self, batch: Batch, *, force: bool) -> None:
        """Takes the batch's records, never waits. What does not fit is dropped and counted, unless forced."""

    async def drain(self, deadline: Deadline) -> int:
        """Delivers what is queued and ends. Returns how many records the deadline left."""


def nothing_to_do() -> None:
    """What a sink calls for room as long as nobody waits for it."""
