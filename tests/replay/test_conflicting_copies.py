"""Bytes that come again: the same, other ones, with right and wrong checksums."""

from __future__ import annotations

from dataclasses import replace

from expected import Record, request, response
from packets import Conversation, pcap
from packets.files import frames
from packets.segment import Checksum, Segment
from plain_exchange import ANSWERED, BODY_AT, FIELDS, GET, GOT, NO_CONTENT, OK, ORDER_WHY
from replay_case import Case, check, every_variant
from replay_engine import Replay
from variants import CHANGED, REORDERED, REPEATED, SPLIT


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


def without_answer(conversation: Conversation) -> list[Segment]:
    """The SYN-ACK was not seen: of the server's checksums nothing is known until it speaks."""
    return [segment for number, segment in enumerate(conversation.segments) if number != 1]


def server_makes_none(conversation: Conversation) -> list[Segment]:
    return [
        replace(segment, checksum="wrong") if segment.source.port == 8080 else segment
        for segment in conversation.segments
    ]


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
        "a forged copy before its side's first checksum, where the other side's are right",
        "what the other side makes tells, until this one has made any",
        without_answer(
            Conversation()
            .open()
            .client(GET, ack=False)
            .server_at(0, b"X" * len(OK), checksum="wrong")
            .server_at(0, OK, ack=True)
            .close()
        ),
        [GOT, conflicting("0123456789")],
        without=CHANGED,
        without_why=ORDER_WHY,
    ),
    Case(
        "a forgery before its side's first checksum, in place of what was lost",
        "a side that then makes right ones did not send it",
        without_answer(
            Conversation()
            .open()
            .client(GET, ack=False)
            .server_at(0, b"X" * BODY_AT, checksum="wrong")
            .server_at(BODY_AT, b"01234", ack=False)
            .server_at(BODY_AT + 5, b"56789", ack=True)
            .exchange(GET, NO_CONTENT)
            .close()
        ),
        [
            GOT,
            request("GET", "/", exchange=1),
            response(204, "No Content", to="GET /", exchange=1, midstream=True),
        ],
        stats={"streams.gap_bytes": BODY_AT},
        without=CHANGED,
        without_why=ORDER_WHY,
    ),
    Case(
        "a server that makes no checksums, joined midway, where the client makes them",
        "its first data waits for a right copy, and is told as there is none",
        server_makes_none(
            Conversation().client(GET, ack=False).server(OK).client(GET, ack=False).server(NO_CONTENT).close()
        ),
        [
            request("GET", "/", midstream=True),
            response(200, headers=FIELDS, body="0123456789", midstream=True, exchange=1),
            request("GET", "/", exchange=2),
            response(204, "No Content", to="GET /", exchange=2),
        ],
        without=CHANGED,
        without_why=ORDER_WHY,
    ),
    *(
        Case(
            f"a copy that came behind the first valid one, after {forged}",
            "of valid copies the first stays, also where it took a forged one's place",
            Conversation()
            .server_at(start, b"X" * (len(OK) - start), checksum="wrong")
            .server_at(BODY_AT, b"0123456789")
            .server_at(BODY_AT + 2, b"YYYYYYYY")
            .server_at(0, OK[:BODY_AT]),
            [response(200, headers=FIELDS, body="0123456789", midstream=True, conflictingData=True)],
            without=CHANGED,
            without_why=ORDER_WHY,
        )
        for start, forged in ((BODY_AT, "a forged one"), (0, "a forged one that is longer"))
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


def test_a_segment_that_was_cut_is_not_for_that_forged(replay: Replay) -> None:
    """Its checksum cannot be told; the short copy behind it, whose can, is another one all the same."""
    conversation = Conversation().open().client(GET).server_at(BODY_AT, b"0" * 80).server_at(BODY_AT, b"YY")
    conversation.server_at(0, OK[:BODY_AT].replace(b"10", b"80"), ack=True).close()
    result = replay(pcap(frames(conversation.segments, snap_length=14 + 20 + 20 + BODY_AT)))
    assert "YY" not in result.records[1]["body"]
    assert result.records[1]["conflictingData"] is True


def test_bytes_that_come_again_are_counted(replay: Replay) -> None:
    """All of the last segment, some of an older one, and what of a segment is not new."""
    conversation = Conversation().open().client(GET).client_at(0, GET).server(OK[:30])
    conversation.server_at(5, OK[5:12]).server_at(20, OK[20:]).close()
    assert replay(pcap(frames(conversation.segments))).stat("streams.retransmitted_bytes") == len(GET) + 7 + 10
