"""What the tap saw of each side, and what of that came in time."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from packets import ACK, FIN, RST, SYN, Segment
from packets.conversation import MILLISECOND, SEQUENCE

from truth.simulator import SERVER, Truth

Ranges = list[tuple[int, int]]  # of a side's sequence space, 0 its SYN: sorted, apart
OTHER = {"request": "response", "response": "request"}
# What was acknowledged and not seen is a gap after so many packets more of its connection, or after so long.
GAP_PACKETS, GAP_DELAY = 3, 50 * MILLISECOND


@dataclass
class Seen:
    """Of one side. What came only after it may have been called a gap is not `in_time`."""

    whole: tuple[int, int]  # from its SYN to its last byte, or its FIN
    joined: int | None = None  # where the first packet stands that tells where it does
    ever: Ranges = field(default_factory=list)
    in_time: Ranges = field(default_factory=list)
    _overdue: int = 0  # up to where
    _awaited: deque[tuple[int, int, int]] = field(default_factory=deque)  # since which packet and when, up to where

    def see(self, start: int, end: int, packets: int, now: int, *, joins: bool) -> None:
        while self._awaited and (packets - self._awaited[0][0] > GAP_PACKETS or now - self._awaited[0][1] >= GAP_DELAY):
            self._overdue = max(self._overdue, self._awaited.popleft()[2])
        if joins:
            self.join(start)
        self.ever.append((start, end))
        if end > self._overdue:
            self.in_time.append((max(start, self._overdue), end))

    def join(self, at: int) -> None:
        if self.joined is None:
            self.joined = at

    def acknowledge(self, upto: int, packets: int, now: int) -> None:
        if upto <= self.whole[1]:
            self._awaited.append((packets, now, upto))

    @property
    def holes(self) -> int:
        """Bytes between what was seen, from where the first packet stands."""
        return sum(first - last for (_, last), (first, _) in pairwise(self.ever) if first > (self.joined or 0))

    @property
    def all_in_time(self) -> bool:
        return self.in_time == [self.whole]


class Tap:
    """Looks at what was captured of some connections, of each packet `snap` bytes of payload."""

    def __init__(self, truths: Sequence[Truth], captured: Iterable[Segment], snap: int) -> None:
        self._seen = {(id(truth), side): Seen(_space(truth, side)) for truth in truths for side in OTHER}
        self._packets: dict[tuple[str, int], int] = defaultdict(int)
        by_client: dict[tuple[str, int], list[Truth]] = defaultdict(list)
        for truth in truths:
            by_client[truth.client].append(truth)
        now, last = 0, 0
        for segment in captured:
            now += max(0, segment.time - last)  # where the clock is set back, time goes on
            last = segment.time
            side = "request" if segment.destination == SERVER else "response"
            client = segment.source if side == "request" else segment.destination
            if not (self._packets[client] or segment.payload or segment.flags & SYN):
                continue  # no connection begins with it
            self._packets[client] += 1
            for truth in by_client[client]:
                self._look(truth, side, segment, snap, now)
        for seen in self._seen.values():
            seen.ever, seen.in_time = _union(seen.ever), _union(seen.in_time)

    def seen(self, truth: Truth, side: str) -> Seen:
        return self._seen[id(truth), side]

    def _look(self, truth: Truth, side: str, segment: Segment, snap: int, now: int) -> None:
        packets = self._packets[truth.client]
        start = (segment.seq - truth.isn[side]) % SEQUENCE
        if start <= truth.sent[side] + 1 and segment.checksum != "wrong" and segment.length:
            kept = segment.length if len(segment.payload) <= snap else snap
            # A SYN behind what the other side says in the midst of a connection may be the next one's.
            joins = not (segment.flags & SYN and self.seen(truth, OTHER[side]).joined)
            self.seen(truth, side).see(start, start + kept, packets, now, joins=joins)
        if segment.flags & RST and start == truth.sent[side] + 1:
            self.seen(truth, side).join(start)  # its last: what comes behind it are late copies
        if segment.flags & ACK:
            upto = (segment.ack - truth.isn[OTHER[side]]) % SEQUENCE
            self.seen(truth, OTHER[side]).acknowledge(upto, packets, now)


def _space(truth: Truth, side: str) -> tuple[int, int]:
    fin = any(one.flags & FIN and (one.destination == SERVER) == (side == "request") for one in truth.segments)
    return 0, 1 + truth.sent[side] + fin


def _union(ranges: Ranges) -> Ranges:
    result: Ranges = []
    for first, last in sorted(ranges):
        if result and first <= result[-1][1]:
            result[-1] = result[-1][0], max(result[-1][1], last)
        else:
            result.append((first, last))
    return result
