"""What the log says by itself: at the start, now and then, and at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from appliance import engine
from appliance.config import Settings, hide_url
from appliance.events import EventLog
from appliance.version import build, version

_log = logging.getLogger("tcp_sniffer")

# Seconds between looks at the engine's events, which alone do not wake anybody.
_EVENTS_EVERY = 1.0


def say(level: str, message: str, fields: Mapping[str, Any]) -> None:
    """A line of what the engine tells."""
    _capture_log.log(_LEVELS[level.upper()], message, extra={_free(name): value for name, value in fields.items()})


def _free(name: str) -> str:
    """A few names belong to the log line itself."""
    return name + "_" if name in _TAKEN else name


_capture_log = logging.getLogger("tcp_sniffer.capture")
_LEVELS = logging.getLevelNamesMapping()
_TAKEN = {*vars(logging.makeLogRecord({})), "message", "asctime", "timestamp", "level"}


class Reports:
    def __init__(self, settings: Settings, capture: engine.Engine, stats: Callable[[], Mapping[str, Any]]) -> None:
        self._values = settings.values
        self._capture = capture
        self._stats = stats
        self._tasks: list[asyncio.Task[None]] = []
        self.events = EventLog(say)

    def start(self, embedded: str) -> None:
        _say_start(self._values, self._capture.describe(), embedded)
        self.watch()
        if interval := self._values["statsIntervalMs"]:
            self._tasks.append(asyncio.create_task(_every(interval / 1000, self._say_stats)))
        if patience := self._values["noPacketsWarningMs"]:
            self._tasks.append(asyncio.create_task(self._watch_silence(patience / 1000)))

    def watch(self) -> None:
        """The events alone, without what is said of a live capture."""
        self._tasks.append(asyncio.create_task(_every(_EVENTS_EVERY, self._look)))

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks.clear()

    def end(self, message: str) -> None:
        """The last stats, once every sink is done."""
        self.events.flush()
        _log.info(message, extra={"event": "stats", "final": True, "stats": self._stats()})

    def _look(self) -> None:
        self.events.write(self._capture.events())

    def _say_stats(self) -> None:
        self.events.flush()
        _log.info("stats", extra={"event": "stats", "stats": self._stats()})

    async def _watch_silence(self, patience: float) -> None:
        await asyncio.sleep(patience)
        if not self._stats()["packets"]["received"]:
            _log.warning(
                "no packet was seen yet: does the traffic use this interface and these ports?",
                extra={"event": "no_packets", "seconds": patience, "ports": list(self._values["ports"])},
            )


async def _every(seconds: float, call: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(seconds)
        call()


def _say_start(values: Mapping[str, Any], description: Mapping[str, Any], embedded: str) -> None:
    outputs = ["stdout"] * values["outputStdout"] + [embedded] * bool(embedded)
    if "outputUrl" in values:
        outputs.append(hide_url(values["outputUrl"]))
    fields = {
        "event": "start",
        "version": version(),
        "build": build(),
        "interface": description["interface"],
        "loopback": description["loopback"],
        "addresses": description["addresses"],
        "ports": list(values["ports"]),
        "filter": description["filter"],
        "outputs": outputs,
    }
    _log.info("the capture is open; what goes over HTTPS is seen as ciphertext only", extra=fields)
    recording = values["recording"]
    if recording["enabled"]:
        _log.warning(
            "packets are recorded as they are: the files and the live stream hold the traffic unredacted",
            extra={"event": "recording", **recording},
        )
    elif not outputs:
        _log.warning(
            "no output is configured: messages are counted and dropped; set outputStdout or outputUrl",
            extra={"event": "no_output"},
        )
