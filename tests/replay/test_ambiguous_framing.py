"""Heads that say two things about the body's end: RFC 9112 section 6.3 decides, `ambiguousFraming` says so."""

from __future__ import annotations

from expected import request, response
from packets import Conversation
from replay_case import Case, check, every_variant
from replay_engine import Replay

GET = b"GET / HTTP/1.1\r\n\r\n"
GOT = request("GET", "/")


def answered(answer: bytes) -> Conversation:
    return Conversation().open().exchange(GET, answer).server_fin().client_fin()


def posted(head: bytes) -> Conversation:
    return Conversation().open().client(b"POST / HTTP/1.1\r\n" + head)


NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"

CHUNKS = b"2\r\nok\r\n0\r\n\r\n"

CASES = (
    Case(
        "white space before the name of the first field",
        "RFC 9112 section 2.2: some refuse it, some pass the line over; so the chunks may be another request",
        answered(b"HTTP/1.1 200 OK\r\n Transfer-Encoding: chunked\r\n\r\n" + CHUNKS),
        [GOT, response(200, to="GET /", headers={"transfer-encoding": "chunked"}, body="ok", ambiguousFraming=True)],
    ),
    Case(
        "white space before a colon",
        "section 5.1: a server refuses it, a proxy removes it; some read a name that ends in a space",
        answered(b"HTTP/1.1 200 OK\r\nTransfer-Encoding\t: chunked\r\n\r\n" + CHUNKS),
        [GOT, response(200, to="GET /", headers={"transfer-encoding": "chunked"}, body="ok", ambiguousFraming=True)],
    ),
    Case(
        "chunked twice in one line",
        "section 6.1 forbids it: some undo it twice",
        answered(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n" + CHUNKS),
        [
            GOT,
            response(
                200, to="GET /", headers={"transfer-encoding": "chunked, chunked"}, body="ok", ambiguousFraming=True
            ),
        ],
    ),
    Case(
        "chunked twice in two lines",
        "they are one list (RFC 9110 section 5.3)",
        answered(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS),
        [
            GOT,
            response(
                200, to="GET /", headers={"transfer-encoding": ["chunked", "chunked"]}, body="ok", ambiguousFraming=True
            ),
        ],
    ),
    Case(
        "equal Content-Lengths in two lines",
        "equal lengths are one: nothing is ambiguous",
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok"),
        [GOT, response(200, to="GET /", headers={"content-length": ["2", "2"]}, body="ok")],
    ),
    Case(
        "equal Content-Lengths in one line",
        "RFC 9110 section 8.6: a proxy may have joined the lines",
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok"),
        [GOT, response(200, to="GET /", headers={"content-length": "2, 2"}, body="ok")],
    ),
    Case(
        "Content-Lengths equal in value",
        "02 and 2 are one number",
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: 02\r\nContent-Length: 2\r\n\r\nok"),
        [GOT, response(200, to="GET /", headers={"content-length": ["02", "2"]}, body="ok")],
    ),
    Case(
        "differing Content-Lengths in a response",
        "section 6.3, 5: invalid; nothing but the close can end it",
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\nhello, world"),
        [
            GOT,
            response(
                200, to="GET /", headers={"content-length": ["2", "5"]}, body="hello, world", ambiguousFraming=True
            ),
        ],
    ),
    Case(
        "differing Content-Lengths in a request",
        "as in a response: the bytes that follow can't be told apart",
        posted(b"Content-Length: 2\r\nContent-Length: 5\r\n\r\nhello").client_fin().server(NO_CONTENT).server_fin(),
        [
            request("POST", "/", headers={"content-length": ["2", "5"]}, body="hello", ambiguousFraming=True),
            response(204, "No Content", to="POST /"),
        ],
    ),
    Case(
        "Content-Length that is no number",
        "section 6.3, 5: as differing ones",
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nhello"),
        [GOT, response(200, to="GET /", headers={"content-length": "2x"}, body="hello", ambiguousFraming=True)],
    ),
    Case(
        "negative Content-Length",
        "digits are all the grammar has",
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello"),
        [GOT, response(200, to="GET /", headers={"content-length": "-1"}, body="hello", ambiguousFraming=True)],
    ),
    Case(
        "Content-Length over 64 bits",
        "a number that can't be held is none to go by",
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551621\r\n\r\nhello"),
        [
            GOT,
            response(
                200,
                to="GET /",
                headers={"content-length": "18446744073709551621"},
                body="hello",
                ambiguousFraming=True,
            ),
        ],
    ),
    Case(
        "Content-Length beside chunked in a response",
        "section 6.3, 3: Transfer-Encoding wins",
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        [
            GOT,
            response(
                200,
                to="GET /",
                headers={"content-length": "3", "transfer-encoding": "chunked"},
                body="hello",
                ambiguousFraming=True,
            ),
        ],
    ),
    Case(
        "Content-Length beside chunked in a request",
        "the classic of request smuggling: what the server sees as the next request is what we show",
        posted(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET)
        .server(NO_CONTENT + NO_CONTENT)
        .close(),
        [
            request(
                "POST",
                "/",
                headers={"content-length": "4", "transfer-encoding": "chunked"},
                ambiguousFraming=True,
            ),
            request("GET", "/", exchange=1),
            response(204, "No Content", to="POST /"),
            response(204, "No Content", to="GET /", exchange=1),
        ],
    ),
    Case(
        "a response's coding that does not end in chunked",
        "section 6.3, 4: read until close",
        answered(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n5\r\nhello"),
        [
            GOT,
            response(
                200,
                to="GET /",
                headers={"transfer-encoding": "chunked, gzip"},
                body="5\r\nhello",
                ambiguousFraming=True,
            ),
        ],
    ),
    Case(
        "a request's coding that does not end in chunked",
        "section 6.3, 4: its length can't be told; a server must refuse it and close",
        posted(b"Transfer-Encoding: gzip\r\n\r\nhello")
        .server(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        .server_fin()
        .client_fin(),
        [
            response(400, "Bad Request", to="POST /", headers={"content-length": "0"}),
            request("POST", "/", headers={"transfer-encoding": "gzip"}, body="hello", ambiguousFraming=True),
        ],
    ),
    Case(
        "a list of codings with an empty end",
        "RFC 9110 section 5.6.1.2: to be ignored, so chunked is the last one; some readers see another",
        answered(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, \r\n\r\n2\r\nok\r\n0\r\n\r\n"),
        [
            GOT,
            response(200, to="GET /", headers={"transfer-encoding": "chunked,"}, body="ok", ambiguousFraming=True),
        ],
    ),
    Case(
        "a list of codings with an empty line at its end",
        "RFC 9110 section 5.3: several lines are one list, here `chunked, `",
        Conversation()
        .open()
        .exchange(
            GET, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding:\r\n\r\n2\r\nok\r\n0\r\n\r\n"
        )
        .exchange(GET, NO_CONTENT)
        .close(),
        [
            GOT,
            response(200, to="GET /", headers={"transfer-encoding": ["chunked", ""]}, body="ok", ambiguousFraming=True),
            request("GET", "/", exchange=1),
            response(204, "No Content", to="GET /", exchange=1),
        ],
    ),
    Case(
        "a coding where no body may be",
        "section 6.1 forbids it in a 1xx or 204; some readers take a body all the same",
        Conversation()
        .open()
        .exchange(GET, b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n")
        .exchange(GET, NO_CONTENT)
        .close(),
        [
            GOT,
            response(204, "No Content", to="GET /", headers={"transfer-encoding": "chunked"}, ambiguousFraming=True),
            request("GET", "/", exchange=1),
            response(204, "No Content", to="GET /", exchange=1),
        ],
    ),
    Case(
        "a CONNECT with content",
        "RFC 9110 section 9.3.6: it has none; to some readers the tunnel begins with these bytes",
        Conversation()
        .open()
        .client(b"CONNECT a:1 HTTP/1.1\r\nContent-Length: 2\r\n\r\nok")
        .server(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        .close(),
        [
            request("CONNECT", "a:1", headers={"content-length": "2"}, body="ok", ambiguousFraming=True),
            response(400, "Bad Request", to="CONNECT a:1", headers={"content-length": "0"}),
        ],
    ),
    Case(
        "ambiguity where no body can be",
        "a 304 has none: there is nothing to be ambiguous about",
        Conversation()
        .open()
        .exchange(GET, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\n")
        .exchange(GET, NO_CONTENT)
        .close(),
        [
            GOT,
            response(304, "Not Modified", to="GET /", headers={"content-length": ["2", "5"]}),
            request("GET", "/", exchange=1),
            response(204, "No Content", to="GET /", exchange=1),
        ],
    ),
)


@every_variant(*CASES)
def test_ambiguous_framing(case: Case, variant: str, replay: Replay) -> None:
    check(case, variant, replay)
