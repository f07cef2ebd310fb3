"""A sink's workers: from their start to their end, none of them unseen."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from appliance.sinks.deadline import Deadline

_log = logging.getLogger("tcp_sniffer")


def start(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """As a task. What ends it before its time is a defect, which the log tells."""
    task = asyncio.create_task(work)
    task.add_done_callback(_tell_death)
    return task


def _tell_death(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        fields = {"event": "worker_failed", "error": f"{type(error).__name__}: {error}"}
        _log.error("a part of an output ended by a defect: records may stay undelivered", exc_info=error, extra=fields)


async def wait_until(deadline: Deadline, *workers: asyncio.Task[None]) -> None:
    """Until all of them ended, or the deadline; those that are still at it then are cancelled."""
    await deadline.wait(*workers)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
