"""JSON lines on stderr. Fields: timestamp, level, message, where this runs, and those of the event."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter


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


def configure(level: str, placement: Mapping[str, str]) -> None:
    """Sends every log line of this process to stderr. May be called again, with what is known by then."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(placement))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # The event loop's own debug lines and each request to the status server are nobody's business.
    for noisy in ("asyncio", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
