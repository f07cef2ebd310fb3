"""A collector whose mood changes."""

from __future__ import annotations

import asyncio
from collections import Counter
from hashlib import blake2b

from aiohttp import web

from bench.soak.account import Account

MOODS = ("well", "away", "hangs", "slow", "500", "429", "cuts off", "half 500")


class Collector:
    """`keys`: of each key how often a POST with it was answered 200. What each holds is told to the account, once."""

    def __init__(self, port: int, account: Account) -> None:
        self.mood = "well"
        self._account = account
        self.keys: Counter[bytes] = Counter()
        self._port = port
        self._turn = 0
        self._runner: web.AppRunner | None = None

    async def change(self, mood: str) -> None:
        self.mood = mood
        if mood == "away":
            await self.stop()
        elif self._runner is None:
            await self._start()

    async def _start(self) -> None:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self._turn += 1
        if self.mood == "hangs":
            await asyncio.sleep(60)
        if self.mood == "slow":
            await asyncio.sleep(0.5)
        if self.mood == "500" or (self.mood == "half 500" and self._turn % 2):
            return web.Response(status=500)
        if self.mood == "429":
            return web.Response(status=429, headers={"Retry-After": "3"})
        if self.mood == "cuts off":
            if request.transport is not None:
                request.transport.abort()
        else:
            self._keep(request.headers["Idempotency-Key"], body.splitlines())
        return web.Response()

    def _keep(self, key: str, lines: list[bytes]) -> None:
        digest = blake2b(key.encode(), digest_size=12).digest()
        if not self.keys[digest]:
            for line in lines:
                self._account.come(line)
        self.keys[digest] += 1
