"""What ends a command: its exit code, and what is said about it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from appliance import engine
from appliance.config import ConfigError
from appliance.engine import EngineError, LibraryError

OTHER, CONFIGURATION, INTERFACE, REFUSED, LIBRARY, DRAIN_TIMED_OUT = range(1, 7)

_log = logging.getLogger("tcp_sniffer")

_CODES = {
    engine.CONFIG: CONFIGURATION,
    engine.NO_INTERFACE: INTERFACE,
    engine.LOST: INTERFACE,
    engine.REFUSED: REFUSED,
}

# linux/capability.h
_CAP_NET_RAW = 13


def exit_code(error: Exception) -> int:
    if isinstance(error, ConfigError):
        return CONFIGURATION
    if isinstance(error, LibraryError):
        return LIBRARY
    return _CODES.get(error.status, OTHER) if isinstance(error, EngineError) else OTHER


def sentences(error: Exception) -> list[str]:
    """One line each; for an interface that is not there, which ones are; for a refusal, what to add."""
    if isinstance(error, ConfigError):
        return [str(problem) for problem in error.problems]
    text = str(error)
    if isinstance(error, EngineError):
        if error.status == engine.NO_INTERFACE:
            text += f"; interfaces here: {', '.join(_interface_names()) or 'none'}"
        elif error.status == engine.REFUSED and not _has_net_raw() and "NET_RAW" not in text:
            text += "; add NET_RAW to the container's capabilities"
    return [text]


def write_log(error: Exception) -> None:
    fields = {"event": "failed", "exitCode": exit_code(error)}
    for sentence in sentences(error):
        _log.error(sentence, extra=fields)


def _interface_names() -> list[str]:
    return [interface["name"] for interface in engine.interfaces()]


def _has_net_raw() -> bool:
    try:
        status = Path(f"/proc/{os.getpid()}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    effective = next((line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")), "0")
    return bool(int(effective, 16) >> _CAP_NET_RAW & 1)
