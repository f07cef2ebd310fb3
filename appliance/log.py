"""JSON lines on stderr. Fields: timestamp, level, message, where this runs, and those of the event."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from appliance.log_output import LogOutput

# Seconds that the last lines may take at the process's end.
_PATIENCE = 1.0


class _Formatter(JsonFormatter):
    def __init__(self, placement: Mapping[str, str]) -> None:
        super().__init__("%(message)s", json_ensure_ascii=False)
        self._placement = dict(placement)

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        time = datetime.fromtimestamp(record.created, UTC)
        log_data["timestamp"] = time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        log_data["level"] = record.levelname.lower()
        super().add_fields(log_data, record, message_dict)
        log_data.update(self._placement)


class _Handler(logging.Handler):
    def __init__(self, prepare: Callable[[], object]) -> None:
        super().__init__()
        # A standard error that came closed takes nothing: its number may be another file's by now.
        self._output = LogOutput(sys.stderr.fileno() if sys.stderr else -1, self._lost, prepare)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._output.put(self._line(record))
        except Exception:  # noqa: BLE001 - as logging's own handlers do
            self.handleError(record)

    def flush(self) -> None:
        """By logging itself, when the process ends."""
        self._output.flush(_PATIENCE)

    def _line(self, record: logging.LogRecord) -> bytes:
        return self.format(record).encode(errors="backslashreplace") + b"\n"

    def _lost(self, lines: int) -> bytes:
        fields = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING", "event": "log_lost"}
        text = "log lines were lost here: whoever reads them was too slow, or took none"
        return self._line(logging.makeLogRecord({**fields, "msg": text, "lines": lines}))


_handler: _Handler | None = None


def configure(level: str, placement: Mapping[str, str], prepare: Callable[[], object] = lambda: None) -> None:
    """Sends every log line of this process to stderr. May be called again, with what is known by then.

    A thread writes them, from the first call on; `prepare` is the first thing that it does.
    """
    global _handler
    if _handler is None:
        _handler = _Handler(prepare)
    _handler.setFormatter(_Formatter(placement))
    logging.basicConfig(level=level.upper(), handlers=[_handler], force=True)
    # The event loop's own debug lines and each request to the status server are nobody's business.
    for noisy in ("asyncio", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
