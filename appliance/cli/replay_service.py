"""A replay to a collector, or with a status server: the same outputs as the live capture's."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import TYPE_CHECKING

import uvloop

from appliance import exit_codes, log, outputs
from appliance.cli.plain_log import level_beside
from appliance.run import Run
from appliance.sinks.stdout import StdoutSink

if TYPE_CHECKING:
    from appliance.cli.progress import Progress
    from appliance.cli.signals import Signals
    from appliance.config import Settings
    from appliance.engine import Engine
    from appliance.sinks.writer import Render

_LOOK_EVERY = 0.2


def deliver(
    settings: Settings, engine: Engine, signals: Signals, render: Render | None, progress: Progress | None
) -> int:
    log.configure(level_beside(progress, settings), settings.placement)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_deliver(settings, engine, signals, render, progress))


async def _deliver(
    settings: Settings, engine: Engine, signals: Signals, render: Render | None, progress: Progress | None
) -> int:
    sinks = outputs.build(
        settings,
        instance=os.urandom(16).hex(),
        exclude=engine.exclude,
        queue_size=settings.queue_size(),
        render=render,
    )
    run = Run(settings, engine, sinks, replay=True)
    await run.start()
    signals.attach(asyncio.get_running_loop())
    signals.on_stop(run.request_stop)
    await _with_status(settings, run, _until_over(run, progress))
    if run.error is not None:
        raise run.error
    if run.lost:
        return exit_codes.DRAIN_TIMED_OUT
    return exit_codes.OTHER if any(sink.closed for sink in sinks if isinstance(sink, StdoutSink)) else 0


async def _with_status(settings: Settings, run: Run, work: Coroutine[None, None, None]) -> None:
    if "statusListen" not in settings.values:
        await work
        return
    from appliance.status import StatusServer

    server = StatusServer(settings.values["statusListen"], run.measure, lambda: run.capturing)
    await server.start()
    try:
        await work
    finally:
        await server.stop()


async def _until_over(run: Run, progress: Progress | None) -> None:
    while not run.over.done():
        if progress is not None:
            progress.show(run.stats())
        await asyncio.wait([run.over], timeout=_LOOK_EVERY)
    await run.over
