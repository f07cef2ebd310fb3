"""Listens to HTTP traffic without touching it: the capture engine, its outputs, and the command line.

`create_sniffer` is the way in for other programs. Names load when they are first used, so that importing
the package costs nothing: the command line opens its capture before it loads the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from appliance.config import ConfigError
    from appliance.engine import EngineError
    from appliance.message import Endpoint, HttpMessage, HttpRequest, HttpResponse, RequestReference, Source
    from appliance.shared_library import LibraryError
    from appliance.sniffer import Sniffer, create_sniffer

_HOMES = {
    "ConfigError": "appliance.config",
    "EngineError": "appliance.engine",
    "LibraryError": "appliance.shared_library",
    "Endpoint": "appliance.message",
    "HttpMessage": "appliance.message",
    "HttpRequest": "appliance.message",
    "HttpResponse": "appliance.message",
    "RequestReference": "appliance.message",
    "Source": "appliance.message",
    "Sniffer": "appliance.sniffer",
    "create_sniffer": "appliance.sniffer",
}

__all__ = [
    "ConfigError",
    "Endpoint",
    "EngineError",
    "HttpMessage",
    "HttpRequest",
    "HttpResponse",
    "LibraryError",
    "RequestReference",
    "Sniffer",
    "Source",
    "create_sniffer",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
