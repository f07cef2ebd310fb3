"""`exclude`: exchanges nobody wants to see, such as health checks; dropped whole, and counted."""

from __future__ import annotations

from typing import Any

import pytest
from expected import comparable, request, response
from packets import Conversation, pcap
from packets.files import frames
from replay_case import Case, check, every_variant
from replay_engine import Replay

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


def get(path: bytes, *headers: bytes, method: bytes = b"GET") -> bytes:
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (method, path, b"".join(header + b"\r\n" for header in headers))


CASES = (
    Case(
        "an excluded exchange among others",
        "request and response are dropped together and counted; the others keep their numbers",
        Conversation()
        .open()
        .exchange(get(b"/a"), NO_CONTENT)
        .exchange(get(b"/healthz"), NO_CONTENT)
        .exchange(get(b"/b"), NO_CONTENT)
        .close(),
        [
            request("GET", "/a"),
            response(204, "No Content", to="GET /a"),
            request("GET", "/b", exchange=2),
            response(204, "No Content", to="GET /b", exchange=2),
        ],
        config={"exclude": [{"path": "/healthz"}]},
        stats={"messages.produced": 6, "messages.filtered": 2, "messages.delivered": 4},
    ),
    Case(
        "an excluded exchange with interim responses and bodies",
        "all that belongs to it goes",
        Conversation()
        .open()
        .client(b"POST /up HTTP/1.1\r\nContent-Length: 5\r\n\r\n")
        .server(b"HTTP/1.1 100 Continue\r\n\r\n")
        .client(b"hello")
        .server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n")
        .exchange(get(b"/b"), NO_CONTENT)
        .close(),
        [request("GET", "/b", exchange=1), response(204, "No Content", to="GET /b", exchange=1)],
        config={"exclude": [{"method": "POST"}]},
        stats={"messages.filtered": 3, "messages.delivered": 2},
    ),
    Case(
        "an excluded HEAD",
        "excluded or not, its response is framed by it",
        Conversation()
        .open()
        .client(get(b"/1", method=b"HEAD") + get(b"/2"))
        .server(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + NO_CONTENT)
        .close(),
        [request("GET", "/2", exchange=1), response(204, "No Content", to="GET /2", exchange=1)],
        config={"exclude": [{"method": "HEAD"}]},
        stats={"messages.filtered": 2},
    ),
)


@every_variant(*CASES)
def test_exclude(case: Case, variant: str, replay: Replay) -> None:
    check(case, variant, replay)


RULES: list[tuple[list[dict[str, Any]], bytes, bool]] = [
    ([{"path": "/healthz"}], get(b"/healthz"), True),
    ([{"path": "/healthz"}], get(b"/healthz?probe=1"), True),  # the part before `?`
    ([{"path": "/healthz"}], get(b"/healthz2"), False),
    ([{"path": "/healthz"}], get(b"/a/healthz"), False),
    ([{"path": "/healthz"}], get(b"/HEALTHZ"), False),  # paths have case
    ([{"path": "*/healthz"}], get(b"/a/b/healthz"), True),  # `*` crosses `/`
    ([{"path": "/static/*"}], get(b"/static/a/b.css"), True),
    ([{"path": "/static/*"}], get(b"/static/"), True),
    ([{"path": "/static/*"}], get(b"/static"), False),
    ([{"path": "/*.css"}], get(b"/a.css.map"), False),
    ([{"path": "/a*b*c"}], get(b"/aXbXbXc"), True),
    ([{"path": "/v?/x"}], get(b"/v1/x"), True),
    ([{"path": "*"}], get(b"*", method=b"OPTIONS"), True),
    ([{"method": "options"}], get(b"/", method=b"OPTIONS"), True),  # in any case
    ([{"method": "GET"}], get(b"/", method=b"GETX"), False),
    ([{"header": {"name": "User-Agent", "value": "kube-probe/*"}}], get(b"/", b"user-agent: kube-probe/1.3"), True),
    ([{"header": {"name": "User-Agent", "value": "kube-probe/*"}}], get(b"/", b"user-agent: curl"), False),
    ([{"header": {"name": "x-skip"}}], get(b"/", b"X-Skip:"), True),
    ([{"header": {"name": "x-skip", "value": "b"}}], get(b"/", b"X-Skip: a", b"X-Skip: b"), True),
    ([{"method": "GET", "path": "/a"}], get(b"/a", method=b"PUT"), False),  # parts are and-ed
    ([{"method": "GET", "path": "/a"}], get(b"/a"), True),
    ([{"path": "/b"}, {"path": "/a"}], get(b"/a"), True),  # rules are or-ed
]


@pytest.mark.parametrize(("rules", "ask", "dropped"), RULES, ids=range(len(RULES)))
def test_rules(replay: Replay, rules: list[dict[str, Any]], ask: bytes, dropped: bool) -> None:
    capture = pcap(frames(Conversation().open().exchange(ask, NO_CONTENT).close().segments))
    result = replay(capture, exclude=rules)
    assert len(result.records) == (0 if dropped else 2)
    assert result.stat("messages.filtered") == (2 if dropped else 0)


def test_patterns_that_backtrack(replay: Replay) -> None:
    """A rule of many stars against a path that almost matches takes no exponential time."""
    capture = pcap(frames(Conversation().open().exchange(get(b"/" + b"a" * 1000), NO_CONTENT).segments))
    assert len(replay(capture, exclude=[{"path": "*a" * 200 + "b"}]).records) == 2


def test_excluded_connections_still_end(replay: Replay) -> None:
    """A connection's record counts what went by, filtered or not."""
    capture = pcap(frames(Conversation().open().exchange(get(b"/a"), NO_CONTENT).close().segments))
    result = replay(capture, exclude=[{"path": "/a"}], outputConnections=True)
    assert result.records == []
    assert len(result.connections) == 1
    assert [comparable(record)["end"] for record in result.connections] == ["fin"]
