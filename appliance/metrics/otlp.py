"""Sends the measurements to an OpenTelemetry collector, now and then, on a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeVar
from urllib.parse import urlsplit

from appliance import extras
from appliance.config import hide_url
from appliance.metrics.model import Family
from appliance.sinks.own import Exclude, Include

if TYPE_CHECKING:
    from appliance.metrics.otlp_exporter import Exporter

_log = logging.getLogger("tcp_sniffer.otlp")

_INTERVAL = 60.0  # seconds, as the standard has it
_WARN_EVERY = 600.0
# What the end may wait for the last export, and an export for the event loop.
_LAST_EXPORT = 1.0
_LOOP_PATIENCE = 5.0

_T = TypeVar("_T")


class Measured(NamedTuple):
    families: Iterable[Family]
    since: int  # when the counting began: nanoseconds since the epoch


def metrics_url(endpoint: str | None) -> str | None:
    """Where the metrics go; None: nowhere. OTEL_SDK_DISABLED, and OTEL_METRICS_EXPORTER=none, switch them off."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    if os.environ.get("OTEL_METRICS_EXPORTER", "").strip().lower() == "none":
        return None
    if own := os.environ.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "").strip():
        return own
    if endpoint is None:
        return None
    parts = urlsplit(endpoint)
    return parts._replace(path=parts.path.rstrip("/") + "/v1/metrics").geturl()


class OtlpExport:
    """Never raises, whatever the collector does: a failure is one warning, again after ten minutes."""

    def __init__(
        self,
        url: str,
        measure: Callable[[], Measured],
        *,
        exclude: Exclude,
        instance: str,
        placement: Mapping[str, str],
    ) -> None:
        """`measure` and `exclude` are called on the event loop."""
        self._url = url
        self._measure = measure
        self._exclude = exclude
        self._instance = instance
        self._placement = placement
        self._exporter: Exporter | None = None
        self._failures = 0
        self._warned = float("-inf")

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self._repeat())

    async def stop(self) -> None:
        """Exports once more, unless that failed before or takes long."""
        self._stopping.set()
        await asyncio.wait([self._task], timeout=_LAST_EXPORT)
        self._task.cancel()
        if self._exporter is not None:
            self._exporter.shutdown()

    async def _repeat(self) -> None:
        try:
            self._exporter = await _in_thread(self._make_exporter)
            interval = _interval()
        except (ImportError, ValueError) as error:
            reason = extras.missing(error, "otlp") if isinstance(error, ImportError) else str(error)
            _log.error("the metrics are not sent", extra={"event": "otlp_unavailable", "error": reason})
            return
        _log.info("metrics are sent", extra={"event": "otlp_start", "url": hide_url(self._url), "seconds": interval})
        while not await self._stops_within(interval):
            await self._export(self._exporter)
        if not self._failures:
            await self._export(self._exporter)

    async def _stops_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._stopping.wait()
        except TimeoutError:
            return False

    def _make_exporter(self) -> Exporter:
        """On the thread: the imports alone take a second under a small CPU quota."""
        from appliance.metrics.otlp_exporter import Exporter

        return Exporter(self._url, exclude=self._exclude_on_loop, instance=self._instance, placement=self._placement)

    def _exclude_on_loop(self, address: str, port: int) -> Include:
        async def call() -> Include:
            return self._exclude(address, port)

        include = asyncio.run_coroutine_threadsafe(call(), self._loop).result(_LOOP_PATIENCE)
        return lambda: self._on_loop(include)

    def _on_loop(self, call: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, and so is the capture
            self._loop.call_soon_threadsafe(call)

    async def _export(self, exporter: Exporter) -> None:
        measured = self._measure()
        try:
            await _in_thread(lambda: exporter.export(measured.families, measured.since))
        except Exception as error:  # noqa: BLE001 # whatever it is, the capture goes on
            self._failed(error)
        else:
            if self._failures:
                _log.info("the metrics are sent again", extra={"event": "otlp_recovered", "failures": self._failures})
            self._failures = 0

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        now = self._loop.time()
        if now - self._warned < _WARN_EVERY:
            return
        self._warned = now
        fields = {"url": hide_url(self._url), "error": str(error), "failures": self._failures}
        _log.warning("the metrics could not be sent", extra={"event": "otlp_failed", **fields})


def _interval() -> float:
    """OTEL_METRIC_EXPORT_INTERVAL, which is in milliseconds, in seconds."""
    text = os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", "").strip()
    if not text:
        return _INTERVAL
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ValueError(f"OTEL_METRIC_EXPORT_INTERVAL: expected milliseconds, got {text!r}")
    return int(text) / 1000


async def _in_thread(call: Callable[[], _T]) -> _T:
    """Runs `call` on a thread that nothing waits for when the process ends."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def finish(settle: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is interested any more
            loop.call_soon_threadsafe(lambda: None if done.done() else settle())

    def run() -> None:
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 # raised where it is awaited
            failure = error
            finish(lambda: done.set_exception(failure))
        else:
            finish(lambda: done.set_result(result))

    threading.Thread(target=run, name="otlp", daemon=True).start()
    return await done
