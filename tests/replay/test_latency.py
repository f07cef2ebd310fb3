"""Times: a message's timestamp is its first byte's packet, `latencyMs` runs from the request's last byte."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from packets import Conversation, pcap, pcapng
from packets.conversation import START
from packets.files import frames
from replay_engine import Replay

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def milliseconds(record: dict[str, Any]) -> float:
    """A record's timestamp, counted from the capture's start."""
    text = record["timestamp"]
    assert text.endswith("Z") and len(text) == len("2023-11-14T22:13:20.000000Z"), text
    moment = datetime.fromisoformat(text)
    start = datetime.fromtimestamp(START // 10**9, UTC)
    return (moment - start).total_seconds() * 1000


def timed(start_ms: float = 0) -> Conversation:
    return Conversation(start_ms=start_ms).open()


def test_latency_is_from_the_requests_last_byte_to_the_responses_first(replay: Replay) -> None:
    capture = (
        timed()
        .client(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n", ack=False)
        .wait(9.9)
        .client(b"ab", ack=False)
        .wait(19.9)
        .server(OK[:20], ack=False)
        .wait(29.9)
        .server(OK[20:])
    )
    ask, answer = replay(pcap(frames(capture.segments))).records
    assert milliseconds(ask) == pytest.approx(0.3)
    assert milliseconds(answer) == pytest.approx(30.3)
    assert answer["latencyMs"] == pytest.approx(20)
    assert "latencyMs" not in ask


def test_each_pipelined_response_has_its_own_latency(replay: Replay) -> None:
    capture = (
        timed()
        .client(b"GET /1 HTTP/1.1\r\n\r\n", ack=False)
        .client(b"GET /2 HTTP/1.1\r\n\r\n", ack=False)
        .wait(9.8)
        .server(OK, ack=False)
        .server(OK)
    )
    answers = [r for r in replay(pcap(frames(capture.segments))).records if r["direction"] == "response"]
    assert [r["latencyMs"] for r in answers] == [pytest.approx(10), pytest.approx(10)]


def test_an_early_response_has_no_latency(replay: Replay) -> None:
    capture = timed().client(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na").server(OK).client(b"b")
    answer = next(r for r in replay(pcap(frames(capture.segments))).records if r["direction"] == "response")
    assert "request" in answer
    assert "latencyMs" not in answer


def test_an_interim_response_before_the_body_has_no_latency(replay: Replay) -> None:
    capture = (
        timed()
        .client(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        .server(b"HTTP/1.1 100 Continue\r\n\r\n")
        .client(b"ab", ack=False)
        .wait(4.9)
        .server(OK)
    )
    interim, _, final = replay(pcap(frames(capture.segments))).records
    assert interim["interim"] is True
    assert "latencyMs" not in interim
    assert final["latencyMs"] == pytest.approx(5)


@pytest.mark.parametrize("unit", ["us", "ns"])
@pytest.mark.parametrize("write", [pcap, pcapng], ids=["pcap", "pcapng"])
def test_timestamps_have_microseconds_in_every_file_format(replay: Replay, write: Any, unit: str) -> None:
    capture = timed(start_ms=86_400_000.123456).client(b"GET / HTTP/1.1\r\n\r\n")
    (record,) = replay(write(frames(capture.segments), unit=unit)).records
    assert record["timestamp"] == "2023-11-15T22:13:20.000423Z"


def test_a_late_packet_does_not_move_a_timestamp(replay: Replay) -> None:
    """The first byte came late: its own packet counts, and no latency is negative."""
    segments = timed().exchange(b"GET / HTTP/1.1\r\n\r\n", OK).segments
    ask, ack = segments[3], segments[4]
    swapped = [*segments[:3], ack, ask, *segments[5:]]
    first, second = replay(pcap(frames(swapped))).records
    assert milliseconds(first) == pytest.approx(0.3)
    assert second["latencyMs"] >= 0
