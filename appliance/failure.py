"""What ends a command: its exit code, and what is said about it."""

from __future__ import annotations

import logging

from appliance import engine
from appliance.config import ConfigError
from appliance.engine import EngineError
from appliance.exit_codes import CONFIGURATION, INTERFACE, LIBRARY, OTHER, REFUSED
from appliance.shared_library import LibraryError

_log = logging.getLogger("tcp_sniffer")

_CODES = {
    engine.CONFIG: CONFIGURATION,
    engine.NO_INTERFACE: INTERFACE,
    engine.LOST: INTERFACE,
    engine.REFUSED: REFUSED,
}


def exit_code(error: Exception) -> int:
    if isinstance(error, ConfigError):
        return CONFIGURATION
    if isinstance(error, LibraryError):
        return LIBRARY
    return _CODES.get(error.status, OTHER) if isinstance(error, EngineError) else OTHER


def sentences(error: Exception) -> list[str]:
    """One line each."""
    return [str(problem) for problem in error.problems] if isinstance(error, ConfigError) else [str(error)]


def write_unexpected(error: Exception) -> int:
    """Of a defect, or a machine that denies what nobody can do without: what came first. Returns the exit code."""
    first = _first(error)
    _log.error(f"{type(first).__name__}: {first}", extra={"event": "failed", "exitCode": OTHER}, exc_info=first)
    return OTHER


def write_unclosed(error: Exception) -> None:
    """Of the event loop, when all was done: to close it takes a file descriptor."""
    first = _first(error)
    fields = {"event": "loop_not_closed", "error": f"{type(first).__name__}: {first}"}
    _log.warning("the event loop could not be closed, after all was done", extra=fields)


def _first(error: Exception) -> Exception:
    while isinstance(error.__context__, Exception):
        error = error.__context__
    return error


def write_log(error: Exception) -> None:
    fields = {"event": "failed", "exitCode": exit_code(error)}
    for sentence in sentences(error):
        _log.error(sentence, extra=fields)
