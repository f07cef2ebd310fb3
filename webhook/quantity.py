"""Kubernetes' amounts of CPU and memory: `50m`, `0.1`, `64Mi`, `1e6`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

_QUANTITY = re.compile(r"([+-]?(?:\d{1,18}(?:\.\d{0,18})?|\.\d{1,18}))([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d{1,2})?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def parse(text: Any) -> Decimal | None:
    """CPUs or bytes; None for what is no quantity. YAML may give a number."""
    found = _QUANTITY.fullmatch(str(text).strip())
    if found is None:
        return None
    number, unit = Decimal(found[1]), found[2]
    if unit in _DECIMAL:
        return number.scaleb(_DECIMAL[unit])
    if unit in _BINARY:
        return number * (1 << _BINARY[unit])
    return number.scaleb(int(unit[1:])) if unit else number
