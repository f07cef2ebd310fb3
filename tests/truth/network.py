"""A hostile network between the endpoints, who understand each other, and the tap, which sees what is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from packets import ACK, FIN, RST, SYN, Segment
from packets.conversation import SEQUENCE

Disturbance = Callable[[list[Segment], Random], list[Segment]]


def lose(rate: float) -> Disturbance:
    """The tap does not see a share of the packets; the endpoints do."""
    return lambda segments, random: [segment for segment in segments if random.random() >= rate]


def reorder(rate: float) -> Disturbance:
    """Neighbours change places; each keeps the capture's time of its place."""

    def apply(segments: list[Segment], random: Random) -> list[Segment]:
        result, at = list(segments), 0
        while at + 1 < len(result):
            if random.random() < rate:
                first, second = result[at], result[at + 1]
                result[at], result[at + 1] = replace(second, time=first.time), replace(first, time=second.time)
                at += 1
            at += 1
        return result

    return apply


def repeat(segments: list[Segment], random: Random) -> list[Segment]:
    """Packets come twice, and parts of earlier ones again."""
    result = []
    for segment in segments:
        result.append(segment)
        if random.random() < 0.1:
            cut = random.randint(0, len(segment.payload))
            if cut and not segment.flags & (SYN | FIN):
                seq = (segment.seq + cut) % SEQUENCE
                result.append(replace(segment, seq=seq, payload=segment.payload[cut:]))
            else:
                result.append(segment)
    return result


def split(segments: list[Segment], random: Random) -> list[Segment]:
    """Data cut at any byte."""
    result = []
    for segment in segments:
        if segment.flags & (SYN | FIN) or len(segment.payload) < 2 or random.random() < 0.7:
            result.append(segment)
            continue
        cut = random.randint(1, len(segment.payload) - 1)
        result.append(replace(segment, payload=segment.payload[:cut]))
        result.append(replace(segment, seq=(segment.seq + cut) % SEQUENCE, payload=segment.payload[cut:]))
    return result


def forge(segments: list[Segment], random: Random) -> list[Segment]:
    """Other bytes with a wrong checksum before the real ones; resets far outside of the window."""
    result = []
    for segment in segments:
        if segment.payload and not segment.flags & (SYN | FIN):
            if random.random() < 0.05:
                result.append(replace(segment, payload=b"X" * len(segment.payload), checksum="wrong"))
            if random.random() < 0.05:
                seq = (segment.seq + (1 << 30)) % SEQUENCE
                result.append(replace(segment, seq=seq, payload=b"", flags=RST | ACK))
        result.append(segment)
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


HARMLESS: tuple[Disturbance, ...] = (repeat, split, forge, step_back)
