"""Ports and ranges of ports, as the field `ports` writes them: 8080, "9000-9100"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Port = int | str

MAX_PORT = 65535


def bounds(entry: Port) -> tuple[int, int]:
    """Both ends of an entry that fits the schema."""
    if isinstance(entry, int):
        return entry, entry
    first, _, last = entry.partition("-")
    return int(first), int(last)


def is_entry(value: Any) -> bool:
    """Whether it is one at all."""
    try:
        first, last = bounds(value)
    except (ValueError, AttributeError):
        return False
    return 1 <= first <= last <= MAX_PORT


def overlap(entries: Iterable[Port]) -> bool:
    """Whether a port is in more than one of them."""
    ranges = sorted(map(bounds, entries))
    return _count(_merge(ranges)) < _count(ranges)


def _entry(first: int, last: int) -> Port:
    return first if first == last else f"{first}-{last}"


def fold(entries: Iterable[Port], limit: int) -> tuple[list[Port], int]:
    """At most `limit` entries that hold all of these, and how many other ports they hold beside.

    Neighbours are joined first, then those with the smallest gaps between them.
    """
    merged = _merge(sorted(map(bounds, entries)))
    by_gap = sorted(range(1, len(merged)), key=lambda index: merged[index][0] - merged[index - 1][1])
    joined = set(by_gap[: max(len(merged) - limit, 0)])
    ranges: list[tuple[int, int]] = []
    for index, (first, last) in enumerate(merged):
        if index in joined:
            first = ranges.pop()[0]
        ranges.append((first, last))
    added = _count(ranges) - _count(merged)
    return [_entry(*ends) for ends in ranges], added


def _merge(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted ranges, those that touch or overlap joined."""
    merged: list[tuple[int, int]] = []
    for first, last in ranges:
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _count(ranges: Iterable[tuple[int, int]]) -> int:
    return sum(last - first + 1 for first, last in ranges)
