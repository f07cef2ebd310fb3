"""`--pretty`: one line per exchange, for people."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from typing import Any, TextIO

# Requests whose answer is still awaited; the oldest is shown without one when there are more.
# As many answers are remembered that were shown before their request ended.
_MOST_WAITING = 1024

_RESET, _DIM, _BOLD = "\x1b[0m", "\x1b[2m", "\x1b[1m"
_STATUS_COLOURS = {1: "\x1b[36m", 2: "\x1b[32m", 3: "\x1b[36m", 4: "\x1b[33m", 5: "\x1b[31m"}
_UNITS = ("B", "KiB", "MiB", "GiB")


class Pretty:
    def __init__(self, *, colours: bool) -> None:
        self._colours = colours
        self._waiting: OrderedDict[tuple[Any, Any], dict[str, Any]] = OrderedDict()
        self._answered: OrderedDict[tuple[Any, Any], None] = OrderedDict()

    @classmethod
    def for_stream(cls, stream: TextIO) -> Pretty:
        """Colours only on a terminal, and never against NO_COLOR (https://no-color.org)."""
        return cls(colours=stream.isatty() and not os.environ.get("NO_COLOR"))

    def render(self, lines: bytes | memoryview) -> bytes:
        shown = (text for line in bytes(lines).splitlines() for text in self._take(json.loads(line)))
        return "".join(text + "\n" for text in shown).encode()

    def rest(self) -> bytes:
        """The requests that nobody answered."""
        waiting, self._waiting = self._waiting, OrderedDict()
        return "".join(self._exchange(request, None) + "\n" for request in waiting.values()).encode()

    def _take(self, record: dict[str, Any]) -> list[str]:
        key = (record.get("connectionId"), record.get("exchange"))
        direction = record.get("direction")
        if direction == "request":
            return self._take_request(key, record)
        if direction == "response":
            return [self._exchange(self._request_of(key, record), record)]
        return []  # a connection's end

    def _take_request(self, key: tuple[Any, Any], record: dict[str, Any]) -> list[str]:
        if key in self._answered:  # shown with its answer, which came before the request's end
            del self._answered[key]
            return []
        self._waiting[key] = record
        if len(self._waiting) <= _MOST_WAITING:
            return []
        return [self._exchange(self._waiting.popitem(last=False)[1], None)]

    def _request_of(self, key: tuple[Any, Any], response: dict[str, Any]) -> dict[str, Any] | None:
        if response.get("interim"):
            return self._waiting.get(key)
        request = self._waiting.pop(key, None)
        if request is None:
            self._answered[key] = None
            if len(self._answered) > _MOST_WAITING:
                self._answered.popitem(last=False)
        return request

    def _exchange(self, request: dict[str, Any] | None, response: dict[str, Any] | None) -> str:
        first = request or response or {}
        asked = request or first.get("request") or {}
        parts = [
            self._paint(_DIM, first["timestamp"][11:23]),
            self._paint(_BOLD, _printable(asked.get("method", "?"))),
            _printable(first.get("receiver", {}).get("ip", ""))
            + f":{first.get('receiver', {}).get('port', '')}"
            + _printable(asked.get("path", " ?")),
        ]
        return "  ".join([*parts, *self._answer(response), *_flaws(request, response)])

    def _answer(self, response: dict[str, Any] | None) -> list[str]:
        if response is None:
            return [self._paint(_DIM, "no response seen")]
        status = response.get("statusCode")
        colour = _STATUS_COLOURS.get((status or 0) // 100, _DIM)
        parts = [self._paint(colour, str(status or "?")), _size(response["bodySize"])]
        if (latency := response.get("latencyMs")) is not None:
            parts.append(self._paint(_DIM, f"{latency:.1f} ms"))
        return parts

    def _paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_RESET}" if self._colours else text


def _flaws(*messages: dict[str, Any] | None) -> list[str]:
    return [f"({message['direction']} incomplete: {message.get('incompleteReason')})"
            for message in messages if message and not message["complete"]]  # fmt: skip


def _size(size: float) -> str:
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def _printable(text: str) -> str:
    """What went by must not drive the terminal."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
