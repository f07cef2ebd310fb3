"""The collector and the odd traffic, in an event loop of their own beside the thread that directs them."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Coroutine
from typing import Any, Self

from bench.soak.account import Account
from bench.soak.collector import Collector
from bench.soak.traffic import odd


class Background:
    def __init__(self, target: int, collector: int, seed: int) -> None:
        self.account = Account()
        self.collector = Collector(collector, self.account)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._target, self._chance = target, random.Random(seed)
        self._traffic: asyncio.Task[None] | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def change(self, mood: str) -> None:
        self._do(self.collector.change(mood))

    def quiet(self) -> None:
        """No more odd traffic."""
        self._do(self._end_traffic())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _start(self) -> None:
        self._traffic = asyncio.create_task(odd(self._target, self._chance))

    async def _end_traffic(self) -> None:
        if self._traffic is not None:
            self._traffic.cancel()
            await asyncio.wait([self._traffic])
            if not self._traffic.cancelled() and (error := self._traffic.exception()):
                raise error
            self._traffic = None

    async def _stop(self) -> None:
        await self._end_traffic()
        await self.collector.stop()
        # Answers that the collector's mood holds back.
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
