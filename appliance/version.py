"""Which version and build this is."""

from __future__ import annotations

import os
from functools import cache


@cache
def version() -> str:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("tcp-sniffer")
    except PackageNotFoundError:
        return "unknown"  # a checkout that is not installed


def build() -> str:
    """The revision the image was built from."""
    return os.environ.get("TCP_SNIFFER_BUILD") or "unknown"
