"""What the engine counts of exchanges: by receiver port, method and status, with times known by construction."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from packets import Conversation, pcap
from packets.files import frames
from replay_case import merged
from replay_engine import Replay, Replayed

GET = b"GET / HTTP/1.1\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nContent-Length: 300\r\n\r\n" + b"x" * 300
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"


class Seen(NamedTuple):
    """A series as its sums; the times in milliseconds. None: nothing was measured."""

    exchanges: int
    latency: float | None
    duration: float | None
    request_size: int | None
    response_size: int | None


def of(result: Replayed) -> dict[tuple[int, str, int | None], Seen]:
    seen = {}
    for one in result.exchanges["series"]:
        assert one["side"] == "server"  # a replay knows no addresses of its own
        sums = [_sum(one[name]) for name in ("latency", "duration", "requestSize", "responseSize")]
        latency, duration = (None if s is None else pytest.approx(s * 1000, abs=1e-6) for s in sums[:2])
        seen[one["port"], one["method"], one.get("status")] = Seen(one["exchanges"], latency, duration, *sums[2:])
    return seen


def _sum(histogram: dict[str, Any]) -> Any:
    return histogram["sum"] if sum(histogram["counts"]) else None


def run(replay: Replay, conversation: Conversation, **config: Any) -> dict[tuple[int, str, int | None], Seen]:
    return of(replay(pcap(frames(conversation.segments)), **config))


def test_times_and_sizes(replay: Replay) -> None:
    """From the request's first byte at 0 to its last at 10, the response's first at 30 and last at 60 ms."""
    conversation = (
        Conversation()
        .open()
        .client(POST[:50], ack=False)
        .wait(9.9)
        .client(POST[50:], ack=False)
        .wait(19.9)
        .server(OK[:20], ack=False)
        .wait(29.9)
        .server(OK[20:])
        .close()
    )
    assert run(replay, conversation) == {(8080, "POST", 200): Seen(1, 20, 60, 300, 2)}


def test_each_class_ends_with_its_bound(replay: Replay) -> None:
    """A latency of exactly 5 ms is counted under 5 ms, one of 5.1 ms above it."""
    conversation = Conversation().open()
    for wait in (4.9, 5.0):
        conversation = conversation.client(GET, ack=False).wait(wait).server(OK)
    result = replay(pcap(frames(conversation.close().segments)))
    (series,) = result.exchanges["series"]
    bounds = result.exchanges["bounds"]["latency"]
    counts = dict(zip([*bounds, None], series["latency"]["counts"], strict=True))
    assert {bound: count for bound, count in counts.items() if count} == {0.005: 1, 0.01: 1}


def test_a_series_for_each_port_method_and_status(replay: Replay) -> None:
    first = Conversation(client=("10.0.0.2", 40001)).open()
    first = first.exchange(GET, OK).exchange(GET, NO_CONTENT).exchange(POST, OK).exchange(GET, OK).close()
    second = Conversation(client=("10.0.0.2", 40002), server=("10.0.0.1", 8081)).open().exchange(GET, OK).close()
    seen = of(replay(pcap(frames(merged(first, second))), ports=[8080, 8081]))
    assert {key: one.exchanges for key, one in seen.items()} == {
        (8080, "GET", 200): 2,
        (8080, "GET", 204): 1,
        (8080, "POST", 200): 1,
        (8081, "GET", 200): 1,
    }


def test_a_method_of_its_own_makes_no_series(replay: Replay) -> None:
    conversation = Conversation().open()
    for method in (b"PURGE", b"get", b"BREW"):
        conversation = conversation.exchange(method + b" / HTTP/1.1\r\n\r\n", OK)
    assert {key: one.exchanges for key, one in run(replay, conversation.close()).items()} == {(8080, "_OTHER", 200): 3}


def test_a_body_without_its_chunks(replay: Replay) -> None:
    conversation = Conversation().open().exchange(GET, CHUNKED).close()
    assert run(replay, conversation)[8080, "GET", 200].response_size == 5


def test_an_interim_response_is_no_exchange(replay: Replay) -> None:
    conversation = Conversation().open().client(GET).server(b"HTTP/1.1 103 Early Hints\r\n\r\n").server(OK).close()
    assert {key: one.exchanges for key, one in run(replay, conversation).items()} == {(8080, "GET", 200): 1}


def test_pipelined_requests(replay: Replay) -> None:
    """Each exchange runs from its own request's first byte."""
    conversation = (
        Conversation()
        .open()
        .client(GET, ack=False)
        .wait(9.9)
        .client(GET, ack=False)
        .wait(9.9)
        .server(OK, ack=False)
        .wait(9.9)
        .server(OK)
        .close()
    )
    assert run(replay, conversation) == {(8080, "GET", 200): Seen(2, 20 + 20, 20 + 20, 0, 4)}


def test_a_response_before_the_requests_end(replay: Replay) -> None:
    """It has a duration, but neither latency nor, when it came, a size of its request."""
    body = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"
    conversation = Conversation().open().client(POST[:60], ack=False).wait(4.9).server(body).client(POST[60:]).close()
    assert run(replay, conversation) == {(8080, "POST", 413): Seen(1, None, 5, None, 0)}


def test_what_is_not_whole_is_counted_and_not_measured(replay: Replay) -> None:
    conversation = Conversation().open().client(GET).server(OK[:-1]).server_fin().client_fin()
    (seen,) = run(replay, conversation).values()
    assert (seen.exchanges, seen.duration, seen.request_size, seen.response_size) == (1, None, 0, None)
    assert seen.latency is not None


def test_a_response_whose_request_was_not_seen(replay: Replay) -> None:
    conversation = Conversation().server(OK).close()
    assert run(replay, conversation) == {(8080, "_OTHER", 200): Seen(1, None, None, None, 2)}


def test_an_answer_without_a_head(replay: Replay) -> None:
    """HTTP/0.9 has no status."""
    conversation = Conversation().open().client(b"GET /\r\n").server(b"<p>hello").server_fin().client_fin()
    (key,) = run(replay, conversation)
    assert key == (8080, "GET", None)


def test_what_a_rule_excludes_is_not_counted(replay: Replay) -> None:
    conversation = Conversation().open().exchange(b"GET /healthz HTTP/1.1\r\n\r\n", OK).exchange(GET, OK).close()
    seen = run(replay, conversation, exclude=[{"path": "/healthz"}])
    assert {key: one.exchanges for key, one in seen.items()} == {(8080, "GET", 200): 1}


def test_nor_is_a_sniffers_own_delivery(replay: Replay) -> None:
    delivery = b"POST / HTTP/1.1\r\nTcp-Sniffer-Delivery: abc\r\nContent-Length: 0\r\n\r\n"
    assert run(replay, Conversation().open().exchange(delivery, OK).close()) == {}
