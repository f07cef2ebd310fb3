"""SIGTERM and SIGINT from the process's first moment: the first asks to stop, the second exits at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """Installed before the capture opens: as a container's first process it would else be deaf to SIGTERM."""

    def __init__(self) -> None:
        self.requested = False
        self._on_stop: Callable[[], object] | None = None
        for number in _SIGNALS:
            signal.signal(number, self._handle)

    def on_stop(self, call: Callable[[], object]) -> None:
        """Calls it on the first signal; at once if that came already."""
        self._on_stop = call
        if self.requested:
            call()

    def attach(self, loop: AbstractEventLoop) -> None:
        """From now on by way of the event loop: a handler alone would not wake it."""
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._handle)

    def _handle(self, *_: object) -> None:
        if self.requested:
            os._exit(1)
        self.requested = True
        if self._on_stop is not None:
            self._on_stop()
