"""Where a message's body is, and where it ends: RFC 9112 sections 6 and 7."""

from __future__ import annotations

from expected import request, response
from packets import Conversation
from replay_case import Case, check, every_variant
from replay_engine import Replay

GET = b"GET / HTTP/1.1\r\n\r\n"
GOT = request("GET", "/")


def answered(answer: bytes, ask: bytes = GET) -> Conversation:
    """One exchange, and the server's close."""
    return Conversation().open().exchange(ask, answer).server_fin().client_fin()


PLAIN = (
    Case(
        "Content-Length on both sides",
        "the ordinary exchange",
        Conversation()
        .open()
        .client(b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello")
        .server(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\nServer: y\r\n\r\nok")
        .close(),
        [
            request("POST", "/a?b=c", headers={"host": "x", "content-length": "5"}, body="hello"),
            response(201, "Created", to="POST /a?b=c", headers={"content-length": "2", "server": "y"}, body="ok"),
        ],
        stats={
            "packets.used": 9,
            "packets.after_close": 1,
            "connections.fin": 1,
            "messages.produced": 2,
            "streams.gaps": 0,
        },
    ),
    Case(
        "keep-alive",
        "exchanges follow each other on one connection and are numbered from 0",
        Conversation()
        .open()
        .exchange(b"GET /1 HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")
        .exchange(b"GET /2 HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        .exchange(b"GET /3 HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthree")
        .close(),
        [
            request("GET", "/1"),
            response(200, to="GET /1", headers={"content-length": "3"}, body="one"),
            request("GET", "/2", exchange=1),
            response(404, "Not Found", to="GET /2", headers={"content-length": "0"}, exchange=1),
            request("GET", "/3", exchange=2),
            response(200, to="GET /3", headers={"content-length": "5"}, body="three", exchange=2),
        ],
    ),
    Case(
        "HTTP/1.0 with a length",
        "the version of each side is its own",
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"GET / HTTP/1.0\r\n\r\n"),
        [
            request("GET", "/", httpVersion="1.0"),
            response(200, to="GET /", headers={"content-length": "2"}, body="ok"),
        ],
    ),
    Case(
        "a body over many segments",
        "10 kB in segments of 1448 bytes",
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + b"0123456789" * 1000),
        [GOT, response(200, to="GET /", headers={"content-length": "10000"}, body="0123456789" * 1000)],
    ),
)

UNTIL_CLOSE = (
    Case(
        "read until close",
        "without a length a response ends with the connection, and a FIN makes it complete (section 6.3, 8)",
        answered(b"HTTP/1.0 200 OK\r\n\r\nall of it"),
        [GOT, response(200, to="GET /", httpVersion="1.0", body="all of it")],
    ),
    Case(
        "read until close, with the FIN on the last byte",
        "a FIN counts behind the data it comes with",
        Conversation()
        .open()
        .client(GET)
        .server(b"HTTP/1.1 200 OK\r\n\r\nall ", ack=False)
        .server_fin(data=b"of it")
        .client_fin(),
        [GOT, response(200, to="GET /", body="all of it")],
    ),
    Case(
        "read until close, empty",
        "a FIN right behind the head: there was no body",
        answered(b"HTTP/1.1 200 OK\r\n\r\n"),
        [GOT, response(200, to="GET /")],
    ),
    Case(
        "read until close, reset",
        "after a reset nobody knows whether that was all",
        Conversation().open().exchange(GET, b"HTTP/1.1 200 OK\r\n\r\npart").server_rst(),
        [GOT, response(200, to="GET /", body="part", incompleteReason="reset")],
        stats={"connections.reset": 1},
    ),
    Case(
        "read until close, and the capture ends",
        "no FIN was seen",
        Conversation().open().exchange(GET, b"HTTP/1.1 200 OK\r\n\r\npart"),
        [GOT, response(200, to="GET /", body="part", incompleteReason="capture_end")],
        stats={"connections.capture_end": 1},
    ),
    Case(
        "a request has no body unless it says so",
        "section 6.3, 7: without a length a request is over with its head, whatever its method",
        Conversation()
        .open()
        .client(b"POST / HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
        .server(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")
        .close(),
        [
            request("POST", "/"),
            request("GET", "/2", exchange=1),
            response(204, "No Content", to="POST /"),
            response(204, "No Content", to="GET /2", exchange=1),
        ],
    ),
)

CHUNKED = {"transfer-encoding": "chunked"}
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

CHUNKS = (
    Case(
        "chunked",
        "the coding is removed, sizes and all",
        answered(CHUNKED_HEAD + b"5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n"),
        [GOT, response(200, to="GET /", headers=CHUNKED, body="hello, world")],
    ),
    Case(
        "chunked request",
        "requests may be chunked too",
        Conversation()
        .open()
        .client(b"PUT /f HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        .server(b"HTTP/1.1 204 No Content\r\n\r\n")
        .close(),
        [request("PUT", "/f", headers=CHUNKED, body="abc"), response(204, "No Content", to="PUT /f")],
    ),
    Case(
        "chunk extensions",
        "section 7.1.1: they are no part of the body, quoted strings included",
        answered(CHUNKED_HEAD + b'5;a=b;c="d;e"\r\nhello\r\n1 ; x\r\n!\r\n0;last\r\n\r\n'),
        [GOT, response(200, to="GET /", headers=CHUNKED, body="hello!")],
    ),
    Case(
        "trailers",
        "section 7.1.2: fields behind the last chunk are the message's trailers",
        answered(CHUNKED_HEAD + b"2\r\nok\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\nExpires: never\r\n\r\n"),
        [
            GOT,
            response(200, to="GET /", headers=CHUNKED, body="ok", trailers={"x-sum": ["1", "2"], "expires": "never"}),
        ],
    ),
    Case(
        "chunk sizes in any spelling",
        "hexadecimal in either case, with leading zeros",
        answered(CHUNKED_HEAD + b"0000A\r\n0123456789\r\n0b\r\nabcdefghijk\r\n000\r\n\r\n"),
        [GOT, response(200, to="GET /", headers=CHUNKED, body="0123456789abcdefghijk")],
    ),
    Case(
        "chunks with bare line feeds",
        "some servers send them; nobody else could have read this response either",
        answered(CHUNKED_HEAD + b"2\nok\n0\n\n"),
        [GOT, response(200, to="GET /", headers=CHUNKED, body="ok")],
    ),
    Case(
        "chunks whose data look like chunks",
        "the size decides, not the look",
        answered(CHUNKED_HEAD + b"e\r\n0\r\n\r\nHTTP/1.1 \r\n0\r\n\r\n"),
        [GOT, response(200, to="GET /", headers=CHUNKED, body="0\r\n\r\nHTTP/1.1 ")],
    ),
    Case(
        "chunked and nothing in it",
        "an empty body is absent",
        answered(CHUNKED_HEAD + b"0\r\n\r\n"),
        [GOT, response(200, to="GET /", headers=CHUNKED)],
    ),
    Case(
        "chunked, then the next response",
        "what follows the last chunk's empty line is a new message",
        Conversation()
        .open()
        .client(GET)
        .client(b"GET /2 HTTP/1.1\r\n\r\n")
        .server(CHUNKED_HEAD + b"1\r\na\r\n0\r\n\r\n" + CHUNKED_HEAD + b"1\r\nb\r\n0\r\n\r\n")
        .close(),
        [
            GOT,
            request("GET", "/2", exchange=1),
            response(200, to="GET /", headers=CHUNKED, body="a"),
            response(200, to="GET /2", headers=CHUNKED, body="b", exchange=1),
        ],
    ),
    Case(
        "chunked inside another coding",
        "`gzip, chunked` ends in chunked: that is removed, gzip stays",
        answered(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n4\r\n\x1f\x8b\x08\xff\r\n0\r\n\r\n"),
        [GOT, response(200, to="GET /", headers={"transfer-encoding": "gzip, Chunked"}, body=b"\x1f\x8b\x08\xff")],
    ),
    Case(
        "chunked over two header lines",
        "section 5.3 of RFC 9110: lines of one name are one list",
        answered(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
        ),
        [GOT, response(200, to="GET /", headers={"transfer-encoding": ["gzip", "chunked"]}, body="ok")],
    ),
    Case(
        "closed before the last chunk",
        "section 8: without the last chunk the message is incomplete",
        answered(CHUNKED_HEAD + b"5\r\nhello\r\n"),
        [GOT, response(200, to="GET /", headers=CHUNKED, body="hello", incompleteReason="closed")],
    ),
    Case(
        "closed before the trailers' end",
        "the body is whole, the message is not",
        answered(CHUNKED_HEAD + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n"),
        [
            GOT,
            response(
                200,
                to="GET /",
                headers=CHUNKED,
                body="hello",
                trailers={"x-sum": "1"},
                incompleteReason="closed",
            ),
        ],
    ),
)

LENGTH = {"content-length": "9"}

NO_BODY = (
    Case(
        "HEAD",
        "section 6.3, 1: no body, whatever the head says; the next response follows at once",
        Conversation()
        .open()
        .exchange(b"HEAD / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        .exchange(b"HEAD / HTTP/1.1\r\n\r\n", CHUNKED_HEAD)
        .exchange(b"HEAD / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n")
        .exchange(GET, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nthe body.")
        .close(),
        [
            request("HEAD", "/"),
            response(200, to="HEAD /", headers=LENGTH),
            request("HEAD", "/", exchange=1),
            response(200, to="HEAD /", headers=CHUNKED, exchange=1),
            request("HEAD", "/", exchange=2),
            response(200, to="HEAD /", exchange=2),
            request("GET", "/", exchange=3),
            response(200, to="GET /", headers=LENGTH, body="the body.", exchange=3),
        ],
    ),
    Case(
        "204 and 304",
        "section 6.3, 1: no body; Content-Length and Transfer-Encoding say what a 200 would have had",
        Conversation()
        .open()
        .exchange(GET, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n")
        .exchange(GET, b"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n")
        .exchange(GET, b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n")
        .exchange(GET, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nthe body.")
        .close(),
        [
            GOT,
            response(304, "Not Modified", to="GET /", headers=LENGTH),
            request("GET", "/", exchange=1),
            response(204, "No Content", to="GET /", headers=LENGTH, exchange=1),
            request("GET", "/", exchange=2),
            response(304, "Not Modified", to="GET /", headers=CHUNKED, exchange=2),
            request("GET", "/", exchange=3),
            response(200, to="GET /", headers=LENGTH, body="the body.", exchange=3),
        ],
    ),
)

UNFINISHED = (
    Case(
        "closed within a body",
        "section 8: fewer bytes than Content-Length said",
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nthe "),
        [GOT, response(200, to="GET /", headers=LENGTH, body="the ", incompleteReason="closed")],
    ),
    Case(
        "reset within a body",
        "what was seen comes out, and says so",
        Conversation().open().exchange(GET, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nthe ").server_rst(),
        [GOT, response(200, to="GET /", headers=LENGTH, body="the ", incompleteReason="reset")],
    ),
    Case(
        "closed within a request's body",
        "a client that gives up",
        Conversation().open().client(b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nthe ").close(),
        [request("PUT", "/", headers=LENGTH, body="the ", incompleteReason="closed")],
    ),
    Case(
        "closed within a head",
        "the start line was whole: the message comes out with the headers seen",
        answered(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Cu"),
        [GOT, response(200, to="GET /", headers={"content-type": "text/plain"}, incompleteReason="closed")],
    ),
    Case(
        "closed within a start line",
        "no message can be told from half a line",
        Conversation().open().client(b"GET /a/long/pa").close(),
        [],
        stats={"messages.produced": 0},
    ),
    Case(
        "the capture ends within a request",
        "as at any end: what was seen comes out",
        Conversation().open().client(b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nthe "),
        [request("PUT", "/", headers=LENGTH, body="the ", incompleteReason="capture_end")],
    ),
    Case(
        "a request without an answer",
        "it is whole, and nobody answered",
        Conversation().open().client(GET).close(),
        [GOT],
    ),
)


@every_variant(*PLAIN, *UNTIL_CLOSE, *CHUNKS, *NO_BODY, *UNFINISHED)
def test_framing(case: Case, variant: str, replay: Replay) -> None:
    check(case, variant, replay)
