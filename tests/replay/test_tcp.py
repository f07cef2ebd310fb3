"""TCP as it is on real wires: repeated, reordered, joined midway, reset, reopened (RFC 9293, RFC 5961)."""

from __future__ import annotations

from dataclasses import replace

from expected import Record, request, response
from packets import ACK, FIN, RST, SYN, Conversation, Segment, pcap
from packets.conversation import MILLISECOND, START, STEP
from packets.files import frames
from packets.segment import Checksum
from replay_case import Case, check, every_variant, merged
from replay_engine import Replay
from variants import CHANGED, REORDERED, REPEATED, SPLIT, WRAPPED

GET = b"GET / HTTP/1.1\r\n\r\n"
GOT = request("GET", "/")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"
FIELDS = {"content-length": "10"}
ANSWERED = response(200, to="GET /", headers=FIELDS, body="0123456789")
BODY_AT = len(OK) - 10
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"

ORDER_WHY = "the order of the packets is what the case is about"

WHOLE = (
    Case(
        "a FIN without an acknowledgment",
        "what its number would acknowledge is nothing: RFC 9293 section 3.1 gives it a meaning with the flag alone",
        Conversation().open().client(GET).client_segment(flags=FIN).server(OK).server_fin(),
        [GOT, ANSWERED],
        stats={"streams.gaps": 0},
    ),
    Case(
        "a reset without an acknowledgment",
        "it tells nothing of what its sender had heard, and takes nothing away",
        Conversation().open().client(GET).server(OK, ack=False).client_segment(flags=RST),
        [GOT, ANSWERED],
        stats={"streams.gaps": 0, "connections.reset": 1},
        without=REORDERED,
        without_why=ORDER_WHY,
    ),
    Case(
        "retransmission of the same bytes",
        "told once",
        Conversation().open().client(GET, ack=False).client_at(0, GET, ack=True).server(OK).server_at(0, OK).close(),
        [GOT, ANSWERED],
        stats={"streams.gaps": 0, "streams.conflicts": 0},
    ),
    Case(
        "partial retransmissions",
        "a segment that begins before, and one that ends behind, what was seen",
        Conversation()
        .open()
        .client(GET)
        .server(OK[:20], ack=False)
        .server_at(10, OK[10:30])
        .server_at(5, OK[5:25])
        .server_at(0, OK, ack=True)
        .close(),
        [GOT, ANSWERED],
        stats={"streams.conflicts": 0},
    ),
    Case(
        "a segment that covers two held ones",
        "the capture saw the pieces from the back to the front, then all again",
        Conversation()
        .open()
        .client(GET)
        .server_at(30, OK[30:])
        .server_at(10, OK[10:20])
        .server_at(5, OK[5:35])
        .server_at(0, OK[:5], ack=True)
        .close(),
        [GOT, ANSWERED],
        stats={"streams.gaps": 0},
    ),
    Case(
        "segments in reverse",
        "any order will do",
        Conversation()
        .open()
        .client(GET)
        .server_at(40, OK[40:])
        .server_at(30, OK[30:40])
        .server_at(20, OK[20:30])
        .server_at(10, OK[10:20])
        .server_at(0, OK[:10], ack=True)
        .close(),
        [GOT, ANSWERED],
    ),
    Case(
        "keep-alive probes",
        "RFC 9293 section 3.8.4: one old byte, or none, one before the next; no data, no conflict",
        Conversation()
        .open()
        .client(GET)
        .server(OK)
        .wait(60_000)
        .client_segment(b"", shift=-1)
        .server_ack()
        .client_segment(b"\x00", shift=-1)
        .server_ack()
        .exchange(GET, NO_CONTENT)
        .close(),
        [GOT, ANSWERED, request("GET", "/", exchange=1), response(204, "No Content", to="GET /", exchange=1)],
        stats={"streams.gaps": 0, "streams.conflicts": 0},
    ),
    Case(
        "a zero window and its probes",
        "RFC 9293 section 3.8.6.1: the probe carries the next byte, which comes again when the window opens",
        Conversation()
        .open()
        .client(GET)
        .server(OK[:20], ack=False)
        .client_segment(window=0)
        .server_segment(OK[20:21])
        .client_segment(window=0)
        .wait(40)
        .server_segment(OK[20:21])
        .client_ack()
        .server(OK[20:])
        .close(),
        [GOT, ANSWERED],
        stats={"streams.conflicts": 0},
    ),
    Case(
        "data with the SYN",
        "TCP Fast Open (RFC 7413): the request comes with the SYN",
        Conversation().open(data=GET).server(OK).close(),
        [GOT, ANSWERED],
    ),
    Case(
        "data with the SYN, not taken",
        "the server acknowledged the SYN alone, so the client sends its data again",
        Conversation().open(data=GET).client_at(0, GET, ack=True).server(OK).close(),
        [GOT, ANSWERED],
    ),
    Case(
        "the client's FIN comes first",
        "half-closed: the response follows",
        Conversation().open().client(GET).client_fin().server(OK).server_fin(),
        [GOT, ANSWERED],
        stats={"connections.fin": 1},
    ),
    Case(
        "the FIN comes with the request",
        "a FIN counts behind the data it comes with",
        Conversation().open().client_fin(data=GET).server(OK).server_fin(),
        [GOT, ANSWERED],
    ),
    Case(
        "wrong checksums",
        "offload leaves them to the network card: they are normal",
        Conversation().open().client(GET, checksum="wrong").server(OK, checksum="offloaded").close(),
        [GOT, ANSWERED],
        stats={"packets.malformed": 0},
    ),
    Case(
        "a reset behind the last byte",
        "how many clients close: all messages are complete",
        Conversation().open().client(GET).server(OK).client_rst(),
        [GOT, ANSWERED],
        stats={"connections.reset": 1, "connections.fin": 0},
    ),
    Case(
        "a reset without an acknowledgement number",
        "ACK is not needed for a reset",
        Conversation().open().client(GET).server(OK).client_rst(ack=False),
        [GOT, ANSWERED],
        stats={"connections.reset": 1},
    ),
    Case(
        "a refused connection",
        "SYN, RST: no messages",
        Conversation().open(answer=False).server_segment(flags=RST | ACK, shift=-3_000_000_001),
        [],
        stats={"messages.produced": 0},
        without=WRAPPED,
        without_why="the reset's sequence number is 0",
    ),
    Case(
        "a reset far out of the window",
        "RFC 5961 section 3.2: somebody guesses; the connection goes on",
        Conversation().open().client(GET).server_rst(shift=1_000_000).server(OK).close(),
        [GOT, ANSWERED],
        stats={"connections.reset": 0, "connections.fin": 1},
    ),
    Case(
        "an old reset",
        "a number before the window is out of it too",
        Conversation().open().client(GET).server(OK).server_rst(shift=-2000).exchange(GET, NO_CONTENT).close(),
        [GOT, ANSWERED, request("GET", "/", exchange=1), response(204, "No Content", to="GET /", exchange=1)],
        stats={"connections.reset": 0},
    ),
    Case(
        "a reset that lies ahead, and then nothing for a while",
        "RFC 5961 section 3.2: its receiver takes no notice: nothing came that leads up to it",
        Conversation().open().exchange(GET, OK).client_rst(shift=1000).wait(500).exchange(GET, NO_CONTENT).close(),
        [
            GOT,
            ANSWERED,
            request("GET", "/", exchange=1),
            response(204, "No Content", to="GET /", exchange=1),
        ],
        stats={"connections.reset": 0, "connections.fin": 1},
    ),
    Case(
        "a reset that lies ahead, and then a request whose first bytes come last",
        "the wait for what leads up to the reset is none for bytes: these are not missing before they are acknowledged",
        Conversation()
        .open()
        .exchange(GET, OK)
        .client_rst(shift=1000)
        .client_at(len(GET) + 4, GET[4:])
        .server_ack()
        .server_ack()
        .client_at(len(GET), GET[:4])
        .server(NO_CONTENT)
        .close(),
        [GOT, ANSWERED, request("GET", "/", exchange=1), response(204, "No Content", to="GET /", exchange=1)],
        stats={"streams.gaps": 0},
        without=CHANGED,
        without_why=ORDER_WHY,
    ),
    Case(
        "a reset within the window, not at its beginning",
        "RFC 5961 section 3.2: answered by a challenge ACK; only the exact number resets",
        Conversation()
        .open()
        .client(GET)
        .server_rst(shift=10)
        .client_ack()
        .server(OK)
        .exchange(GET, NO_CONTENT)
        .close(),
        [GOT, ANSWERED, request("GET", "/", exchange=1), response(204, "No Content", to="GET /", exchange=1)],
        stats={"connections.reset": 0, "connections.fin": 1},
    ),
    Case(
        "a FIN far out of the window",
        "it belongs to another connection, or to nobody",
        Conversation().open().client(GET).server_segment(flags=FIN | ACK, shift=1_000_000).server(OK).close(),
        [GOT, ANSWERED],
        stats={"streams.gaps": 0},
    ),
    Case(
        "data far out of the window",
        "a guess, or the remains of an older connection: not ours",
        Conversation().open().client(GET).server_segment(b"x" * 50, shift=1_000_000).server(OK).close(),
        [GOT, ANSWERED],
        stats={"streams.gaps": 0},
        without=("data again later",),
        without_why="behind the close it may be the next connection's",
    ),
    Case(
        "the clock is set back",
        "time goes on from where it was: what is out of order is not overdue",
        Conversation()
        .open()
        .client(GET)
        .wait(-5000)
        .server_at(20, OK[20:], ack=True)
        .client_ack()
        .server_at(0, OK[:20])
        .close(),
        [GOT, ANSWERED],
        stats={"streams.gaps": 0},
        without=CHANGED,
        without_why=ORDER_WHY,
    ),
    Case(
        "a SYN within a connection",
        "RFC 5961 section 4: answered by a challenge ACK, and otherwise passed over",
        Conversation().open().client(GET).client_segment(flags=SYN, shift=10).server_ack().server(OK).close(),
        [GOT, ANSWERED],
        stats={"connections.opened": 1},
    ),
    Case(
        "a repeated handshake",
        "the first SYN and SYN-ACK were thought lost: one connection",
        Conversation()
        .open()
        .client_segment(flags=SYN, shift=-1)
        .server_segment(flags=SYN | ACK, shift=-1)
        .client(GET)
        .server(OK)
        .close(),
        [GOT, ANSWERED],
        stats={"connections.opened": 1},
    ),
    Case(
        "packets behind the end",
        "the last acknowledgement, and copies, behind both FINs are counted, and open nothing",
        Conversation().open().client(GET).server(OK).close().server_at(0, OK).client_ack(),
        [GOT, ANSWERED],
        stats={"connections.opened": 1, "packets.after_close": 3},
    ),
)


@every_variant(*WHOLE)
def test_tcp(case: Case, variant: str, replay: Replay) -> None:
    check(case, variant, replay)


def copies(
    first: bytes, second: bytes, *, first_sum: Checksum = "valid", second_sum: Checksum = "valid"
) -> Conversation:
    """A response whose last ten bytes are seen twice, behind a hole that is filled later."""
    return (
        Conversation()
        .open()
        .client(GET)
        .server_at(BODY_AT, first, checksum=first_sum)
        .server_at(BODY_AT, second, checksum=second_sum)
        .server_at(0, OK[:BODY_AT], ack=True)
        .close()
    )


def conflicting(body: str) -> Record:
    return response(200, to="GET /", headers=FIELDS, body=body, conflictingData=True)


CONFLICTS = (
    Case(
        "copies that differ, both valid",
        "the first wins, and the record says so",
        copies(b"AAAAAAAAAA", b"BBBBBBBBBB"),
        [GOT, conflicting("AAAAAAAAAA")],
        stats={"streams.conflicts": 1},
        without=REORDERED | SPLIT,
        without_why=ORDER_WHY,
    ),
    Case(
        "copies that differ, the second valid",
        "a valid checksum wins over an invalid one: the receiver dropped the other",
        copies(b"AAAAAAAAAA", b"BBBBBBBBBB", first_sum="wrong"),
        [GOT, conflicting("BBBBBBBBBB")],
        without=SPLIT | REPEATED,
        without_why="copies of a copy count as further copies",
    ),
    Case(
        "copies that differ, the first valid",
        "as above, whatever the order",
        copies(b"AAAAAAAAAA", b"BBBBBBBBBB", second_sum="wrong"),
        [GOT, conflicting("AAAAAAAAAA")],
        without=SPLIT | REPEATED | REORDERED,
        without_why="copies of a copy count as further copies, and one behind the message's end comes too late",
    ),
    Case(
        "copies that differ, neither valid",
        "the first wins",
        copies(b"AAAAAAAAAA", b"BBBBBBBBBB", first_sum="wrong", second_sum="wrong"),
        [GOT, conflicting("AAAAAAAAAA")],
        without=CHANGED,
        without_why=ORDER_WHY,
    ),
    Case(
        "bytes that came with a wrong checksum alone, among others with right ones",
        "the receiver dropped them: what it acknowledged in their place was not seen",
        Conversation()
        .open()
        .client(GET)
        .server(OK[:BODY_AT], ack=False)
        .server_at(BODY_AT, b"AAAAAAAAAA", checksum="wrong", ack=True)
        .close(),
        [
            GOT,
            response(200, to="GET /", headers=FIELDS, bodySize=0, missingBytes=10, incompleteReason="gap"),
        ],
    ),
    Case(
        "forged copies before a connection's first right checksum, and later",
        "what a right copy contradicts says nothing for wrong checksums: the next forgery is one",
        Conversation()
        .server_at(0, b"X" * BODY_AT, checksum="wrong")
        .server_at(0, OK[:BODY_AT])
        .server_at(BODY_AT, b"AAAAAAAAAA", checksum="wrong")
        .server_at(BODY_AT, b"0123456789"),
        [response(200, headers=FIELDS, body="0123456789", midstream=True, conflictingData=True)],
        without=CHANGED,
        without_why=ORDER_WHY,
    ),
    Case(
        "copies that are equal, one with a wrong checksum",
        "the same bytes are no conflict",
        copies(b"0123456789", b"0123456789", first_sum="wrong"),
        [GOT, ANSWERED],
        stats={"streams.conflicts": 0},
    ),
    Case(
        "another copy of bytes that were handed over",
        "too late to choose, in time to say so",
        Conversation()
        .open()
        .client(GET)
        .server(OK[:-2], ack=False)
        .server_at(BODY_AT, b"BBBBBBBB")
        .server(OK[-2:])
        .close(),
        [GOT, conflicting("0123456789")],
        without=REORDERED | SPLIT,
        without_why=ORDER_WHY,
    ),
    Case(
        "a conflict in one exchange",
        "the exchange after it is not touched",
        Conversation()
        .open()
        .client(GET)
        .server(OK[:-2], ack=False)
        .server_at(BODY_AT, b"BBBBBBBB")
        .server(OK[-2:])
        .exchange(GET, NO_CONTENT)
        .close(),
        [
            GOT,
            conflicting("0123456789"),
            request("GET", "/", exchange=1),
            response(204, "No Content", to="GET /", exchange=1),
        ],
        without=REORDERED | SPLIT,
        without_why=ORDER_WHY,
    ),
)


@every_variant(*CONFLICTS)
def test_conflicting_copies(case: Case, variant: str, replay: Replay) -> None:
    check(case, variant, replay)


def test_bytes_that_come_again_are_counted(replay: Replay) -> None:
    """All of the last segment, some of an older one, and what of a segment is not new."""
    conversation = Conversation().open().client(GET).client_at(0, GET).server(OK[:30])
    conversation.server_at(5, OK[5:12]).server_at(20, OK[20:]).close()
    assert replay(pcap(frames(conversation.segments))).stat("streams.retransmitted_bytes") == len(GET) + 7 + 10


MIDWAY_WHY = "the stream begins where the capture does: with other packets first, it begins elsewhere"


def request_last(conversation: Conversation) -> list[Segment]:
    """The capture shows the response to the second request, and the ACK of it, before that request."""
    first, ack, ask, answer, heard, *rest = conversation.segments
    order = [answer, heard, ask]
    return [
        first,
        ack,
        *(replace(one, time=at.time) for one, at in zip(order, [ask, answer, heard], strict=True)),
        *rest,
    ]


MIDWAY = (
    Case(
        "joined before a response that comes before its request",
        "what its server had already answered begins no new order: the next response is not its own",
        request_last(
            Conversation()
            .server(OK)
            .client(b"GET /late HTTP/1.1\r\n\r\n", ack=False)
            .server(NO_CONTENT)
            .exchange(GET, OK)
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


def answer_first(conversation: Conversation) -> Conversation:
    """The capture shows the SYN behind the answer to it."""
    syn, answer, *_ = conversation.segments
    conversation.segments[:2] = [replace(answer, time=syn.time), replace(syn, time=answer.time)]
    return conversation


REOPENED = (
    Case(
        "the port is used again after the close",
        "a new connection: exchanges count from 0 again",
        merged(
            Conversation().open().client(GET).server(OK).close(),
            Conversation(start_ms=1000, client_isn=77_000_000, server_isn=5).open().exchange(GET, NO_CONTENT).close(),
        ),
        [GOT, ANSWERED, GOT, response(204, "No Content", to="GET /")],
        stats={"connections.opened": 2, "connections.fin": 2},
    ),
    Case(
        "the port is used again while the old state stands",
        "the old connection's end was not seen: the new SYN ends it",
        merged(
            Conversation().open().client(GET).server(OK[:-3]),
            Conversation(start_ms=1000, client_isn=77_000_000, server_isn=5).open().exchange(GET, NO_CONTENT).close(),
        ),
        [
            GOT,
            response(200, to="GET /", headers=FIELDS, body="0123456", incompleteReason="replaced"),
            GOT,
            response(204, "No Content", to="GET /"),
        ],
        stats={"connections.opened": 2, "connections.replaced": 1, "connections.fin": 1},
    ),
    Case(
        "the port is used again, the answer comes before the SYN, and a forgery before the response",
        "that this server makes checksums is known from the connection before",
        merged(
            Conversation().open().client(GET).server(OK[:-3]),
            answer_first(
                Conversation(start_ms=1000, client_isn=77_000_000, server_isn=5)
                .open()
                .client(GET, ack=False)
                .server_at(0, b"X" * len(NO_CONTENT), checksum="wrong")
                .server_at(0, NO_CONTENT, ack=True)
                .close()
            ),
        ),
        [
            GOT,
            response(200, to="GET /", headers=FIELDS, body="0123456", incompleteReason="replaced"),
            GOT,
            response(204, "No Content", to="GET /", conflictingData=True),
        ],
        stats={"connections.opened": 2},
        without=CHANGED,
        without_why=ORDER_WHY,
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


def late_syn(conversation: Conversation) -> list[Segment]:
    syn, answer, ack, data, *rest = conversation.segments
    late = zip([answer, ack, data, syn], conversation.segments, strict=False)
    return [*(replace(segment, time=place.time) for segment, place in late), *rest]


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
NEXT = Conversation(start_ms=1000, client_isn=77_000_000, server_isn=5).open().exchange(GET, NO_CONTENT).close()
LAST_ACK = Conversation().open().client(GET).server(OK).server_fin().client_fin().client_ack().segments[-1]
BOTH = [GOT, ANSWERED, GOT, response(204, "No Content", to="GET /")]
LARGE = 300_000
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
        late_syn(Conversation().open().client(GET).server(OK).exchange(GET, NO_CONTENT).server_at(0, OK).close()),
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
