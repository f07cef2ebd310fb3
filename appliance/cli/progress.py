"""How far a replay is, on a terminal's stderr."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

_EVERY = 0.2  # seconds
_BAR = 30


class Progress:
    def __init__(self, files: Sequence[str]) -> None:
        paths = {str(Path(name).resolve()) for name in files}
        self._sizes = {name: Path(name).stat().st_size if Path(name).is_file() else 0 for name in paths}
        self._positions: dict[str, int] = {}
        self._next = 0.0

    def show(self, stats: Mapping[str, Any]) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _EVERY
        counts = f"{stats['packets']['received']:,} packets, {stats['messages']['produced']:,} messages"
        text = f"{self._bar()}{counts}"[: shutil.get_terminal_size().columns - 1]
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()

    def end(self) -> None:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()

    def _bar(self) -> str:
        """Only where it is known how much there is: not for stdin."""
        if not all(self._sizes.values()):
            return ""
        self._positions.update(_positions(self._sizes))
        part = min(sum(self._positions.values()) / sum(self._sizes.values()), 1.0)
        full = round(part * _BAR)
        return f"[{'#' * full}{'.' * (_BAR - full)}] {part:4.0%}  "


def _positions(files: Iterable[str]) -> dict[str, int]:
    """How far the engine read in those of the files that it has open: the kernel knows. A file once left stays."""
    positions = {}
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            name = str(descriptor.readlink())
            if name in files:
                info = Path("/proc/self/fdinfo", descriptor.name).read_text(encoding="ascii")
                positions[name] = int(info.split()[1])
        except OSError:
            continue  # closed meanwhile
    return positions
