"""When a drain has to be over."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any


class Deadline:
    """A time of the event loop. There is none until set() names it, which may be while a drain waits."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._calls: list[Callable[[float], object]] = []

    def set(self, at: float) -> None:
        """Once: a later time changes nothing."""
        if self._at is None:
            self._at = at
            for call in self._calls:
                call(at)

    def when_set(self, call: Callable[[float], object]) -> None:
        """Calls it with the time as soon as that is known."""
        if self._at is None:
            self._calls.append(call)
        else:
            call(self._at)

    async def wait(self, *awaited: asyncio.Future[Any]) -> bool:
        """Until all of them are done, which it returns, or until the deadline. Cancels nothing."""
        if awaited:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._at) as timeout:
                    self._calls.append(timeout.reschedule)
                    try:
                        await asyncio.wait(awaited)
                    finally:
                        self._calls.remove(timeout.reschedule)
        return all(each.done() for each in awaited)
