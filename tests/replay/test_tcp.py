"""TCP as it is on real wires: repeated, reordered, out of the window, reset (RFC 9293, RFC 5961)."""

from __future__ import annotations

from expected import request, response
from packets import ACK, FIN, RST, SYN, Conversation
from plain_exchange import ANSWERED, GET, GOT, NO_CONTENT, OK, ORDER_WHY
from replay_case import Case, check, every_variant
from replay_engine import Replay
from variants import CHANGED, REORDERED, WRAPPED

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
