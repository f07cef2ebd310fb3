"""Holds what the engine told against the truth."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packets import SYN, Segment
from packets.conversation import SEQUENCE

from truth.simulator import SERVER, Message, Truth
from truth.tap import Ranges, Seen, Tap

Record = Mapping[str, Any]
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
    evicted: int = 0  # connections that were given up for lack of room
    cut: int = 0  # bodies, as above

    def add(self, other: Score) -> None:
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


class UntruthError(AssertionError):
    """A record that the truth does not hold, or a message that nothing accounts for."""


def check(
    truths: Sequence[Truth], captured: Sequence[Segment], snap: int, records: Sequence[Record], scarce: bool = False
) -> Score:
    """Raises UntruthError unless the records tell the truth about these connections.

    `captured`: what the tap saw of them, of each packet `snap` bytes of payload.
    `records`: of messages and of connections.
    `scarce`: there was too little room for all; what was given up for that says so.
    """
    tap = Tap(truths, captured, snap)
    # What was cut off a packet is given up at once, though it may come again.
    score, cut = Score(len(truths)), any(len(segment.payload) > snap for segment in captured)
    messages = [record for record in records if record["direction"] != "connection"]
    connections = [record for record in records if record["direction"] == "connection"]
    evicted = {_client(one) for one in connections if one["end"] in ("evicted", "memory")} if scarce else set()
    # Where there is little room for what waits, what it waits for is given up early.
    hurried = {_client(one) for one in connections if any(one["missingBytes"].values())} if scarce else set()
    told = _told(truths, messages, _lookalikes(truths, captured, evicted), score)
    for truth in truths:
        spared = not cut and truth.client not in evicted | hurried
        seen = {side: tap.seen(truth, side) for side in SIDES}
        for message in truth.messages:
            record = told.get((message.direction, message.name))
            # Of a response whose request was not seen nobody may know where it ends.
            sure = spared and (message.direction == "request" or seen["request"].all_in_time)
            whole = spared and all(one.all_in_time for one in seen.values())
            _hold(message, record, seen[message.direction].in_time, whole, sure, score)
            if record is not None:
                _same(truth, message, record)
        # What comes before a new connection is known for one counts as out of the old one's window.
        if truth.client not in evicted | hurried and sum(one.client == truth.client for one in truths) == 1:
            _check_missing(seen, [one for one in connections if _client(one) == truth.client], cut)
    if cut or scarce:
        score.overtaken = 0  # bytes that came again count as a gap
    return score


def _client(record: Record) -> tuple[str, int]:
    return record["destination"]["ip"], record["destination"]["port"]


def _lookalikes(
    truths: Sequence[Truth], captured: Iterable[Segment], evicted: Collection[tuple[str, int]]
) -> set[tuple[str, int]]:
    """Sides (direction, the client's port) whose first bytes in the capture are a body's, but look like a message's.

    What comes behind an eviction is a beginning too.
    """
    starts = {
        (one.direction, truth.client[1], (truth.isn[one.direction] + 1 + one.start) % SEQUENCE)
        for truth in truths
        for one in truth.messages
    }
    found, begun = set(), set()
    for segment in captured:
        direction = "request" if segment.destination == SERVER else "response"
        client = segment.source if direction == "request" else segment.destination
        side = direction, client.port
        if side in begun or segment.checksum == "wrong" or not (segment.payload or segment.flags & SYN):
            continue
        if client not in evicted:
            begun.add(side)
        looks = any(text.startswith(segment.payload[: len(text)]) for text in (b"HTTP/", b"GET "))
        if segment.payload and looks and (*side, segment.seq) not in starts:
            found.add(side)
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


def _same(truth: Truth, message: Message, record: Record) -> None:
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
        same = _follows_head(truth, message, raw)  # nobody can tell where its body ends
    else:
        same = size <= len(message.body) and message.body.startswith(raw)
    if not same:
        raise UntruthError(f"not what was sent: {_short(message)}: {_short(record)}")


def _follows_head(truth: Truth, message: Message, raw: bytes) -> bool:
    stream = truth.stream(message.direction)
    return stream.startswith(raw, stream.index(b"\r\n\r\n", message.start) + 4)


def _check_missing(seen: Mapping[str, Seen], records: Sequence[Record], cut: bool) -> None:
    """What a connection's records say is missing did not come in time; and the holes between what was seen are all in
    it."""
    for side, name in SIDES.items():
        least = seen[side].holes
        most = seen[side].whole[1] - sum(last - first for first, last in seen[side].in_time)
        if cut:
            most = 1 << 32
        said = sum(record["missingBytes"][name] for record in records)
        # Where a side closes, one byte that was not seen, but acknowledged, may have been its FIN.
        if not least - len(records) <= said <= most:
            raise UntruthError(f"{said} bytes of the {name} said to be missing, not {least} to {most}: {records}")


def _short(value: object) -> str:
    """With its long runs cut out."""
    return re.sub(r"(.{60}).{60,}?(.{20})(?=[',}])", r"\1[...]\2", str(value))
