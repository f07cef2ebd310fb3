"""The end of a sink's workers."""

from __future__ import annotations

import asyncio


async def wait_until(deadline: float | None, *workers: asyncio.Task[None]) -> None:
    """Until all of them ended, or the deadline; those that are still at it then are cancelled."""
    timeout = None if deadline is None else max(0, deadline - asyncio.get_running_loop().time())
    await asyncio.wait(workers, timeout=timeout)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
