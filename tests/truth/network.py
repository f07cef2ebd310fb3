"""A hostile network between the endpoints, who understand each other, and the tap, which sees what is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from packets import ACK, FIN, RST, SYN, Segment
from packets.conversation import SEQUENCE

Disturbance = Callable[[list[Segment], Random], list[Segment]]


def lose(rate: float) -> Disturbance:
    """The tap does not see a share of the packets; the endpoints do."""
    return lambda segments, random: [segment for segment in segments if random.random() >= rate]


def reorder(rate: float, by: Sequence[int] = (1,)) -> Disturbance:
    """Packets come some places late; each place keeps the capture's time."""

    def apply(segments: list[Segment], random: Random) -> list[Segment]:
        result, at = list(segments), 0
        while at + 1 < len(result):
            to = at + random.choice(by)
            if random.random() < rate and to < len(result) and result[to].time - result[at].time < 10**7:
                places, late = result[at : to + 1], [*result[at + 1 : to + 1], result[at]]
                result[at : to + 1] = [replace(one, time=place.time) for one, place in zip(late, places, strict=True)]
                at = to
            at += 1
        return result

    return apply


def in_turn(*disturbances: Disturbance) -> Disturbance:
    def apply(segments: list[Segment], random: Random) -> list[Segment]:
        for disturbance in disturbances:
            segments = disturbance(segments, random)
        return segments

    return apply


def repeat(segments: list[Segment], random: Random) -> list[Segment]:
    """Packets come twice, and parts of earlier ones again."""
    result = []
    for segment in segments:
        result.append(segment)
        if random.random() < 0.1:
            first, last = sorted(random.randint(0, len(segment.payload)) for _ in range(2))
            result.append(_part(segment, first, last) if first < last and _plain(segment) else segment)
    return result


def repeat_late(segments: list[Segment], random: Random) -> list[Segment]:
    """Packets come again up to 30 packets later, whatever became of their connection meanwhile."""
    places = [(float(place), segment) for place, segment in enumerate(segments)]
    for place, segment in enumerate(segments):
        to = place + random.randint(2, 30)
        if to < len(segments) and random.random() < 0.05:
            places.append((to + 0.5, replace(segment, time=segments[to].time)))
    return [segment for _, segment in sorted(places, key=lambda one: one[0])]


def straddle(segments: list[Segment], random: Random) -> list[Segment]:
    """Data that begins in what was sent, and goes on with new."""
    result: list[Segment] = []
    for segment in segments:
        last = result[-1] if result else None
        if last and _follows(last, segment) and random.random() < 0.2:
            old = last.payload[-random.randint(1, len(last.payload)) :]
            segment = replace(segment, seq=(segment.seq - len(old)) % SEQUENCE, payload=old + segment.payload)
        result.append(segment)
    return result


def split(segments: list[Segment], random: Random) -> list[Segment]:
    """Data cut at any byte."""
    result = []
    for segment in segments:
        if not _plain(segment) or len(segment.payload) < 2 or random.random() < 0.7:
            result.append(segment)
            continue
        cut = random.randint(1, len(segment.payload) - 1)
        result += [_part(segment, 0, cut), _part(segment, cut, len(segment.payload))]
    return result


def merge(segments: list[Segment], random: Random) -> list[Segment]:
    """Offload hands neighbours over as one.

    Of what this machine sent the checksums are then not yet made: no forged ones can be told from them.
    """
    result: list[Segment] = []
    for segment in segments:
        last = result[-1] if result else None
        if last and _follows(last, segment) and random.random() < 0.6:
            result[-1] = replace(last, payload=last.payload + segment.payload)
        else:
            result.append(segment)
    offloaded = random.random() < 0.5 and all(segment.checksum == "valid" for segment in segments)
    return [replace(segment, checksum="offloaded") for segment in result] if offloaded else result


def forge(segments: list[Segment], random: Random) -> list[Segment]:
    """Other bytes with a wrong checksum before the real ones; resets that lie outside of the window, or in it."""
    result = []
    ends = {(one.source, (one.seq + one.length) % SEQUENCE) for one in segments}
    for segment in segments:
        if segment.payload and _plain(segment) and segment.checksum == "valid":
            if random.random() < 0.05:
                result.append(replace(segment, payload=b"X" * len(segment.payload), checksum="wrong"))
            if random.random() < 0.05:
                seq = (segment.seq + random.choice([-200_000, 700, 300_000, 1 << 30])) % SEQUENCE
                if (segment.source, seq) not in ends:  # where one side waits a true reset could stand
                    result.append(replace(segment, seq=seq, payload=b"", flags=RST | ACK))
        result.append(segment)
    return result


def contradict(segments: list[Segment], random: Random) -> list[Segment]:
    """Behind some data other bytes for a part of it, and of what came before it, with as right a checksum: the first
    copy is what was read."""
    result: list[Segment] = []
    for segment in segments:
        last = result[-1] if result else None
        result.append(segment)
        if segment.payload and _plain(segment) and segment.checksum != "wrong" and random.random() < 0.05:
            old = random.randint(0, len(last.payload)) if last and _follows(last, segment) else 0
            new = random.randint(1, len(segment.payload))
            result.append(replace(segment, seq=(segment.seq - old) % SEQUENCE, payload=b"Y" * (old + new)))
    return result


def step_back(segments: list[Segment], random: Random) -> list[Segment]:
    """The clock is set back by some seconds at a packet."""
    at = random.randrange(len(segments) + 1)
    back = random.randint(1, 5) * 10**9
    return segments[:at] + [replace(segment, time=segment.time - back) for segment in segments[at:]]


def cut_out(segments: list[Segment], random: Random) -> list[Segment]:
    """The capture begins and ends midway."""
    first, last = sorted(random.randrange(len(segments) + 1) for _ in range(2))
    return segments[first:last]


def _plain(segment: Segment) -> bool:
    return not segment.flags & (SYN | FIN | RST)


def _part(segment: Segment, first: int, last: int) -> Segment:
    return replace(segment, seq=(segment.seq + first) % SEQUENCE, payload=segment.payload[first:last])


def _follows(last: Segment, segment: Segment) -> bool:
    return (
        bool(last.payload and segment.payload)
        and last.source == segment.source
        and last.ack == segment.ack
        and last.checksum == segment.checksum
        and _plain(last)
        and _plain(segment)
        and (last.seq + last.length) % SEQUENCE == segment.seq
        and len(last.payload) + len(segment.payload) < 60_000
    )
