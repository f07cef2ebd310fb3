"""Holds what the engine told against the truth."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from packets import SYN, Segment
from packets.conversation import SEQUENCE

from truth.simulator import Message, Truth


@dataclass
class Score:
    """`messages` of the truth, records `found` of them, and those `complete`."""

    messages: int = 0
    found: int = 0
    complete: int = 0

    def add(self, other: Score) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


class UntruthError(AssertionError):
    """A record that the truth does not hold, or a message that nothing accounts for."""


def check(truths: Sequence[Truth], captured: Sequence[Segment], records: Sequence[dict[str, Any]]) -> Score:
    """Raises UntruthError; a message may be missing only where bytes of its connection were."""
    score = Score()
    for truth in truths:
        told = [record for record in records if record["destination"]["port"] == truth.port]
        known = {_key(message): message for message in truth.messages}
        complete = set()
        for record in told:
            _paired(record)
            if (key := _told_key(record)) is None or not record["complete"]:
                continue
            _same(known, key, record)
            if key in complete:
                raise UntruthError(f"told twice: {key}")
            complete.add(key)
        score.add(Score(len(known), len(told), len(complete)))
        if complete != known.keys() and not _lossy(truth, captured):
            raise UntruthError(f"every byte was seen, but not told: {sorted(known.keys() - complete)}")
    return score


def _same(known: dict[tuple[str, str, int], Message], key: tuple[str, str, int], record: dict[str, Any]) -> None:
    if key not in known:
        raise UntruthError(f"invented, or paired wrongly: {record}")
    body = record.get("body", "")
    raw = base64.b64decode(body) if "bodyEncoding" in record else body.encode()
    if raw != known[key].body or record["bodySize"] != len(raw):
        raise UntruthError(f"complete, but another body than was sent: {record}")


def _paired(record: dict[str, Any]) -> None:
    """Complete or not, a response that names its request names the right one."""
    marked = record["headers"].get("x-for")
    if marked is not None and "request" in record and record["request"]["path"] != marked:
        raise UntruthError(f"paired wrongly: {record}")


def _key(message: Message) -> tuple[str, str, int]:
    return message.direction, message.name, message.status


def _told_key(record: dict[str, Any]) -> tuple[str, str, int] | None:
    """None: a response that says neither by its pair nor by its marker which it is."""
    if record["direction"] == "request":
        return "request", record["path"], 0
    name = record["headers"].get("x-for") or record.get("request", {}).get("path")
    return name and ("response", name, record["statusCode"])


def _lossy(truth: Truth, captured: Sequence[Segment]) -> bool:
    """Whether the tap missed a byte, or the handshake, of the connection."""
    return any(_unseen(truth, captured, client) for client in (True, False))


def _unseen(truth: Truth, captured: Sequence[Segment], client: bool) -> bool:
    def of_side(segment: Segment) -> bool:
        return (segment.source if client else segment.destination).port == truth.port

    isn = next(segment.seq for segment in truth.segments if segment.flags & SYN and of_side(segment))
    good = [segment for segment in captured if of_side(segment) and segment.checksum == "valid"]
    ranges = sorted(((one.seq - isn) % SEQUENCE, one.length) for one in good if one.length)
    reached = 0
    for start, length in ranges:
        if start > reached:
            return True
        reached = max(reached, start + length)
    sent = max((one.seq - isn) % SEQUENCE + one.length for one in truth.segments if of_side(one))
    return reached < sent
