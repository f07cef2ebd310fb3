"""A port that is used again, and packets of the connection before that come late (RFC 9293 section 3.6.1, RFC 6191)."""

from __future__ import annotations

from dataclasses import replace

from expected import request, response
from packets import SYN, Conversation, Segment
from packets.conversation import MILLISECOND, START, STEP
from plain_exchange import ANSWERED, FIELDS, GET, GOT, NO_CONTENT, OK, ORDER_WHY
from replay_case import Case, check, every_variant, in_order, merged
from replay_engine import Replay
from variants import CHANGED, REORDERED, WRAPPED


def following() -> Conversation:
    """A connection that uses the port again, a second later."""
    return Conversation(start_ms=1000, client_isn=77_000_000, server_isn=5)


def scaled(conversation: Conversation) -> list[Segment]:
    """Both SYNs with a window scale of 7 (RFC 7323)."""
    options = b"\x02\x04\x05\xb4\x03\x03\x07\x00"
    return [replace(segment, options=options) if segment.flags & SYN else segment for segment in conversation.segments]


UNENDED = Conversation().open().client(GET).server(OK[:-3])
REPLACED = [GOT, response(200, to="GET /", headers=FIELDS, body="0123456", incompleteReason="replaced")]
NEXT = following().open().exchange(GET, NO_CONTENT).close()
PIPELINED = following().open().client(GET, ack=False).client(GET).server(NO_CONTENT).server(NO_CONTENT).close()
IN_TURN = following().open().exchange(GET, NO_CONTENT).exchange(GET, NO_CONTENT).close()
LARGE = 300_000
FAST = (
    following()
    .open()
    .client(GET)
    .server(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (3 * LARGE) + b"x" * 10, ack=False)
    .lost(server=2 * LARGE)
    .server(b"x" * (LARGE - 10))
    .exchange(GET, NO_CONTENT)
    .close()
)
BEGUN_ANEW = [*REPLACED, GOT, response(204, "No Content", to="GET /")]
LAST = response(204, "No Content", to="GET /", exchange=1)


REOPENED = (
    Case(
        "the port is used again after the close",
        "a new connection: exchanges count from 0 again",
        merged(
            Conversation().open().client(GET).server(OK).close(),
            following().open().exchange(GET, NO_CONTENT).close(),
        ),
        [GOT, ANSWERED, GOT, response(204, "No Content", to="GET /")],
        stats={"connections.opened": 2, "connections.fin": 2},
    ),
    Case(
        "the port is used again while the old state stands",
        "the old connection's end was not seen: the new SYN ends it",
        merged(UNENDED, NEXT),
        BEGUN_ANEW,
        stats={"connections.opened": 2, "connections.replaced": 1, "connections.fin": 1},
    ),
    Case(
        "the port is used again, the answer comes before the SYN, and a forgery before the response",
        "that this server makes checksums is known from the connection before",
        [
            *UNENDED.segments,
            *in_order(
                following()
                .open()
                .client(GET, ack=False)
                .server_at(0, b"X" * len(NO_CONTENT), checksum="wrong")
                .server_at(0, NO_CONTENT, ack=True)
                .close(),
                *(1, 0),
            ),
        ],
        [*REPLACED, GOT, response(204, "No Content", to="GET /", conflictingData=True)],
        stats={"connections.opened": 2},
        without=CHANGED,
        without_why=ORDER_WHY,
    ),
    *(
        Case(
            f"the port is used again while the old state stands, and the capture shows {how}",
            "what came before the proof that a new connection began is not forgotten",
            [*UNENDED.segments, *in_order(NEXT, *order)],
            BEGUN_ANEW,
            without=CHANGED,
            without_why=ORDER_WHY,
        )
        for how, order in (
            ("the SYN behind the answer, the response before the request", (1, 2, 0, 4, 5, 3)),
            ("no SYN, the response before the request", (1, 2, 4, 5, 3)),
            ("no answer, the request before the SYN", (2, 3, 0, 4, 5)),
        )
    ),
    *(
        Case(
            f"the port is used again while the old state stands, and the capture shows {how}",
            "the second is behind the SYN as the first is",
            [*UNENDED.segments, *in_order(PIPELINED, *order)],
            [*BEGUN_ANEW[:3], request("GET", "/", exchange=1), *BEGUN_ANEW[3:], LAST],
            without=CHANGED,
            without_why=ORDER_WHY,
        )
        for how, order in (
            ("no answer, the second request before the first", (0, 2, 4, 3)),
            ("no SYN, the second request before the first", (1, 2, 4, 3)),
        )
    ),
    Case(
        "the port is used again while the old state stands, no answer is seen, and the second request before the first",
        "where the server begins the first request tells: the second had heard more",
        [*UNENDED.segments, *in_order(IN_TURN, 0, 2, 7, 3, 5, 9)],
        [*BEGUN_ANEW, request("GET", "/", exchange=1), LAST],
        without=CHANGED,
        without_why=ORDER_WHY,
    ),
    Case(
        "the port is used again while the old state stands, and then more is missing than an unscaled window",
        "the windows' scales, which the SYNs said, hold for the new connection too",
        [*UNENDED.segments, *scaled(FAST)],
        [
            *REPLACED,
            GOT,
            response(
                200,
                to="GET /",
                headers={"content-length": str(3 * LARGE)},
                body="x" * 10,
                missingBytes=2 * LARGE,
                bodySize=LARGE,
                incompleteReason="gap",
            ),
            request("GET", "/", exchange=1),
            LAST,
        ],
        stats={"streams.gap_bytes": 2 * LARGE},
        without=CHANGED,
        without_why="they add to what is sent",
    ),
    Case(
        "the port is used again with a number just above",
        "RFC 6191, RFC 9293 section 3.6.1: the new connection's numbers follow the old one's",
        merged(
            Conversation().open().client(GET).server(OK).close(),
            Conversation(start_ms=1000, client_isn=1_000_000 + 500, server_isn=3_000_000_000 + 500)
            .open()
            .exchange(GET, NO_CONTENT)
            .close(),
        ),
        [GOT, ANSWERED, GOT, response(204, "No Content", to="GET /")],
        stats={"connections.opened": 2},
        without=WRAPPED,
        without_why="both connections would be moved by the same, to the same effect",
    ),
)


@every_variant(*REOPENED)
def test_port_reuse(case: Case, variant: str, replay: Replay) -> None:
    check(case, variant, replay)


def again(conversation: Conversation, ms: float) -> list[Segment]:
    """Copies of all its packets, late: from `ms` on."""
    return [
        replace(segment, time=START + int(ms * MILLISECOND) + STEP * number)
        for number, segment in enumerate(conversation.segments)
    ]


def again_between(old: Conversation, data: bytes, before: Segment, behind: Segment) -> list[Segment]:
    """A copy of the segment with this data, between two packets."""
    time = (before.time + behind.time) // 2
    return [replace(segment, time=time) for segment in old.segments if segment.payload == data]


def syn_again(conversation: Conversation) -> list[Segment]:
    """Seen from the second exchange on; behind it comes the SYN, and behind the third request the second response."""
    syn, segments = conversation.segments[0], conversation.segments[7:]
    last = segments[4]
    return [
        *segments[:4],
        replace(syn, time=segments[3].time + 1),
        last,
        replace(segments[2], time=last.time + 1),
        *segments[5:],
    ]


OLD = Conversation().open().client(GET).server(OK).close()
RESET = Conversation().open().client(GET).server(OK).client_rst()
SYN_BEHIND = in_order(Conversation().open().client(GET).server(OK).close(), 3, 5, 0)
LAST_ACK = Conversation().open().client(GET).server(OK).server_fin().client_fin().client_ack().segments[-1]
BOTH = [GOT, ANSWERED, GOT, response(204, "No Content", to="GET /")]
LARGE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE

LATE_COPIES = (
    Case(
        "copies of a connection that closed, when its port was used again and closed too",
        "they lie in what the first one had sent: RFC 9293 section 3.6.1 keeps TIME-WAIT for them",
        [*merged(OLD, NEXT), *again(OLD, 1010)],
        BOTH,
        stats={"connections.opened": 2, "packets.after_close": len(OLD.segments) + 2},
    ),
    Case(
        "copies of a connection that was reset, when its port was used again and closed too",
        "a reset leaves copies on their way as a close does",
        [*merged(RESET, NEXT), *again(RESET, 1010)],
        BOTH,
        stats={"connections.opened": 2, "packets.after_close": len(RESET.segments) + 1},
    ),
    Case(
        "a copy of the request behind the close, where the SYN came behind the first response",
        "the SYN was this connection's own",
        [*SYN_BEHIND, replace(OLD.segments[3], time=SYN_BEHIND[-1].time + STEP)],
        [
            request("GET", "/", midstream=True),
            response(200, headers=FIELDS, body="0123456789", midstream=True, exchange=1),
        ],
        stats={"connections.opened": 1},
        without=CHANGED,
        without_why=ORDER_WHY,
    ),
    Case(
        "copies of a connection that closed half a minute ago",
        "so long a packet may be on its way",
        [*OLD.segments, *again(OLD, 30_000)],
        [GOT, ANSWERED],
        stats={"connections.opened": 1},
    ),
    Case(
        "a copy of the first bytes of a long response, behind the close",
        "however much came behind them",
        [
            *(long := Conversation().open().client(GET).server(LARGE_HEAD + b"x" * LARGE).close()).segments,
            replace(long.segments[5], time=long.segments[-1].time + STEP),
        ],
        [
            GOT,
            response(
                200,
                to="GET /",
                headers={"content-length": str(LARGE)},
                body="x" * 65536,
                bodySize=LARGE,
                bodyTruncated=True,
            ),
        ],
        stats={"connections.opened": 1, "packets.after_close": 2},
    ),
    Case(
        "copies of a connection that closed, within the handshake of the next one",
        "they are not what the server begins with",
        [*OLD.segments, NEXT.segments[0], *again_between(OLD, OK, *NEXT.segments[:2]), *NEXT.segments[2:]],
        BOTH,
        without=CHANGED,
        without_why=ORDER_WHY,
    ),
    Case(
        "a SYN behind the first data, and later a copy of the first response",
        "the SYN is of this connection, not of a new one that the copy would belong to",
        in_order(
            Conversation().open().client(GET).server(OK).exchange(GET, NO_CONTENT).server_at(0, OK).close(),
            *(1, 2, 3, 0),
        ),
        [GOT, ANSWERED, request("GET", "/", exchange=1), response(204, "No Content", to="GET /", exchange=1)],
        stats={"connections.opened": 1, "connections.fin": 1, "streams.out_of_window": 0},
        without=CHANGED,
        without_why=ORDER_WHY,
    ),
    Case(
        "a copy of an earlier connection's request, before the answer to the next one's SYN",
        "what it acknowledges does not tell where the server begins",
        [*OLD.segments, NEXT.segments[0], *again_between(OLD, GET, *NEXT.segments[:2]), *NEXT.segments[1:]],
        BOTH,
        stats={"connections.opened": 2, "connections.fin": 2},
        without=REORDERED,
        without_why=ORDER_WHY,
    ),
    Case(
        "a copy of an earlier connection's last acknowledgment, before the answer to the next one's SYN",
        "nor does one without data",
        [
            *OLD.segments,
            NEXT.segments[0],
            replace(LAST_ACK, time=NEXT.segments[0].time + 1),
            *NEXT.segments[1:],
        ],
        BOTH,
        stats={"connections.opened": 2, "connections.fin": 2},
        without=REORDERED,
        without_why=ORDER_WHY,
    ),
    Case(
        "a copy of the request of an unseen earlier connection, before the answer to the next one's SYN",
        "it is no acknowledgment of the new one: its own number lies elsewhere",
        [OLD.segments[2], NEXT.segments[0], *again_between(OLD, GET, *NEXT.segments[:2]), *NEXT.segments[1:]],
        [GOT, response(204, "No Content", to="GET /")],
        without=CHANGED,
        without_why=ORDER_WHY,
    ),
    Case(
        "copies of the SYN and of a response, on a connection joined midway",
        "what acknowledges old data answers no new SYN, and is told once",
        syn_again(Conversation().open().exchange(GET, OK).exchange(GET, OK).exchange(GET, NO_CONTENT).close()),
        [
            request("GET", "/", midstream=True),
            response(200, headers=FIELDS, body="0123456789", midstream=True, exchange=1),
            request("GET", "/", exchange=2),
            response(204, "No Content", to="GET /", exchange=2),
        ],
        stats={"connections.opened": 1},
        without=CHANGED,
        without_why=ORDER_WHY,
    ),
    Case(
        "a retransmission behind the eviction of its connection",
        "it was told; what follows it is of the same connection, joined midway",
        merged(
            Conversation().open().client(GET).wait(5).client_at(0, GET).server(OK),
            Conversation(client=("10.0.0.3", 40000), start_ms=2).open(answer=False),
        ),
        [GOT, response(200, headers=FIELDS, body="0123456789", midstream=True)],
        config={"maxConcurrentConnections": 1},
        without=CHANGED,
        without_why=ORDER_WHY,
    ),
)


@every_variant(*LATE_COPIES)
def test_late_copies(case: Case, variant: str, replay: Replay) -> None:
    check(case, variant, replay)
