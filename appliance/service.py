"""What `tcp-sniffer run` is once the capture is open: sinks, status, signals, and staying when all fails."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from appliance import exit_codes, failure, log, outputs, ready
from appliance.config import ConfigError, Draft, Settings
from appliance.engine import Engine, EngineError, confine
from appliance.opening import Opening
from appliance.run import Run
from appliance.shared_library import LibraryError
from appliance.sinks.own import Include, nothing
from appliance.sinks.writer import Render

if TYPE_CHECKING:
    from appliance.metrics.model import Family
    from appliance.metrics.otlp import Measured, OtlpExport
    from appliance.status import StatusServer

_log = logging.getLogger("tcp_sniffer")

# Seconds between attempts to open the capture under `onFatal: idle`.
IDLE_RETRY = 30.0


class Service:
    def __init__(self, open_again: Callable[[], Opening], stop: asyncio.Event, render: Render | None) -> None:
        self._open_again = open_again
        self._stop = stop
        self._render = render
        self._instance = os.urandom(16).hex()
        self._run: Run | None = None
        self._status: StatusServer | None = None
        self._otlp: OtlpExport | None = None
        self._since = time.time_ns()
        # Then this process can't open another capture: to try again is up to who started it.
        self._confined = False

    async def serve(self, opening: Opening) -> int:
        """Returns the process's exit code."""
        try:
            while True:
                code = await self._attempt(opening)
                if code is None:
                    return 0 if self._run is None or not self._run.lost else exit_codes.DRAIN_TIMED_OUT
                if self._confined or not _stays(opening.draft):
                    return code
                if await self._idle(opening.draft):
                    return 0
                opening = self._open_again()
        finally:
            ready.clear()
            if self._otlp is not None:
                await self._otlp.stop()
            if self._status is not None:
                await self._status.stop()

    async def _attempt(self, opening: Opening) -> int | None:
        """One capture from its opening to its end. None when it was stopped, else the failure's exit code."""
        _configure_log(opening.draft)
        try:
            settings, engine = opening.settle()
            await self._capture(settings, engine)
        except (ConfigError, EngineError, LibraryError) as error:
            failure.write_log(error)
            return failure.exit_code(error)
        return None

    async def _capture(self, settings: Settings, engine: Engine) -> None:
        if problem := ready.write(ready.CAPTURE_OPEN):
            _log.warning("the ready file cannot be written", extra={"event": "no_ready_file", "error": str(problem)})
        for warning in settings.warnings:
            _log.warning(warning, extra={"event": "configuration"})
        try:
            sinks = outputs.build(
                settings,
                instance=self._instance,
                exclude=engine.exclude,
                queue_size=settings.queue_size(),
                render=self._render,
            )
            self._confine()
            self._run, self._since = Run(settings, engine, sinks), time.time_ns()
            await self._run.start()
        except BaseException:
            engine.close()
            raise
        await self._serve_status(settings.values)
        self._send_metrics(settings)
        await self._until_over(self._run)

    def _confine(self) -> None:
        """Before any thread is started but the log's: privileges are given up for each thread alone."""
        if self._confined:
            return
        self._confined = True
        try:
            confine()
        except EngineError as error:
            _log.warning(
                "the process could not give up its privileges: it goes on with them",
                extra={"event": "not_confined", "error": str(error)},
            )

    async def _until_over(self, run: Run) -> None:
        stop = asyncio.create_task(self._stop.wait())
        await asyncio.wait([stop, run.over], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        run.request_stop()
        await run.over
        if run.error is not None:
            raise run.error

    async def _serve_status(self, values: Any) -> None:
        """Started once and kept, also while there is no capture."""
        if self._status is not None or "statusListen" not in values:
            return
        from appliance.status import StatusServer

        self._status = StatusServer(values["statusListen"], self._measure, self._capture_is_open)
        await self._status.start()

    def _send_metrics(self, settings: Settings) -> None:
        """Started once and kept, like the status server."""
        from appliance.metrics.otlp import OtlpExport, metrics_url

        url = metrics_url(settings.values.get("otlpEndpoint"))
        if self._otlp is not None or url is None:
            return
        self._otlp = OtlpExport(
            url,
            self._measure_since,
            exclude=self._exclude,
            instance=self._instance,
            placement=settings.placement,
        )
        self._otlp.start()

    def _exclude(self, address: str, port: int) -> Include:
        return self._run.exclude(address, port) if self._run is not None else nothing

    def _measure_since(self) -> Measured:
        from appliance.metrics.otlp import Measured

        return Measured(self._measure(), self._since)

    def _measure(self) -> list[Family]:
        from appliance.metrics import families

        return self._run.measure() if self._run else families({}, {}, capture_open=False)

    def _capture_is_open(self) -> bool:
        return self._run is not None and self._run.capturing

    async def _idle(self, draft: Draft) -> bool:
        """Waits for the next attempt; True when asked to stop meanwhile."""
        ready.write(ready.IDLE)
        with contextlib.suppress(ValueError, TypeError, AttributeError):  # a mistake in statusListen itself
            await self._serve_status(draft.values)
        _log.warning("idle: tries again later", extra={"event": "idle", "seconds": IDLE_RETRY})
        try:
            async with asyncio.timeout(IDLE_RETRY):
                return await self._stop.wait()
        except TimeoutError:
            return False


def _stays(draft: Draft) -> bool:
    return draft.values.get("onFatal") == "idle"


def _configure_log(draft: Draft) -> None:
    """The level may be a mistake itself; then the log that says so has the usual one."""
    level = draft.values.get("logLevel")
    log.configure(level if level in ("debug", "info", "warning", "error") else "info", draft.placement, _confine_log)


def _confine_log() -> None:
    """The log's thread is there before this one is confined, and says where that fails: it tries the same."""
    with contextlib.suppress(EngineError, LibraryError):
        confine()
