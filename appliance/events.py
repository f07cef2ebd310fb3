"""The engine's events as log lines: few enough that nobody has to turn them off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

# Writes a log line: its level, its message, the fields of the event.
Say = Callable[[str, str, Mapping[str, Any]], None]

# A kind may come this often in each window (seconds); the rest is counted.
_LINES = 20
_WINDOW = 10.0

_TEXTS = {
    "connection": "connection seen",
    "recording_paused": "the recording pauses: packets are counted not_recorded, all else goes on",
    "recording_resumed": "the recording goes on",
    "recording_index": "a recorded file could not be finished as configured, or not be entered in index.jsonl",
    "stream_not_listening": "the live stream of the recording does not listen",
    "stream_client": "a client reads the live stream: it sees the traffic unredacted",
    "not_confined": "the capture's threads could not give up their privileges: they go on with them",
    "gap": "bytes of a connection were not seen",
    "evicted": "a connection was given up before its end",
    "not_http": "a connection does not speak HTTP/1",
    "tunnel": "a connection turned into a tunnel",
    "lost_sync": "where the next message begins is not known: the connection waits for a new one",
}
_LEVELS = {
    "not_confined": "warning",
    "gap": "warning",
    "lost_sync": "warning",
    "evicted": "warning",
    "recording_paused": "error",
    "recording_index": "error",
    "stream_not_listening": "error",
}


class _Kind:
    """How many lines of one kind came in the current window."""

    def __init__(self, now: float) -> None:
        self.started = now
        self.lines = 0
        self.withheld = 0


class EventLog:
    def __init__(self, say: Say, clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._kinds: dict[str, _Kind] = {}

    def write(self, events: Iterable[dict[str, Any]]) -> None:
        for event in events:
            if event.get("event") == "withheld":  # by the engine, before they came here
                self._kind(str(event["kind"])).withheld += event["lines"]
            else:
                self._write(dict(event))

    def flush(self) -> None:
        """Says how many lines were withheld since the last line of their kind."""
        for name, kind in self._kinds.items():
            if kind.withheld:
                self._say("info", "log lines were withheld", {"event": name, "withheld": kind.withheld})
                kind.withheld = 0

    def _write(self, event: dict[str, Any]) -> None:
        name = str(event.get("event"))
        kind = self._kind(name)
        if kind.lines >= _LINES:
            kind.withheld += 1
            return
        kind.lines += 1
        if kind.withheld:
            event["withheld"], kind.withheld = kind.withheld + event.get("withheld", 0), 0
        self._say(_LEVELS.get(name, "info"), _TEXTS.get(name, name), event)

    def _kind(self, name: str) -> _Kind:
        now = self._clock()
        kind = self._kinds.setdefault(name, _Kind(now))
        if now - kind.started >= _WINDOW:
            kind.started, kind.lines = now, 0
        return kind
