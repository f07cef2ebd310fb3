"""Numbers on the command line: what they may be is said with what was wrong."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable

from appliance.config.ports import Port, is_entry


def number(least: float, most: float) -> Callable[[str], float]:
    """For add_argument(type=…): a number within these limits, so neither nan nor an infinity."""
    return lambda text: _within(float, text, "a number", least, most)


def whole(least: int, most: int) -> Callable[[str], int]:
    """The same for a whole number."""
    return lambda text: int(_within(int, text, "a whole number", least, most))


def ports(text: str) -> list[Port]:
    """The same for ports and ranges of ports, as `ports` of the configuration has them."""
    parts = [part.strip() for part in text.split(",")]
    entries: list[Port] = [int(part) if part.isdecimal() else part for part in parts]
    if not all(map(is_entry, entries)):
        raise ArgumentTypeError(f"expected ports and ranges such as 8080,9000-9100, got {text}")
    return entries


def _within(kind: Callable[[str], float], text: str, what: str, least: float, most: float) -> float:
    try:
        value = kind(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise ArgumentTypeError(f"expected {what} from {least:.12g} to {most:.12g}, got {text}")
    return value
