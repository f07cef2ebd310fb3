"""Holds the records of a capture against what other programs read from it."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

Line = dict[str, Any]  # of expected/*.jsonl
Record = dict[str, Any]


@dataclass(frozen=True)
class Message:
    """What both sides can say of a message, in one form."""

    start: tuple[str, ...]
    version: str
    headers: tuple[tuple[str, tuple[str, ...]], ...]
    body: str | None  # SHA-256; None where the oracle can't tell

    @property
    def head(self) -> tuple[object, ...]:
        return self.start, self.version, self.headers

    def likeness(self, other: Message) -> tuple[bool, bool, bool]:
        return self.start == other.start, self.head == other.head, self.body is None or self.body == other.body


@dataclass
class Outcome:
    """The comparison of one capture."""

    confirmed: int = 0
    found: int = 0  # confirmed ones whose head is as expected
    bodies: int = 0  # confirmed ones whose body is known
    exact_bodies: int = 0
    records: int = 0
    known: int = 0  # records that the oracle has too
    differences: dict[tuple[int, str], str] = field(default_factory=dict)  # (frame, direction)
    unknown: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        for name in ("confirmed", "found", "bodies", "exact_bodies", "records", "known"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def __str__(self) -> str:
        recall, precision = _share(self.found, self.confirmed), _share(self.known, self.records)
        return f"recall {recall}, precision {precision}, exact bodies {_share(self.exact_bodies, self.bodies)}"


def compare(lines: list[Line], records: list[Record]) -> Outcome:
    outcome = Outcome(records=len(records))
    waiting: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        waiting[_end(record["destination"]), _end(record["receiver"]), record["direction"]].append(record)
    for line in lines:
        candidates = waiting[line["client"], line["server"], line["dir"]]
        best = _best(line_message(line), candidates)
        if best is not None:
            candidates.remove(best)
            outcome.known += 1
        if line["confirmed"]:
            _count(outcome, line, best)
    outcome.unknown = [f"{key}: {record_message(r).start}" for key, rest in waiting.items() for r in rest]
    return outcome


def _best(wanted: Message, candidates: list[Record]) -> Record | None:
    """The record that is most like it, the earliest of equals; none where no start line is the same."""
    best = max(candidates, key=lambda record: wanted.likeness(record_message(record)), default=None)
    return best if best is not None and record_message(best).start == wanted.start else None


def _count(outcome: Outcome, line: Line, record: Record | None) -> None:
    wanted = line_message(line)
    outcome.confirmed += 1
    outcome.bodies += wanted.body is not None
    place = (line["frame"], line["dir"])
    if record is None:
        outcome.differences[place] = f"{wanted.start} is missing (flags {line['flags']})"
        return
    got = record_message(record)
    _, same_head, same_body = wanted.likeness(got)
    outcome.found += same_head
    outcome.exact_bodies += same_body and wanted.body is not None
    if not same_head:
        outcome.differences[place] = f"expected the head {wanted.head}\n      got {got.head}"
    elif not same_body:
        outcome.differences[place] = f"{wanted.start} has another body (complete: {record['complete']})"


def line_message(line: Line) -> Message:
    headers: dict[str, list[str]] = defaultdict(list)
    for name, value in line["headers"]:
        headers[_text(name).strip().lower()].append(_one_line(_text(value)))
    request = line["dir"] == "request"
    start = (line["method"], _text(line["target"])) if request else (str(line["status"]),)
    return Message(start, line["version"].removeprefix("HTTP/"), _frozen(headers), line["body_sha256"])


def record_message(record: Record) -> Message:
    headers = {
        name: [_one_line(value) for value in (values if isinstance(values, list) else [values])]
        for name, values in record["headers"].items()
    }
    request = record["direction"] == "request"
    start = (record["method"], record["path"]) if request else (str(record.get("statusCode")),)
    body = record.get("body", "")
    raw = base64.b64decode(body) if record.get("bodyEncoding") == "base64" else body.encode()
    return Message(start, record.get("httpVersion", ""), _frozen(headers), hashlib.sha256(raw).hexdigest())


def _text(latin1: str) -> str:
    """The oracle writes bytes as Latin-1; a record has UTF-8 where they are valid."""
    try:
        return latin1.encode("latin-1").decode()
    except UnicodeError:
        return latin1


def _one_line(value: str) -> str:
    return " ".join(value.split())


def _frozen(headers: dict[str, list[str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(sorted((name, tuple(values)) for name, values in headers.items()))


def _end(end: dict[str, Any]) -> str:
    return f"[{end['ip']}]:{end['port']}" if ":" in end["ip"] else f"{end['ip']}:{end['port']}"


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole} ({part / whole:.1%})" if whole else "none"
