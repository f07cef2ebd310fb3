"""Bytes that were acknowledged but never captured: counted, never made up, never paired wrongly."""

from __future__ import annotations

from expected import request, response
from packets import Conversation
from replay_case import Case, check, every_variant
from replay_engine import Replay
from variants import CHANGED, SPLIT

GET = b"GET / HTTP/1.1\r\n\r\n"
GOT = request("GET", "/")
LENGTH = {"content-length": "30"}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n"
CHUNKED = {"transfer-encoding": "chunked"}
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
TEN = b"0123456789"


def get(number: int) -> bytes:
    return b"GET /%d HTTP/1.1\r\n\r\n" % number


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


KNOWN_LENGTH = (
    Case(
        "a hole in a response's body",
        "the length is known: the missing bytes are counted, the body ends at the hole, pairing goes on",
        Conversation()
        .open()
        .client(GET)
        .server(HEAD + TEN)
        .server(TEN, lost=True)
        .server(TEN)
        .exchange(get(2), ok(b"two"))
        .close(),
        [
            GOT,
            response(
                200,
                to="GET /",
                headers=LENGTH,
                body="0123456789",
                bodySize=20,
                missingBytes=10,
                incompleteReason="gap",
            ),
            request("GET", "/2", exchange=1),
            response(200, to="GET /2", headers={"content-length": "3"}, body="two", exchange=1),
        ],
        stats={"streams.gaps": 1, "streams.gap_bytes": 10},
        events=[{"event": "gap", "bytes": 10}],
    ),
    Case(
        "a hole in a request's body",
        "requests as responses",
        Conversation()
        .open()
        .client(b"POST / HTTP/1.1\r\nContent-Length: 30\r\n\r\n" + TEN)
        .client(TEN, lost=True)
        .client(TEN)
        .server(NO_CONTENT)
        .exchange(get(2), NO_CONTENT)
        .close(),
        [
            request(
                "POST",
                "/",
                headers=LENGTH,
                body="0123456789",
                bodySize=20,
                missingBytes=10,
                incompleteReason="gap",
            ),
            response(204, "No Content", to="POST /"),
            request("GET", "/2", exchange=1),
            response(204, "No Content", to="GET /2", exchange=1),
        ],
    ),
    Case(
        "two holes in one body",
        "all that is missing is counted",
        Conversation()
        .open()
        .client(GET)
        .server(b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n01234")
        .server(TEN, lost=True)
        .server(b"56789")
        .server(b"abcde", lost=True)
        .server(b"fghij")
        .close(),
        [
            GOT,
            response(
                200,
                to="GET /",
                headers=LENGTH,
                body="01234",
                bodySize=15,
                missingBytes=15,
                incompleteReason="gap",
            ),
        ],
        stats={"streams.gaps": 2, "streams.gap_bytes": 15},
    ),
    Case(
        "a hole right behind the head",
        "a body that begins with the hole is empty, its seen bytes are counted all the same",
        Conversation().open().client(GET).server(HEAD).server(TEN + TEN, lost=True).server(TEN).close(),
        [
            GOT,
            response(200, to="GET /", headers=LENGTH, bodySize=10, missingBytes=20, incompleteReason="gap"),
        ],
    ),
    Case(
        "a hole that ends with the body",
        "the next message begins behind it: its first byte is a message's first byte",
        Conversation()
        .open()
        .client(GET)
        .server(HEAD + TEN)
        .server(TEN + TEN, lost=True)
        .exchange(get(2), ok(b"two"))
        .close(),
        [
            GOT,
            response(200, to="GET /", headers=LENGTH, body="0123456789", missingBytes=20, incompleteReason="gap"),
            request("GET", "/2", exchange=1),
            response(200, to="GET /2", headers={"content-length": "3"}, body="two", exchange=1),
        ],
    ),
    Case(
        "a hole inside one chunk",
        "a chunk's length is known too",
        Conversation()
        .open()
        .client(GET)
        .server(CHUNKED_HEAD + b"1E\r\n" + TEN)
        .server(TEN, lost=True)
        .server(TEN + b"\r\n3\r\nend\r\n0\r\n\r\n")
        .exchange(get(2), ok(b"two"))
        .close(),
        [
            GOT,
            response(
                200,
                to="GET /",
                headers=CHUNKED,
                body="0123456789",
                bodySize=23,
                missingBytes=10,
                incompleteReason="gap",
            ),
            request("GET", "/2", exchange=1),
            response(200, to="GET /2", headers={"content-length": "3"}, body="two", exchange=1),
        ],
    ),
    Case(
        "a hole in a body read until close",
        "all that comes until the close is its body: counted, and incomplete",
        Conversation()
        .open()
        .client(GET)
        .server(b"HTTP/1.1 200 OK\r\n\r\n" + TEN)
        .server(TEN, lost=True)
        .server(TEN)
        .server_fin()
        .client_fin(),
        [
            GOT,
            response(200, to="GET /", body="0123456789", bodySize=20, missingBytes=10, incompleteReason="gap"),
        ],
    ),
    Case(
        "the last bytes before the FIN are lost",
        "the FIN's number says that they were sent",
        Conversation()
        .open()
        .client(GET)
        .server(b"HTTP/1.1 200 OK\r\n\r\n" + TEN)
        .server(TEN, lost=True)
        .server_fin()
        .client_fin(),
        [GOT, response(200, to="GET /", body="0123456789", missingBytes=10, incompleteReason="gap")],
        stats={"streams.gaps": 1, "streams.gap_bytes": 10},
    ),
)


@every_variant(*KNOWN_LENGTH)
def test_gap_in_a_body_of_known_length(case: Case, variant: str, replay: Replay) -> None:
    check(case, variant, replay)


RESYNC_WHY = "a message is found again at a segment's first byte only: other segments, other first bytes"

RESYNC = (
    Case(
        "a lost response head",
        "nothing tells what that response was; the next one follows an idle moment and is paired again",
        Conversation()
        .open()
        .client(get(1))
        .server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", lost=True)
        .server(TEN)
        .wait(100)
        .exchange(get(2), ok(b"two"))
        .exchange(get(3), ok(b"three"))
        .close(),
        [
            request("GET", "/1"),
            request("GET", "/2", exchange=1),
            response(200, to="GET /2", headers={"content-length": "3"}, body="two", exchange=1, midstream=True),
            request("GET", "/3", exchange=2),
            response(200, to="GET /3", headers={"content-length": "5"}, body="three", exchange=2),
        ],
        stats={"streams.gaps": 1},
    ),
    Case(
        "a lost request head",
        "its response has no request: it is unpaired, and framed by what follows it",
        Conversation()
        .open()
        .client(get(1), lost=True)
        .server(ok(b"one"))
        .wait(100)
        .exchange(get(2), ok(b"two"))
        .close(),
        [
            response(200, headers={"content-length": "3"}, body="one"),
            request("GET", "/2", exchange=1, midstream=True),
            response(200, to="GET /2", headers={"content-length": "3"}, body="two", exchange=1),
        ],
        without=SPLIT,
        without_why=RESYNC_WHY,
    ),
    Case(
        "a hole in a response's head",
        "the start line was whole: the message comes out with the headers seen, not complete",
        Conversation()
        .open()
        .client(get(1))
        .server(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n")
        .server(b"Content-Length: 5\r\n", lost=True)
        .server(b"\r\nhello")
        .wait(100)
        .exchange(get(2), ok(b"two"))
        .close(),
        [
            request("GET", "/1"),
            response(200, to="GET /1", headers={"content-type": "text/plain"}, missingBytes=19, incompleteReason="gap"),
            request("GET", "/2", exchange=1),
            response(200, to="GET /2", headers={"content-length": "3"}, body="two", exchange=1, midstream=True),
        ],
    ),
    Case(
        "responses lost in part, requests waiting",
        "the idle moment ends the guessing: what is sent behind it is paired, what waited before it never is",
        Conversation()
        .open()
        .client(get(1))
        .server(b"HTTP/1.1 204 No Content")
        .server(b"\r\n\r\n", lost=True)
        .client(get(2) + get(3) + get(4))
        .server(NO_CONTENT[:20], lost=True)
        .server(NO_CONTENT[20:] + NO_CONTENT + NO_CONTENT)
        .wait(100)
        .exchange(get(5) + get(6), NO_CONTENT + NO_CONTENT)
        .close(),
        [
            request("GET", "/1"),
            request("GET", "/2", exchange=1),
            request("GET", "/3", exchange=2),
            request("GET", "/4", exchange=3),
            request("GET", "/5", exchange=4),
            request("GET", "/6", exchange=5),
            response(204, "No Content", to="GET /5", exchange=4, midstream=True),
            response(204, "No Content", to="GET /6", exchange=5),
        ],
        without=SPLIT,
        without_why=RESYNC_WHY,
    ),
    Case(
        "a second hole before anything was found again",
        "nobody knows which responses the second hole held: the one behind it has no request, the next has its own",
        Conversation()
        .open()
        .client(get(1))
        .server(NO_CONTENT[:-4])
        .server(NO_CONTENT[-4:], lost=True)
        .wait(100)
        .client(get(2) + get(3))
        .server(NO_CONTENT + NO_CONTENT, lost=True)
        .wait(100)
        .exchange(get(4), NO_CONTENT)
        .exchange(get(5), NO_CONTENT)
        .close(),
        [
            request("GET", "/1"),
            request("GET", "/2", exchange=1),
            request("GET", "/3", exchange=2),
            request("GET", "/4", exchange=3),
            response(204, "No Content", exchange=4, midstream=True),
            request("GET", "/5", exchange=5),
            response(204, "No Content", to="GET /5", exchange=5),
        ],
    ),
    Case(
        "a hole in a start line",
        "no message can be told from half a line: the gap is counted, nothing else",
        Conversation()
        .open()
        .client(b"GET /a/long/pa")
        .client(b"th HTTP/1.1\r\n", lost=True)
        .client(b"Host: a\r\n\r\n")
        .server(ok(b"one"))
        .close(),
        [response(200, headers={"content-length": "3"}, body="one")],
        stats={"streams.gaps": 1, "streams.gap_bytes": 13},
    ),
    Case(
        "a hole over a chunk's end",
        "where the next chunk begins is not known; the next message is found at a segment's first byte",
        Conversation()
        .open()
        .client(get(1))
        .server(CHUNKED_HEAD + b"a\r\n01234")
        .server(b"56789\r\n5\r\nhello", lost=True)
        .server(b"\r\n0\r\n\r\n")
        .wait(100)
        .exchange(get(2), ok(b"two"))
        .close(),
        [
            request("GET", "/1"),
            response(200, to="GET /1", headers=CHUNKED, body="01234", missingBytes=15, incompleteReason="gap"),
            request("GET", "/2", exchange=1),
            response(200, to="GET /2", headers={"content-length": "3"}, body="two", exchange=1, midstream=True),
        ],
    ),
    Case(
        "a hole over a body's end",
        "the body's rest is missing; what begins in the hole is lost; the next message that is asked for is found",
        Conversation()
        .open()
        .client(get(1) + get(2))
        .server(HEAD + TEN + TEN)
        .server(TEN + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", lost=True)
        .server(b"two")
        .exchange(get(3), ok(b"three"))
        .close(),
        [
            request("GET", "/1"),
            request("GET", "/2", exchange=1),
            response(
                200,
                to="GET /1",
                headers=LENGTH,
                body="01234567890123456789",
                missingBytes=10,
                incompleteReason="gap",
            ),
            request("GET", "/3", exchange=2),
            response(200, to="GET /3", headers={"content-length": "5"}, body="three", exchange=2, midstream=True),
        ],
        without=SPLIT,
        without_why=RESYNC_WHY,
    ),
    Case(
        "pipelined responses behind a hole",
        "what follows without a word of the client may be the text of a body: it is passed over, and counted",
        Conversation()
        .open()
        .client(get(1) + get(2) + get(3))
        .server(ok(b"one") + ok(b"two"), lost=True)
        .server(ok(b"three"))
        .close(),
        [
            request("GET", "/1"),
            request("GET", "/2", exchange=1),
            request("GET", "/3", exchange=2),
        ],
        stats={"streams.unparsed_bytes": len(ok(b"three"))},
    ),
    Case(
        "a body that looks like a response, behind a hole",
        "only a segment's first byte can begin a message: text inside a segment does not",
        Conversation()
        .open()
        .client(get(1))
        .server(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n", lost=True)
        .server(b"as they say: HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad body.")
        .wait(100)
        .exchange(get(2), ok(b"two"))
        .close(),
        [
            request("GET", "/1"),
            request("GET", "/2", exchange=1),
            response(200, to="GET /2", headers={"content-length": "3"}, body="two", exchange=1, midstream=True),
        ],
        without=SPLIT,
        without_why=RESYNC_WHY,
    ),
    Case(
        "the request is lost, the response goes on",
        "a hole in one direction does not touch the framing of the other",
        Conversation()
        .open()
        .client(b"PUT /f HTTP/1.1\r\nContent-Length: 10\r\n\r\n", lost=True)
        .client(TEN, lost=True)
        .server(CHUNKED_HEAD + b"3\r\none\r\n")
        .server(b"3\r\ntwo\r\n0\r\n\r\n")
        .close(),
        [response(200, headers=CHUNKED, body="onetwo")],
    ),
    Case(
        "requests before a lost one",
        "responses come in the order of their requests: those known are answered, the next one is nobody's",
        Conversation().open().client(get(1)).client(get(2), lost=True).server(ok(b"one")).server(ok(b"two")).close(),
        [
            request("GET", "/1"),
            response(200, to="GET /1", headers={"content-length": "3"}, body="one"),
            response(200, headers={"content-length": "3"}, body="two", exchange=1),
        ],
    ),
    Case(
        "a request in the midst of a hole",
        "the hole's first part was heard by it, the second answers it: pairing does not begin between the two",
        Conversation()
        .open()
        .client(get(1))
        .server(CHUNKED_HEAD + b"3\r\none\r\n")
        .server(b"0\r\n\r\n", lost=True)
        .client(get(2))
        .server(ok(b"two"), lost=True)
        .client(get(3))
        .server(ok(b"three"))
        .close(),
        [
            request("GET", "/1"),
            response(200, to="GET /1", headers=CHUNKED, body="one", missingBytes=5, incompleteReason="gap"),
            request("GET", "/2", exchange=1),
            request("GET", "/3", exchange=2),
            response(200, headers={"content-length": "5"}, body="three", exchange=3, midstream=True),
        ],
        without=CHANGED,
        without_why="who spoke when is what the case is about",
    ),
)


@every_variant(*RESYNC)
def test_gap_that_loses_the_place(case: Case, variant: str, replay: Replay) -> None:
    check(case, variant, replay)


def hole_then(packets: int, wait_ms: float, *, late: bool) -> Conversation:
    """A response of which one segment is not there when it is acknowledged, then `packets` more."""
    conversation = Conversation().open().client(GET).server(HEAD + TEN).server(TEN, lost=True, ack=False).server(TEN)
    conversation.wait(wait_ms)
    for _ in range(packets):
        conversation.client_ack()
    if late:
        conversation.server_at(len(HEAD) + 10, TEN)
    return conversation.close()


WHOLE = response(200, to="GET /", headers=LENGTH, body="012345678901234567890123456789")
HOLED = response(
    200, to="GET /", headers=LENGTH, body="0123456789", bodySize=20, missingBytes=10, incompleteReason="gap"
)
DECLARED = (
    Case(
        "a hole filled after its acknowledgement",
        "two further packets: late, but not a gap yet",
        hole_then(2, 0, late=True),
        [GOT, WHOLE],
        stats={"streams.gaps": 0},
        without=CHANGED,
        without_why="the case counts packets",
    ),
    Case(
        "a hole filled after four packets",
        "three further packets passed without the bytes: they will not come, and are not waited for",
        hole_then(4, 0, late=True),
        [GOT, HOLED],
        stats={"streams.gaps": 1},
        without=CHANGED,
        without_why="the case counts packets",
    ),
    Case(
        "a hole filled after 60 ms",
        "50 ms of packet time passed without the bytes",
        hole_then(0, 60, late=True),
        [GOT, HOLED],
        stats={"streams.gaps": 1},
        without=CHANGED,
        without_why="the case counts time",
    ),
    Case(
        "a hole that nobody acknowledged",
        "without an acknowledgement the bytes may still come, however long it takes",
        Conversation()
        .open()
        .client(GET)
        .server(HEAD + TEN)
        .server(TEN, lost=True, ack=False)
        .server(TEN, ack=False)
        .wait(1000)
        .server_at(len(HEAD) + 20, TEN)
        .server_at(len(HEAD) + 10, TEN, ack=True)
        .close(),
        [GOT, WHOLE],
        stats={"streams.gaps": 0},
    ),
    Case(
        "a hole at the capture's end",
        "what is held is handed over, with the hole",
        Conversation().open().client(GET).server(HEAD + TEN).server(TEN, lost=True, ack=False).server(TEN, ack=False),
        [GOT, HOLED],
        stats={"streams.gaps": 1},
    ),
)


@every_variant(*DECLARED)
def test_when_a_hole_is_a_gap(case: Case, variant: str, replay: Replay) -> None:
    check(case, variant, replay)
