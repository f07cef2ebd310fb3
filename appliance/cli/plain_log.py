"""Log lines like all others, without what the logging modules would add to a short run."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from appliance.descriptor import write_all

if TYPE_CHECKING:
    from appliance.cli.progress import Progress
    from appliance.config import Settings

_LEVELS = ("debug", "info", "warning", "error")


def level_beside(progress: Progress | None, settings: Settings) -> str:
    """`logLevel`; a progress bar is for people, and beside it is said what goes wrong."""
    level: str = settings.values["logLevel"]
    return level if progress is None else max(level, "warning", key=_LEVELS.index)


class PlainLog:
    def __init__(self, settings: Settings, progress: Progress | None) -> None:
        self._least = _LEVELS.index(level_beside(progress, settings))
        self._placement = settings.placement
        self._progress = progress

    def say(self, level: str, message: str, fields: Mapping[str, Any]) -> None:
        if _LEVELS.index(level) < self._least:
            return
        if self._progress is not None:
            self._progress.end()  # it is drawn again below the line
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        own = {"timestamp": now, "level": level, "message": message}
        say(json.dumps({**own, **fields, **own, **self._placement}, ensure_ascii=False))


def say(line: str) -> None:
    """On stderr. One that takes nothing, or that nobody reads, costs the line and not a record."""
    write_all(sys.stderr.fileno(), f"{line}\n".encode(errors="backslashreplace"))
