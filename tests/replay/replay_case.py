"""A behaviour as a readable case: packets in, records out, and a line on why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from expected import Record, comparable
from packets import Conversation, Segment, pcap
from packets.files import frames
from replay_engine import Replay, Replayed
from variants import VARIANTS


@dataclass(frozen=True)
class Case:
    name: str
    why: str
    packets: Conversation | Sequence[Segment]
    records: Sequence[Record]
    config: Mapping[str, Any] = field(default_factory=dict)
    stats: Mapping[str, int] = field(default_factory=dict)  # "group.name": count
    events: Sequence[Mapping[str, Any]] | None = None  # log events, each with these fields at least
    # Variants under which another output is right, and why.
    without: Collection[str] = ()
    without_why: str = ""

    @property
    def segments(self) -> list[Segment]:
        return list(self.packets.segments if isinstance(self.packets, Conversation) else self.packets)


def every_variant(*cases: Case) -> pytest.MarkDecorator:
    """Runs a test with each case in each way it may be captured."""
    assert len({case.name for case in cases}) == len(cases), "two cases have one name"
    return pytest.mark.parametrize(
        ("case", "variant"),
        [
            pytest.param(case, variant, id=f"{case.name}: {variant}")
            for case in cases
            for variant in VARIANTS
            if variant not in case.without
        ],
    )


def check(case: Case, variant: str, replay: Replay) -> Replayed:
    assert bool(case.without) == bool(case.without_why)
    capture = pcap(frames(VARIANTS[variant](case.segments)))
    result = replay(capture, **case.config)
    assert [comparable(record) for record in result.records] == list(case.records), case.why
    if variant in ("as is", "numbers wrap in the middle"):
        counted = {name: result.stat(name) for name in case.stats}
        assert counted == dict(case.stats), case.why
        if case.events is not None:
            assert_events(result.events, case.events)
    return result


def assert_events(events: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]]) -> None:
    """That these were logged, in this order, and beside them only that connections were seen."""
    events = [event for event in events if event["event"] != "connection"]
    assert len(events) == len(expected), events
    for event, wanted in zip(events, expected, strict=True):
        assert {name: event.get(name) for name in wanted} == dict(wanted)


def in_order(conversation: Conversation, *order: int) -> list[Segment]:
    """As the capture shows its packets: the first ones by their numbers, where one that is not named was not seen."""
    segments = conversation.segments
    shown = [*(segments[number] for number in order), *segments[max(order) + 1 :]]
    return [replace(segment, time=place.time) for segment, place in zip(shown, segments, strict=False)]


def merged(*conversations: Conversation) -> list[Segment]:
    """Several connections in one capture, by time."""
    segments = [segment for conversation in conversations for segment in conversation.segments]
    return sorted(segments, key=lambda segment: segment.time)
