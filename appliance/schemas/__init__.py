"""Finds the two JSON schemas: an installed package carries copies, a checkout has them at its root."""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

CONFIGURATION = "sniffer.schema.json"
MESSAGE = "message.schema.json"

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_CHECKOUT = os.path.dirname(os.path.dirname(_PACKAGE))


@cache
def load(name: str) -> dict[str, Any]:
    """The schema of that name, read once. Not to be changed by who gets it."""
    for folder in (_PACKAGE, _CHECKOUT):
        try:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                schema: dict[str, Any] = json.load(file)
                return schema
        except FileNotFoundError:
            continue
    raise FileNotFoundError(f"{name} is neither in {_PACKAGE} nor in {_CHECKOUT}: the installation is incomplete")
