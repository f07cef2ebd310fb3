"""The ways in which the same stream may be captured. The records must not depend on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from packets import ACK, FIN, SYN, Segment
from packets.conversation import MILLISECOND, SEQUENCE
from packets.segment import End

Variant = Callable[[Sequence[Segment]], list[Segment]]

# A hole that was acknowledged is a gap after 50 ms: packets further apart than this keep their order.
NEIGHBOURS = 10 * MILLISECOND


def as_is(segments: Sequence[Segment]) -> list[Segment]:
    return list(segments)


def _swapped(first: int) -> Variant:
    def swap(segments: Sequence[Segment]) -> list[Segment]:
        """Every second pair of neighbours, from `first` on, changes places."""
        result = list(segments)
        for i in range(first, len(result) - 1, 2):
            if result[i + 1].time - result[i].time <= NEIGHBOURS:
                result[i], result[i + 1] = result[i + 1], result[i]
        return _in_place_times(segments, result)

    return swap


def late_data(segments: Sequence[Segment]) -> list[Segment]:
    """Data comes two packets late: behind its acknowledgement, and the next answer's first bytes."""
    places = []
    for i, segment in enumerate(segments):
        near = i + 2 < len(segments) and segments[i + 2].time - segment.time <= NEIGHBOURS
        late = segment.payload and not segment.flags & (SYN | FIN) and near
        places.append((i + 2.5 if late else float(i), segment))
    return _in_place_times(segments, [segment for _, segment in sorted(places, key=lambda place: place[0])])


def _in_place_times(original: Sequence[Segment], reordered: Iterable[Segment]) -> list[Segment]:
    """A capture's times only rise: each place keeps its time."""
    return [replace(segment, time=place.time) for place, segment in zip(original, reordered, strict=True)]


def _split(size: int) -> Variant:
    def split(segments: Sequence[Segment]) -> list[Segment]:
        return [piece for segment in segments for piece in _pieces(segment, size)]

    return split


def _pieces(segment: Segment, size: int) -> list[Segment]:
    """The segment in pieces of at most `size` bytes; a SYN stays with the first, a FIN with the last."""
    if len(segment.payload) <= size:
        return [segment]
    starts = range(0, len(segment.payload), size)
    after_syn = bool(segment.flags & SYN)
    return [
        replace(
            segment,
            seq=(segment.seq + at + (after_syn and at > 0)) % SEQUENCE,
            payload=segment.payload[at : at + size],
            flags=segment.flags & ~((SYN if at else 0) | (FIN if at != starts[-1] else 0)),
            options=segment.options if at == 0 else b"",
        )
        for at in starts
    ]


def split_at_every_byte(segments: Sequence[Segment]) -> list[Segment]:
    """One byte a segment; larger streams in sizes that meet every offset of a head's and a chunk's parts."""
    total = sum(len(segment.payload) for segment in segments)
    return _split(1 if total <= 4000 else 7 if total <= 50_000 else 61)(segments)


def duplicated(segments: Sequence[Segment]) -> list[Segment]:
    return [copy for segment in segments for copy in (segment, segment)]


def repeated_later(segments: Sequence[Segment]) -> list[Segment]:
    """Each segment with data comes again, four packets later: a retransmission."""
    places = [(float(i), segment) for i, segment in enumerate(segments)]
    for i, segment in enumerate(segments[:-4]):
        if segment.payload and segments[i + 4].time - segment.time <= NEIGHBOURS:
            places.append((i + 4.5, replace(segment, time=segments[i + 4].time)))
    return [segment for _, segment in sorted(places, key=lambda place: place[0])]


def _wrapping(at: str) -> Variant:
    def wrap(segments: Sequence[Segment]) -> list[Segment]:
        shifts = {flow: _shift(segments, flow, at) for flow in {(s.source, s.destination) for s in segments}}
        return [
            replace(
                segment,
                seq=(segment.seq + shifts[segment.source, segment.destination]) % SEQUENCE,
                ack=(segment.ack + shifts.get((segment.destination, segment.source), 0)) % SEQUENCE
                if segment.flags & ACK
                else 0,
            )
            for segment in segments
        ]

    return wrap


def _shift(segments: Sequence[Segment], flow: tuple[End, End], at: str) -> int:
    """What moves a direction's first data byte, or the middle of its data, to where numbers wrap."""
    data = [s for s in segments if (s.source, s.destination) == flow and s.payload]
    first = data[0].seq if data else next(s.seq for s in segments if (s.source, s.destination) == flow)
    last = (data[-1].seq + data[-1].length - first) % SEQUENCE if data else 0
    wanted = {
        "first byte": 0,
        "middle": SEQUENCE - max(last // 2, 1),
        "sign": SEQUENCE // 2 - max(last // 2, 1),
    }[at]
    return (wanted - first) % SEQUENCE


VARIANTS: dict[str, Variant] = {
    "as is": as_is,
    "even pairs swapped": _swapped(0),
    "odd pairs swapped": _swapped(1),
    "data late": late_data,
    "split at every byte": split_at_every_byte,
    "split in threes": _split(3),
    "every segment twice": duplicated,
    "data again later": repeated_later,
    "numbers wrap at the first byte": _wrapping("first byte"),
    "numbers wrap in the middle": _wrapping("middle"),
    "numbers cross the sign": _wrapping("sign"),
}
REORDERED = frozenset(name for name in VARIANTS if name.endswith(("swapped", "late")))
SPLIT = frozenset(name for name in VARIANTS if name.startswith("split"))
REPEATED = frozenset({"every segment twice", "data again later"})
WRAPPED = frozenset(name for name in VARIANTS if name.startswith("numbers"))
CHANGED = REORDERED | SPLIT | REPEATED  # those with other packets, or in another order
