"""The same packets give the same bytes: in every run, in every file format, and by connection when sampled."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest
from packets import Conversation, Segment, pcap, pcapng
from packets.files import frames
from packets.links import COOKED2, QINQ
from replay_case import merged
from replay_engine import Replay

GET = b"GET / HTTP/1.1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"


def connections(count: int) -> list[Segment]:
    """Connections that run at the same time."""
    return merged(
        *(
            Conversation((f"10.1.{number // 250}.{number % 250}", 30000 + number), start_ms=number / 8)
            .open()
            .exchange(GET, OK)
            .wait(20)
            .exchange(GET, OK)
            .close()
            for number in range(count)
        )
    )


def test_twice_the_same_bytes(replay: Replay) -> None:
    """The flow table's key is random, and no output depends on it: eviction, order and ids included."""
    capture = pcap(frames(connections(300)))
    runs = [replay(capture, maxConcurrentConnections=50, outputConnections=True) for _ in range(3)]
    assert len(runs[0].records) > 300
    assert runs[0].raw == runs[1].raw == runs[2].raw


def test_the_file_format_does_not_matter(replay: Replay) -> None:
    """pcap or pcapng, either byte order, any link layer: the packets and their times are what counts."""
    segments = connections(20)
    expected = replay(pcap(frames(segments))).raw
    for capture in (
        pcap(frames(segments), unit="us"),
        pcap(frames(segments), byte_order=">"),
        pcapng(frames(segments)),
        pcapng(frames(segments), unit="us", byte_order=">"),
        pcap(frames(segments, link=QINQ), link=QINQ),
        pcapng(frames(segments, link=COOKED2), link=COOKED2),
        gzip.compress(pcap(frames(segments))),
    ):
        assert replay(capture).raw == expected


def test_one_file_or_several(replay: Replay) -> None:
    """A rotated capture is one capture."""
    captured = frames(connections(20))
    whole = replay(pcap(captured)).raw
    assert replay(*[pcap(captured[at : at + 50]) for at in range(0, len(captured), 50)]).raw == whole


@pytest.mark.parametrize("rate", [0.0, 0.25, 0.5, 1.0])
def test_sampling(replay: Replay, rate: float) -> None:
    """By connection: whole exchanges or nothing; about the share asked for; what is left out is counted."""
    result = replay(pcap(frames(connections(400))), sampleRate=rate)
    per_connection = {record["connectionId"] for record in result.records}
    assert len(result.records) == 4 * len(per_connection)
    assert len(per_connection) == pytest.approx(400 * rate, abs=50 if 0 < rate < 1 else 0)
    assert result.stat("packets.sampled_out") == result.stat("packets.received") - 14 * len(per_connection)


def test_sampling_takes_the_same_connections_each_time(replay: Replay) -> None:
    """Unkeyed, so that two sniffers on one path take the same; and a higher rate takes more, not others."""

    def taken(rate: float, change: Callable[[list[Segment]], list[Segment]] = list) -> set[str]:
        result = replay(pcap(frames(change(connections(200)))), sampleRate=rate)
        return {record["destination"]["ip"] + str(record["destination"]["port"]) for record in result.records}

    assert taken(0.3) == taken(0.3)
    assert taken(0.3) < taken(0.6)
    midway = taken(0.3, lambda segments: [segment for segment in segments if not segment.flags & 2])
    assert midway == taken(0.3)
