"""Which version and build this is."""

from __future__ import annotations

import os
from importlib import import_module

UNKNOWN = "unknown"


def version() -> str:
    return _built("VERSION")


def build() -> str:
    """The revision it was built from: the image's, or what scripts/install wrote."""
    return os.environ.get("TCP_SNIFFER_BUILD") or _built("BUILD")


def _built(name: str) -> str:
    """From the module that native/CMakeLists.txt adds to a wheel: to ask importlib.metadata takes longer."""
    try:
        value: str = getattr(import_module("appliance._build"), name)
    except ImportError:
        return UNKNOWN  # a checkout that is not installed
    return value
