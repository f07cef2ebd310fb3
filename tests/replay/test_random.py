"""Connections made up at random: however they are captured, the records are those of the plain capture."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

from expected import comparable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packets import Conversation, Segment, pcap
from packets.files import Frame, frames
from packets.links import RAW
from replay_engine import Replayed, replay
from variants import REPEATED, SPLIT, VARIANTS, WRAPPED

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
BODIES = st.binary(max_size=300)


def with_length(start: bytes, body: bytes) -> bytes:
    return b"%b\r\nContent-Length: %d\r\n\r\n%b" % (start, len(body), body)


def chunked(start: bytes, body: bytes) -> bytes:
    chunks = b"".join(b"%x;x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:]) if part)
    return start + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX-Sum: 1\r\n\r\n"


FRAMINGS = st.sampled_from([with_length, chunked])
METHODS = st.sampled_from([b"GET", b"POST", b"HEAD", b"PURGE"])


@st.composite
def exchanges(draw: st.DrawFn) -> tuple[bytes, bytes]:
    method = draw(METHODS)
    ask: Callable[[bytes, bytes], bytes] = draw(FRAMINGS)
    answer: Callable[[bytes, bytes], bytes] = draw(FRAMINGS)
    request = ask(method + b" /%d HTTP/1.1" % draw(st.integers(0, 99)), draw(BODIES))
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * draw(st.integers(0, 2))
    if method == b"HEAD":
        return request, interim + b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"
    final = draw(st.one_of(st.just(NO_CONTENT), BODIES.map(lambda body: answer(b"HTTP/1.1 200 OK", body))))
    return request, interim + final


@st.composite
def conversations(draw: st.DrawFn) -> list[Segment]:
    """Exchanges one by one or pipelined, closed in one of the ways there are."""
    conversation = Conversation().open()
    for group in draw(st.lists(st.lists(exchanges(), min_size=1, max_size=3), max_size=3)):
        mss = draw(st.integers(1, 200))
        conversation.client(b"".join(ask for ask, _ in group), mss=max(mss, 20))
        conversation.server(b"".join(answer for _, answer in group), mss=max(mss, 20))
    end = draw(st.sampled_from(["close", "server_fin", "client_rst", "server_rst", "client_ack"]))
    return getattr(conversation, end)().segments  # type: ignore[no-any-return]


def run(segments: list[Segment]) -> Replayed:
    with tempfile.TemporaryDirectory() as folder:
        return replay(Path(folder), [pcap(frames(segments))], {})


RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)


# Reordering comes last: to reorder and then to add packets would be to wait longer than a hole may stay open.
FIRST = st.sampled_from(sorted({"as is"} | SPLIT | REPEATED | WRAPPED))


@given(conversations(), FIRST, st.sampled_from(sorted(VARIANTS.keys() - SPLIT - REPEATED)))
@settings(RELAXED, max_examples=300)
def test_any_capture_of_a_connection_tells_the_same(
    library: Path, segments: list[Segment], first: str, second: str
) -> None:
    """Two ways at once, such as split and then reordered."""
    assert library.exists()
    records = [comparable(record) for record in run(VARIANTS[second](VARIANTS[first](segments))).records]
    assert records == [comparable(record) for record in run(segments).records]
    assert all(record["complete"] for record in records)


@given(conversations(), st.randoms(use_true_random=False))
@settings(RELAXED, max_examples=300)
def test_damaged_captures(library: Path, segments: list[Segment], random: Random) -> None:
    """Whatever a capture holds: the engine stands, its records are valid, its ledger balances."""
    assert library.exists()
    captured = [damaged(frame, random) for frame in frames(segments, link=RAW)]
    random.shuffle(captured)
    with tempfile.TemporaryDirectory() as folder:
        replay(Path(folder), [pcap(captured, link=RAW)], {"outputConnections": True})


def damaged(frame: Frame, random: Random) -> Frame:
    data = bytearray(frame.data)
    for _ in range(random.choice([0, 0, 1, 3])):
        data[random.randrange(len(data))] = random.randrange(256)
    return frame._replace(data=bytes(data[: random.choice([len(data), random.randrange(len(data))])]))


@given(conversations(), st.randoms(use_true_random=False))
@settings(RELAXED, max_examples=300)
def test_lost_packets(library: Path, segments: list[Segment], random: Random) -> None:
    """Under loss no message lies: one that is complete is as it was sent, with its own request."""
    assert library.exists()
    kept = [segment for segment in segments if random.random() < 0.8]
    truth = [told(record) for record in run(segments).records]
    for record in run(kept).records:
        if record["complete"]:
            assert any(told(record).items() <= whole.items() for whole in truth), record


def told(record: dict[str, object]) -> dict[str, object]:
    """What a message says of itself, and of the request it answers."""
    names = ("direction", "method", "path", "statusCode", "headers", "body", "bodySize", "trailers", "request")
    return {name: record[name] for name in names if name in record}
