"""The trace that a request belongs to, by its traceparent header (W3C Trace Context, section 3.2)."""

from __future__ import annotations

from typing import Any

import pytest
from expected import Record, request, response
from packets import Conversation, pcap
from packets.files import frames
from replay_case import Case, check, every_variant
from replay_engine import Replay

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{SPAN}-01"
TRACED: Record = {"traceId": TRACE, "parentSpanId": SPAN}
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


def get(path: str, *headers: str) -> bytes:
    return "".join(line + "\r\n" for line in (f"GET {path} HTTP/1.1", *headers, "")).encode()


def done(path: str, **more: Any) -> Record:
    return response(204, "No Content", to=f"GET {path}", **more)


CASES = (
    Case(
        "a traced request",
        "the record names trace and caller's span; so does the response's, which has latency and status",
        Conversation().open().exchange(get("/", f"traceparent: {VALID}"), NO_CONTENT).close(),
        [request("GET", "/", headers={"traceparent": VALID}, **TRACED), done("/", **TRACED)],
    ),
    Case(
        "each request its own",
        "pipelined: a response has the trace of the request that it answers, and none where that had none",
        Conversation()
        .open()
        .client(get("/a", f"traceparent: {VALID}") + get("/b"))
        .server(NO_CONTENT + NO_CONTENT)
        .close(),
        [
            request("GET", "/a", headers={"traceparent": VALID}, **TRACED),
            request("GET", "/b", exchange=1),
            done("/a", **TRACED),
            done("/b", exchange=1),
        ],
    ),
    Case(
        "an interim response",
        "belongs to the same trace",
        Conversation()
        .open()
        .client(get("/", f"traceparent: {VALID}"))
        .server(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        .server(NO_CONTENT)
        .close(),
        [
            request("GET", "/", headers={"traceparent": VALID}, **TRACED),
            response(103, "Early Hints", to="GET /", interim=True, **TRACED),
            done("/", **TRACED),
        ],
    ),
    Case(
        "the header's name in any case, its value with space around",
        "section 3.2.1, and RFC 9110 section 5.5",
        Conversation().open().exchange(get("/", f"TraceParent: \t{VALID} "), NO_CONTENT).close(),
        [request("GET", "/", headers={"traceparent": VALID}, **TRACED), done("/", **TRACED)],
    ),
    Case(
        "two of them",
        "which one is meant? neither is taken",
        Conversation().open().exchange(get("/", f"traceparent: {VALID}", f"traceparent: {VALID}"), NO_CONTENT).close(),
        [request("GET", "/", headers={"traceparent": [VALID, VALID]}), done("/")],
    ),
    Case(
        "on a response",
        "the header is a request's: there it names nothing",
        Conversation()
        .open()
        .exchange(get("/"), f"HTTP/1.1 204 No Content\r\ntraceparent: {VALID}\r\n\r\n".encode())
        .close(),
        [request("GET", "/"), done("/", headers={"traceparent": VALID})],
    ),
    Case(
        "redacted",
        "what a hidden header says stays hidden",
        Conversation().open().exchange(get("/", f"traceparent: {VALID}"), NO_CONTENT).close(),
        [request("GET", "/", headers={"traceparent": "[REDACTED]"}), done("/")],
        config={"redactHeaders": ["traceparent"]},
    ),
    Case(
        "a path that is no UTF-8",
        "the trace's fields stand beside headEncoding",
        Conversation()
        .open()
        .exchange(get("/\xff", f"traceparent: {VALID}").replace(b"\xc3\xbf", b"\xff"), NO_CONTENT)
        .close(),
        [
            request("GET", "/\xff", headers={"traceparent": VALID}, headEncoding="latin1", **TRACED),
            response(
                204,
                "No Content",
                request={"method": "GET", "path": "/\xff", "headEncoding": "latin1"},
                **TRACED,
            ),
        ],
    ),
)


@every_variant(*CASES)
def test_trace_context(case: Case, variant: str, replay: Replay) -> None:
    check(case, variant, replay)


TAKEN = {
    "not sampled": f"00-{TRACE}-{SPAN}-00",
    "flags of a later level": f"00-{TRACE}-{SPAN}-ff",
    "a later version": f"cc-{TRACE}-{SPAN}-01",
    "a later version that says more": f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like",
    "a later version, a dash and no more": f"01-{TRACE}-{SPAN}-01-",
}
NOT_TAKEN = {
    "empty": "",
    "no version": f"{TRACE}-{SPAN}-01",
    "version ff": f"ff-{TRACE}-{SPAN}-01",
    "a version that is not hexadecimal": f"0g-{TRACE}-{SPAN}-01",
    "version 00 that says more": f"00-{TRACE}-{SPAN}-01-x",
    "a later version that says more without a dash": f"cc-{TRACE}-{SPAN}-01.x",
    "upper case": f"00-{TRACE.upper()}-{SPAN}-01",
    "an upper case span": f"00-{TRACE}-{SPAN.upper()}-01",
    "a trace of zeros": f"00-{'0' * 32}-{SPAN}-01",
    "a span of zeros": f"00-{TRACE}-{'0' * 16}-01",
    "a short trace": f"00-{TRACE[1:]}-{SPAN}-01",
    "a long trace": f"00-{TRACE}0-{SPAN}-01",
    "a short span": f"00-{TRACE}-{SPAN[1:]}-01",
    "flags of one digit": f"00-{TRACE}-{SPAN}-1",
    "flags that are not hexadecimal": f"00-{TRACE}-{SPAN}-0x",
    "no flags": f"00-{TRACE}-{SPAN}",
    "another separator": f"00_{TRACE}_{SPAN}_01",
    "two in one": f"{VALID},{VALID}",
}


def traced(replay: Replay, value: str) -> Record:
    capture = pcap(
        frames(Conversation().open().exchange(get("/", f"traceparent: {value}"), NO_CONTENT).close().segments)
    )
    asked, _ = replay(capture).records
    assert asked["headers"] == {"traceparent": value}
    return {name: asked[name] for name in TRACED if name in asked}


@pytest.mark.parametrize("value", TAKEN.values(), ids=TAKEN)
def test_taken(replay: Replay, value: str) -> None:
    assert traced(replay, value) == TRACED


@pytest.mark.parametrize("value", NOT_TAKEN.values(), ids=NOT_TAKEN)
def test_not_taken(replay: Replay, value: str) -> None:
    assert traced(replay, value) == {}


def test_a_record_of_the_least_size_keeps_it(replay: Replay) -> None:
    """maxRecordSize leaves headers out; the trace still joins."""
    crowd = [f"x-{i}: {'y' * 50}" for i in range(200)]
    ask = get("/" + "p" * 3000, f"traceparent: {VALID}", *crowd)
    capture = pcap(frames(Conversation().open().exchange(ask, NO_CONTENT).close().segments))
    asked, answered = replay(capture, maxRecordSize=4096).records
    assert asked["headersTruncated"]
    assert asked["path"] == ask.decode().split()[1][: len(asked["path"])]
    assert {name: asked[name] for name in TRACED} == TRACED
    assert {name: answered[name] for name in TRACED} == TRACED
