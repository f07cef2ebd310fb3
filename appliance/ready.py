"""The file that tells the container's startup probe how far this is."""

from __future__ import annotations

import contextlib
import os

CAPTURE_OPEN = "capture-open"
# The capture cannot be opened and `onFatal: idle` says to stay: started, too, or else the pod would not.
IDLE = "idle"

_FOLDER = "/run/tcp-sniffer"


def folder() -> str:
    return os.environ.get("TMPDIR") or _FOLDER


def write(state: str) -> OSError | None:
    """Shows this state and no other. A folder that cannot be written to is no reason to fail."""
    clear()
    try:
        os.makedirs(folder(), exist_ok=True)
        with open(os.path.join(folder(), state), "w", encoding="ascii"):
            return None
    except OSError as error:
        return error


def clear() -> None:
    for state in (CAPTURE_OPEN, IDLE):
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder(), state))
