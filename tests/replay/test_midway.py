"""A capture that begins within a connection (RFC 9293)."""

from __future__ import annotations

from expected import request, response
from packets import Conversation
from plain_exchange import ANSWERED, FIELDS, GET, GOT, NO_CONTENT, OK, ORDER_WHY
from replay_case import Case, check, every_variant, in_order
from replay_engine import Replay
from variants import CHANGED, REORDERED

MIDWAY_WHY = "the stream begins where the capture does: with other packets first, it begins elsewhere"


MIDWAY = (
    Case(
        "joined before requests that come behind the loss of a response",
        "who asked had not heard what was lost: it may have been the answer, and the next response is of another",
        in_order(
            Conversation()
            .server(OK[5:], ack=False)
            .client(b"GET /late HTTP/1.1\r\n\r\n" * 2)
            .server(NO_CONTENT, lost=True)
            .server(OK)
            .exchange(GET, OK),
            *(0, 2, 3, 1),  # the requests behind the acknowledgment of the first one's response
        ),
        [
            request("GET", "/late", midstream=True),
            request("GET", "/late", exchange=1),
            request("GET", "/", exchange=2),
            response(200, to="GET /", headers=FIELDS, body="0123456789", exchange=2, midstream=True),
        ],
        stats={"streams.gap_bytes": len(NO_CONTENT)},
        without=CHANGED,
        without_why=ORDER_WHY,
    ),
    Case(
        "joined before a response that comes before its request",
        "what its server had already answered begins no new order: the next response is not its own",
        in_order(
            Conversation()
            .server(OK)
            .client(b"GET /late HTTP/1.1\r\n\r\n", ack=False)
            .server(NO_CONTENT)
            .exchange(GET, OK),
            *(0, 1, 3, 4, 2),  # the second request behind its response and the ACK of that
        ),
        [
            response(200, headers=FIELDS, body="0123456789", midstream=True),
            response(204, "No Content", exchange=1),
            request("GET", "/late", exchange=2, midstream=True),
            request("GET", "/", exchange=3),
            response(200, headers=FIELDS, body="0123456789", exchange=4),
        ],
        without=REORDERED,
        without_why=MIDWAY_WHY,
    ),
    Case(
        "joined between exchanges",
        "found by their look; an older request may be unanswered, so the first response has none",
        Conversation().client(GET).server(OK).exchange(GET, NO_CONTENT).close(),
        [
            request("GET", "/", midstream=True),
            response(200, headers=FIELDS, body="0123456789", midstream=True, exchange=1),
            request("GET", "/", exchange=2),
            response(204, "No Content", to="GET /", exchange=2),
        ],
        without=REORDERED,
        without_why=MIDWAY_WHY,
    ),
    Case(
        "joined within a response",
        "its rest is passed over; the next exchange is found",
        Conversation().server(b"the rest of something").wait(100).exchange(GET, OK).close(),
        [
            request("GET", "/", midstream=True),
            response(200, to="GET /", headers=FIELDS, body="0123456789", midstream=True),
        ],
    ),
    Case(
        "joined within a request",
        "its rest is passed over; the response to it has no request",
        Conversation().client(b"the rest of something").server(OK).wait(100).exchange(GET, NO_CONTENT).close(),
        [
            response(200, headers=FIELDS, body="0123456789", midstream=True),
            request("GET", "/", exchange=1, midstream=True),
            response(204, "No Content", to="GET /", exchange=1),
        ],
        without=REORDERED,
        without_why=MIDWAY_WHY,
    ),
    Case(
        "the SYN alone was not captured",
        "the SYN-ACK says where both streams begin",
        Conversation().open().client(GET).server(OK).close().segments[1:],
        [GOT, ANSWERED],
    ),
    Case(
        "the SYN-ACK was not captured",
        "the handshake's last ACK says where the server's stream begins",
        [s for i, s in enumerate(Conversation().open().client(GET).server(OK).close().segments) if i != 1],
        [GOT, ANSWERED],
    ),
)


@every_variant(*MIDWAY)
def test_joined_midway(case: Case, variant: str, replay: Replay) -> None:
    check(case, variant, replay)
