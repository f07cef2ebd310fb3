"""JSON Schema takes 8080.0 for an integer; nothing after it does."""

from __future__ import annotations


def plain_number(number: float) -> float | int:
    return int(number) if number.is_integer() else number
