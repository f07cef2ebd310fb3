"""Holds what the engine told against the truth."""

from __future__ import annotations

import base64
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from packets import FIN, SYN, Segment
from packets.conversation import SEQUENCE

from truth.simulator import SERVER, Message, Truth

Record = Mapping[str, Any]
Ranges = list[tuple[int, int]]  # of a side's sequence space, 0 its SYN: sorted, apart
Key = tuple[str, str]  # direction, name
SIDES = {"request": "client", "response": "server"}


@dataclass
class Score:
    """Messages of the truth, records `told` of them and those `complete`; final responses, and those `paired`."""

    connections: int = 0
    messages: int = 0
    told: int = 0
    complete: int = 0
    responses: int = 0
    paired: int = 0
    overtaken: int = 0  # bytes of messages that were seen whole, and not told: their place was lost before them
    mistaken: int = 0  # what a body said, told as messages: the capture began with a segment that looks like one

    def add(self, other: Score) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


class UntruthError(AssertionError):
    """A record that the truth does not hold, or a message that nothing accounts for."""


def check(truths: Sequence[Truth], captured: Iterable[Segment], snap: int, records: Sequence[Record]) -> Score:
    """Raises UntruthError unless the records tell the truth about these connections.

    `captured`: what the tap saw of them, of each packet `snap` bytes of payload.
    `records`: of messages and of connections.
    """
    captured = list(captured)
    seen = _seen(truths, captured, snap)
    # What was cut off a packet is given up at once, though it may come again.
    score, cut = Score(len(truths)), any(len(segment.payload) > snap for segment in captured)
    messages = [record for record in records if record["direction"] != "connection"]
    told = _told(truths, messages, _lookalikes(truths, captured), score)
    for truth in truths:
        whole = not cut and all(seen[id(truth), side] == [_space(truth, side)] for side in SIDES)
        for message in truth.messages:
            record = told.get((message.direction, message.name))
            # Of a response whose request was not seen nobody may know where it ends.
            sure = message.direction == "request" or seen[id(truth), "request"] == [_space(truth, "request")]
            sure = sure and not cut
            _hold(message, record, seen[id(truth), message.direction], whole, sure, score)
    if cut:
        score.overtaken = 0  # bytes that came again count as a gap
    _check_missing(truths, seen, [record for record in records if record["direction"] == "connection"], cut)
    return score


def _seen(truths: Sequence[Truth], captured: Iterable[Segment], snap: int) -> dict[tuple[int, str], Ranges]:
    parts: dict[tuple[int, str], Ranges] = {(id(truth), side): [] for truth in truths for side in SIDES}
    by_client: dict[tuple[str, int], list[Truth]] = defaultdict(list)
    for truth in truths:
        by_client[truth.client].append(truth)
    for segment in captured:
        side = "request" if segment.destination == SERVER else "response"
        client = segment.source if side == "request" else segment.destination
        for truth in by_client[client]:
            start = (segment.seq - truth.isn[side]) % SEQUENCE
            if start <= truth.sent[side] + 1 and segment.checksum != "wrong" and segment.length:
                kept = segment.length if len(segment.payload) <= snap else snap
                parts[id(truth), side].append((start, start + kept))
    return {key: _union(ranges) for key, ranges in parts.items()}


def _union(ranges: Ranges) -> Ranges:
    result: Ranges = []
    for first, last in sorted(ranges):
        if result and first <= result[-1][1]:
            result[-1] = result[-1][0], max(result[-1][1], last)
        else:
            result.append((first, last))
    return result


def _space(truth: Truth, side: str) -> tuple[int, int]:
    """The sequence space from the SYN to the last byte, or the FIN."""
    fin = any(one.flags & FIN and (one.destination == SERVER) == (side == "request") for one in truth.segments)
    return 0, 1 + truth.sent[side] + fin


def _lookalikes(truths: Sequence[Truth], captured: Iterable[Segment]) -> set[tuple[str, int]]:
    """Sides (direction, the client's port) whose first bytes in the capture are a body's, but look like a message's."""
    starts = {
        (one.direction, truth.client[1], (truth.isn[one.direction] + 1 + one.start) % SEQUENCE)
        for truth in truths
        for one in truth.messages
    }
    found, begun = set(), set()
    for segment in captured:
        direction = "request" if segment.destination == SERVER else "response"
        port = (segment.source if direction == "request" else segment.destination).port
        if (direction, port) in begun or segment.checksum == "wrong" or not (segment.payload or segment.flags & SYN):
            continue
        begun.add((direction, port))
        looks = any(text.startswith(segment.payload[: len(text)]) for text in (b"HTTP/", b"GET "))
        if segment.payload and looks and (direction, port, segment.seq) not in starts:
            found.add((direction, port))
    return found


def _told(
    truths: Sequence[Truth], records: Sequence[Record], lookalikes: set[tuple[str, int]], score: Score
) -> dict[Key, Record]:
    """The records by what they tell of: each of one message, and none twice."""
    known = {(message.direction, message.name) for truth in truths for message in truth.messages}
    requests = {(one["connectionId"], one["exchange"]): one["path"] for one in records if one["direction"] == "request"}
    told: dict[Key, Record] = {}
    for record in records:
        name = record["path"] if record["direction"] == "request" else str(record["headers"].get("x-for"))
        key = record["direction"], name
        if not record["complete"] and record["direction"] == "response" and name == "None":
            continue  # cut before the header that names it
        if key not in known and (record["direction"], record["destination"]["port"]) in lookalikes:
            score.mistaken += 1
            continue
        if key not in known:
            raise UntruthError(f"invented: {record}")
        if key in told:
            raise UntruthError(f"told twice: {told[key]} {record}")
        told[key] = record
        if "request" in record:
            asked = name.partition("#")[0]
            if record["request"]["path"] != asked:
                raise UntruthError(f"paired wrongly: {record}")
            if requests.get((record["connectionId"], record["exchange"]), asked) != asked:
                raise UntruthError(f"the exchange of another: {record}")
    return told


def _hold(message: Message, record: Record | None, seen: Ranges, whole: bool, sure: bool, score: Score) -> None:
    score.messages += 1
    final = message.direction == "response" and message.status != 103
    score.responses += final
    if whole and (record is None or not record["complete"] or (final and "request" not in record)):
        raise UntruthError(f"every byte was seen, and not told so: {_short(message)}: {_short(record)}")
    if record is None:
        start, end = message.start + 1, message.end + 1
        if any(first <= start and end <= last for first, last in seen):
            if sure and seen[0][0] == 0 and end <= seen[0][1]:
                raise UntruthError(f"nothing was missing before it, and it is not told: {_short(message)}")
            score.overtaken += end - start
        return
    score.told += 1
    score.complete += record["complete"]
    score.paired += final and "request" in record
    _same(message, record)


def _same(message: Message, record: Record) -> None:
    body = record.get("body", "")
    raw = base64.b64decode(body) if "bodyEncoding" in record else body.encode()
    size, whole = record["bodySize"], not record.get("bodyTruncated") and record["complete"]
    if record["complete"]:
        same = (
            size == len(message.body)
            and (raw == message.body if whole else message.body.startswith(raw))
            and record["headers"] == message.headers
            and record.get("trailers", {}) == message.trailers
            and (record.get("statusCode", 0), record.get("method", "")) == (message.status, message.method)
        )
    elif record["incompleteReason"] == "unknown_request":
        same = True  # nobody can tell whether these bytes are its body
    else:
        same = size <= len(message.body) and message.body.startswith(raw)
    if not same:
        raise UntruthError(f"not what was sent: {_short(message)}: {_short(record)}")


def _check_missing(
    truths: Sequence[Truth], seen: Mapping[tuple[int, str], Ranges], records: Sequence[Record], cut: bool
) -> None:
    """What a connection's records say is missing was not seen; and the holes between what was seen are all in it."""
    for client in {truth.client for truth in truths}:
        if sum(truth.client == client for truth in truths) > 1:
            continue  # what comes before a new connection is known for one counts as out of the old one's window
        mine = [one for one in records if (one["destination"]["ip"], one["destination"]["port"]) == client]
        for side, name in SIDES.items():
            least = most = 0
            for truth in (one for one in truths if one.client == client):
                ranges = seen[id(truth), side]
                end = _space(truth, side)[1]
                holes = [(last, first) for (_, last), (first, _) in pairwise(ranges)]
                least += sum(last - first for first, last in holes)
                most += end - sum(last - first for first, last in ranges)
            if cut:
                most = 1 << 32
            said = sum(record["missingBytes"][name] for record in mine)
            # Where a side closes, one byte that was not seen, but acknowledged, may have been its FIN.
            if not least - len(mine) <= said <= most:
                raise UntruthError(f"{said} bytes of the {name} said to be missing, not {least} to {most}: {mine}")


def _short(value: object) -> str:
    """With its long runs cut out."""
    return re.sub(r"(.{60}).{60,}?(.{20})(?=[',}])", r"\1[...]\2", str(value))
