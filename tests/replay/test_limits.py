"""Every limit: what is cut says so, what is dropped is counted, and framing goes on."""

from __future__ import annotations

import pytest
from expected import comparable, request, response
from packets import Conversation, pcap
from packets.files import frames
from replay_case import Case, check, every_variant, merged
from replay_engine import Replay

GET = b"GET / HTTP/1.1\r\n\r\n"
GOT = request("GET", "/")
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
NEXT = [request("GET", "/", exchange=1), response(204, "No Content", to="GET /", exchange=1)]


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def chunked(*chunks: bytes) -> bytes:
    coded = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + coded


def answered(answer: bytes, ask: bytes = GET) -> Conversation:
    """An exchange that meets a limit, and one behind it."""
    return Conversation().open().exchange(ask, answer).exchange(GET, NO_CONTENT).close()


BODIES = (
    Case(
        "a body over maxBodySize",
        "shortened; bodySize is what went by, the message is complete",
        answered(ok(b"0123456789")),
        [
            GOT,
            response(
                200,
                to="GET /",
                headers={"content-length": "10"},
                body="01234567",
                bodySize=10,
                bodyTruncated=True,
            ),
            *NEXT,
        ],
        config={"maxBodySize": 8},
        stats={"streams.bodies_cut": 1},
    ),
    Case(
        "a body of exactly maxBodySize",
        "nothing is cut",
        answered(ok(b"01234567")),
        [GOT, response(200, to="GET /", headers={"content-length": "8"}, body="01234567"), *NEXT],
        config={"maxBodySize": 8},
        stats={"streams.bodies_cut": 0},
    ),
    Case(
        "truncation within a character",
        "steps back to a whole character: a text stays text",
        answered(ok("abc☃☃☃".encode())),
        [
            GOT,
            response(200, to="GET /", headers={"content-length": "12"}, body="abc☃", bodySize=12, bodyTruncated=True),
            *NEXT,
        ],
        config={"maxBodySize": 8},
    ),
    Case(
        "truncation within what is no text",
        "base64 has no characters to step back to",
        answered(ok(b"\xff\x00\xff\x00\xff\x00\xff\x00\xff\x00")),
        [
            GOT,
            response(
                200,
                to="GET /",
                headers={"content-length": "10"},
                body=b"\xff\x00\xff\x00\xff\x00\xff\x00",
                bodySize=10,
                bodyTruncated=True,
            ),
            *NEXT,
        ],
        config={"maxBodySize": 8},
    ),
    Case(
        "a chunked body over maxBodySize",
        "the chunks' data together",
        answered(chunked(b"012345", b"6789")),
        [
            GOT,
            response(
                200,
                to="GET /",
                headers={"transfer-encoding": "chunked"},
                body="01234567",
                bodySize=10,
                bodyTruncated=True,
            ),
            *NEXT,
        ],
        config={"maxBodySize": 8},
    ),
    Case(
        "maxBodySize of 0",
        "no bodies at all, and no body is no field; that it was cut is said",
        answered(ok(b"0123456789")),
        [
            GOT,
            response(200, to="GET /", headers={"content-length": "10"}, bodySize=10, bodyTruncated=True),
            *NEXT,
        ],
        config={"maxBodySize": 0},
    ),
)

POST = b"POST / HTTP/1.1\r\n"
LONG = b"X-Long: " + b"x" * 300
LONG_HEADER = {"x-long": "x" * 300}

HEADS = (
    Case(
        "a head over maxHeaderSize",
        "kept to the limit, its framing still obeyed: Content-Length stands behind the limit",
        answered(b"HTTP/1.1 200 OK\r\nA: b\r\n" + LONG + b"\r\nContent-Length: 5\r\n\r\nhello"),
        [
            GOT,
            response(200, to="GET /", headers={"a": "b"}, body="hello", headersTruncated=True),
            *NEXT,
        ],
        config={"maxHeaderSize": 256},
    ),
    Case(
        "chunked behind maxHeaderSize",
        "the coding is obeyed too",
        answered(b"HTTP/1.1 200 OK\r\nA: b\r\n" + LONG + b"\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        [GOT, response(200, to="GET /", headers={"a": "b"}, body="ok", headersTruncated=True), *NEXT],
        config={"maxHeaderSize": 256},
    ),
    Case(
        "Content-Length folded behind maxHeaderSize",
        "the line that continues it is obeyed as well, and no other",
        answered(NO_CONTENT, POST + LONG + b"\r\n 9\r\nContent-Length:\r\n 5\r\nB: c\r\n 7\r\n\r\nhello"),
        [
            request("POST", "/", body="hello", headersTruncated=True),
            response(204, "No Content", to="POST /"),
            *NEXT,
        ],
        config={"maxHeaderSize": 256},
    ),
    Case(
        "chunked folded behind maxHeaderSize",
        "in the list's last line",
        answered(
            NO_CONTENT,
            POST + LONG + b"\r\nTransfer-Encoding: gzip,\r\n\tchunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        ),
        [
            request("POST", "/", body="ok", headersTruncated=True),
            response(204, "No Content", to="POST /"),
            *NEXT,
        ],
        config={"maxHeaderSize": 256},
    ),
    Case(
        "Content-Length that maxHeaderSize parts from its value",
        "the field begins before the limit",
        answered(NO_CONTENT, POST + b"A: %b\r\nContent-Length:\r\n%b5\r\n\r\nhello" % (b"a" * 200, b" " * 50)),
        [
            request("POST", "/", headers={"a": "a" * 200}, body="hello", headersTruncated=True),
            response(204, "No Content", to="POST /"),
            *NEXT,
        ],
        config={"maxHeaderSize": 256},
    ),
    Case(
        "a request's head over maxHeaderSize",
        "requests as responses",
        answered(NO_CONTENT, b"POST / HTTP/1.1\r\nA: b\r\n" + LONG + b"\r\nContent-Length: 5\r\n\r\nhello"),
        [
            request("POST", "/", headers={"a": "b"}, body="hello", headersTruncated=True),
            response(204, "No Content", to="POST /"),
            *NEXT,
        ],
        config={"maxHeaderSize": 256},
    ),
    Case(
        "a head within maxHeaderSize",
        "nothing is cut",
        answered(b"HTTP/1.1 200 OK\r\n" + LONG + b"\r\nContent-Length: 5\r\n\r\nhello"),
        [
            GOT,
            response(200, to="GET /", headers={**LONG_HEADER, "content-length": "5"}, body="hello"),
            *NEXT,
        ],
        config={"maxHeaderSize": 512},
    ),
)


@every_variant(*BODIES, *HEADS)
def test_body_and_head_limits(case: Case, variant: str, replay: Replay) -> None:
    check(case, variant, replay)


def test_a_target_over_max_header_size_is_cut(replay: Replay) -> None:
    """The start line alone is over the limit: the target's beginning is kept, and the next exchange found."""
    capture = answered(NO_CONTENT, b"GET /" + b"a" * 1000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
    first, answer, *rest = replay(pcap(frames(capture.segments)), maxHeaderSize=256).records
    assert first["headersTruncated"] is True
    assert first["path"].startswith("/aaa")
    assert len(first["path"]) <= 256
    assert answer["statusCode"] == 204
    assert [comparable(record) for record in rest] == NEXT


def test_a_hundred_thousand_headers(replay: Replay) -> None:
    """2 MB of head: bounded by the limit, and the body is where it is."""
    head = b"HTTP/1.1 200 OK\r\n" + b"X-Many: some value\r\n" * 100_000 + b"Content-Length: 5\r\n\r\nhello"
    result = replay(pcap(frames(answered(head).segments)))
    assert result.records[1]["body"] == "hello"
    assert result.records[1]["headersTruncated"] is True
    assert [comparable(record) for record in result.records[2:]] == NEXT


@pytest.mark.parametrize("body", [b"x" * 100_000, b"\x00" * 100_000, b"\xff" * 100_000, '"☃'.encode() * 25_000])
def test_max_record_size(replay: Replay, body: bytes) -> None:
    """A record's whole line, escapes and base64 included, stays within it: the body is shortened."""
    result = replay(pcap(frames(answered(ok(body)).segments)), maxBodySize=1_000_000, maxRecordSize=4096)
    assert max(len(line) for line in result.raw.splitlines(keepends=True)) <= 4096
    answer = result.records[1]
    assert (answer["bodyTruncated"], answer["bodySize"], answer["complete"]) == (True, len(body), True)
    assert len(answer["body"]) > 300


def test_max_record_size_with_a_long_head(replay: Replay) -> None:
    """Headers are left out as well where they alone are over it; the line is valid still."""
    ask = b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: %b\r\n" % (i, b"v" * 100) for i in range(100)) + b"\r\n"
    result = replay(pcap(frames(answered(NO_CONTENT, ask).segments)), maxRecordSize=4096)
    assert max(len(line) for line in result.raw.splitlines(keepends=True)) <= 4096
    assert result.records[0]["headersTruncated"] is True
    assert len(result.records) == 4


MIB = 1 << 20


def test_memory_stays_under_its_ceiling(replay: Replay) -> None:
    """200 connections with endless bodies of 400 kB each want 80 MB of 8: bodies are cut, and counted."""
    conversations = []
    for number in range(200):
        conversation = Conversation(("10.0.0.2", 20000 + number), start_ms=number / 100)
        conversation.open().client(b"POST /%d HTTP/1.1\r\nContent-Length: 999999\r\n\r\n" % number, ack=False)
        conversations.append(conversation.client(b"x" * 400_000, mss=60_000, ack=False))
    capture = pcap(frames(merged(*conversations)))
    result = replay(capture, maxMemory=8 * MIB, maxBodySize=64 * MIB, maxRecordSize=2 * MIB)
    assert result.stat("gauges.memoryPeak") <= 8 * MIB
    assert result.stat("streams.bodies_cut") > 0
    assert len(result.records) + result.stat("messages.queue_full") == 200
    for record in result.records:
        assert record["complete"] is False
        told = record["bodySize"] + record.get("missingBytes", 0)
        assert told == 400_000 or record["incompleteReason"] == "memory"
        whole = len(record.get("body", "")) == record["bodySize"]
        assert whole or record.get("bodyTruncated") or record.get("missingBytes")  # a body ends at its first hole


def test_held_segments_stay_under_the_ceiling(replay: Replay) -> None:
    """A hole in each of 200 connections that nobody fills or acknowledges: what is held is bounded."""
    conversations = []
    for number in range(200):
        conversation = Conversation(("10.0.0.2", 20000 + number), start_ms=number / 100)
        conversation.open().client(b"P", ack=False).client(b"O", lost=True, ack=False)
        conversations.append(conversation.client(b"x" * 400_000, mss=60_000, ack=False))
    result = replay(pcap(frames(merged(*conversations))), maxMemory=8 * MIB)
    assert result.stat("gauges.memoryPeak") <= 8 * MIB
    assert result.stat("streams.gaps") >= 200
    assert result.records == []


def test_pipelined_requests_without_answers_stay_under_the_ceiling(replay: Replay) -> None:
    """A client that sends and never reads: what is kept for its answers is bounded too."""
    conversation = Conversation().open()
    ask = b"GET /" + b"a" * 4000 + b" HTTP/1.1\r\n\r\n"
    conversation.client(ask * 5000, mss=60_000, ack=False)
    result = replay(pcap(frames(conversation.segments)), maxMemory=8 * MIB)
    assert result.stat("gauges.memoryPeak") <= 8 * MIB
    assert result.stat("streams.pipeline_full") == 1
    assert len([r for r in result.records if r["direction"] == "request"]) + result.stat("messages.queue_full") == 5000


def test_more_pipelined_requests_than_are_kept(replay: Replay) -> None:
    """1024 wait for their answers; those of the others are told without their request, and the ledger says why."""
    conversation = Conversation().open().client(GET * 1100).server(NO_CONTENT * 1100).exchange(GET, NO_CONTENT).close()
    result = replay(pcap(frames(conversation.segments)))
    answers = [record for record in result.records if record["direction"] == "response"]
    assert ["request" in answer for answer in answers] == [True] * 1024 + [False] * 76 + [True]
    assert result.stat("streams.pipeline_full") == 1


def test_a_pipeline_that_never_runs_empty(replay: Replay) -> None:
    """Three requests wait at any time, of all lengths: each response has its own to the end."""
    paths = [f"/{number}/" + "a" * (number * 7 % 300) for number in range(1000)]
    asks = [b"GET %s HTTP/1.1\r\n\r\n" % path.encode() for path in paths]
    conversation = Conversation().open().client(b"".join(asks[:3]))
    for ask in asks[3:]:
        conversation.server(NO_CONTENT).client(ask)
    result = replay(pcap(frames(conversation.server(NO_CONTENT * 3).close().segments)))
    answers = [record for record in result.records if record["direction"] == "response"]
    assert [answer["request"]["path"] for answer in answers] == paths
    assert result.stat("gauges.openExchanges") == 0
