"""What a head says, as it was sent: a listener reports, it does not police (RFC 9112 sections 2 to 5)."""

from __future__ import annotations

from typing import Any

from expected import Record, request, response
from packets import Conversation
from replay_case import Case, check, every_variant
from replay_engine import Replay

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
GET = b"GET / HTTP/1.1\r\n\r\n"


def asked(ask: bytes) -> Conversation:
    return Conversation().open().exchange(ask, NO_CONTENT).close()


def answered(answer: bytes) -> Conversation:
    return Conversation().open().exchange(GET, answer).server_fin().client_fin()


def done(to: str, **more: Any) -> Record:
    return response(204, "No Content", to=to, **more)


START_LINES = (
    Case(
        "absolute form",
        "section 3.2.2: a request to a proxy; the target as sent",
        asked(b"GET http://example.org:81/a?b HTTP/1.1\r\nHost: example.org:81\r\n\r\n"),
        [
            request("GET", "http://example.org:81/a?b", headers={"host": "example.org:81"}),
            done("GET http://example.org:81/a?b"),
        ],
    ),
    Case(
        "asterisk form",
        "section 3.2.4",
        asked(b"OPTIONS * HTTP/1.1\r\n\r\n"),
        [request("OPTIONS", "*"), done("OPTIONS *")],
    ),
    Case(
        "unknown methods",
        "a method is any token (RFC 9110 section 9.1), also in lower case or with a dash",
        Conversation()
        .open()
        .exchange(b"PURGE /a HTTP/1.1\r\n\r\n", NO_CONTENT)
        .exchange(b"M-SEARCH * HTTP/1.1\r\n\r\n", NO_CONTENT)
        .exchange(b"frobnicate /b HTTP/1.1\r\n\r\n", NO_CONTENT)
        .close(),
        [
            request("PURGE", "/a"),
            done("PURGE /a"),
            request("M-SEARCH", "*", exchange=1),
            done("M-SEARCH *", exchange=1),
            request("frobnicate", "/b", exchange=2),
            done("frobnicate /b", exchange=2),
        ],
    ),
    Case(
        "a space in the target",
        "not allowed (section 3.2), and sent all the same: the version is behind the last space",
        asked(b"GET /a b?c d HTTP/1.1\r\n\r\n"),
        [request("GET", "/a b?c d"), done("GET /a b?c d")],
    ),
    Case(
        "an empty reason",
        "section 4: the reason may be empty",
        answered(b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"),
        [request("GET", "/"), response(200, "", to="GET /", headers={"content-length": "0"})],
    ),
    Case(
        "no reason and no space",
        "common, though the grammar wants the space",
        answered(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"),
        [request("GET", "/"), response(200, "", to="GET /", headers={"content-length": "0"})],
    ),
    Case(
        "a reason of several words, and an unknown status",
        "any three digits are a status",
        answered(b"HTTP/1.1 799 Very Odd, Really\r\nContent-Length: 0\r\n\r\n"),
        [request("GET", "/"), response(799, "Very Odd, Really", to="GET /", headers={"content-length": "0"})],
    ),
    Case(
        "empty lines before a request",
        "section 2.2: a server ignores at least one; old clients send one behind a body",
        Conversation()
        .open()
        .exchange(b"\r\n\r\nGET /1 HTTP/1.1\r\n\r\n", NO_CONTENT)
        .exchange(b"POST /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\nok\r\n", NO_CONTENT)
        .exchange(b"\nGET /3 HTTP/1.1\r\n\r\n", NO_CONTENT)
        .close(),
        [
            request("GET", "/1"),
            done("GET /1"),
            request("POST", "/2", headers={"content-length": "2"}, body="ok", exchange=1),
            done("POST /2", exchange=1),
            request("GET", "/3", exchange=2),
            done("GET /3", exchange=2),
        ],
    ),
    Case(
        "empty lines before a response",
        "some servers send one behind a body",
        Conversation()
        .open()
        .exchange(GET, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\r\n")
        .exchange(GET, NO_CONTENT)
        .close(),
        [
            request("GET", "/"),
            response(200, to="GET /", headers={"content-length": "2"}, body="ok"),
            request("GET", "/", exchange=1),
            done("GET /", exchange=1),
        ],
    ),
)

START_LINES += (
    Case(
        "a status code of zeros",
        "no code of RFC 9110, but what was sent",
        answered(b"HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n"),
        [request("GET", "/"), response(0, "Odd", to="GET /", headers={"content-length": "0"})],
    ),
)

HEADERS = (
    Case(
        "names in lower case, values as sent",
        "names are case-insensitive (RFC 9110 section 5.1); white space around a value is no part of it",
        asked(b"GET / HTTP/1.1\r\nHOST:a\r\nX-A: \t b  c \t\r\nX-Empty:\r\nX-Colon: a:b: c\r\n\r\n"),
        [
            request("GET", "/", headers={"host": "a", "x-a": "b  c", "x-empty": "", "x-colon": "a:b: c"}),
            done("GET /"),
        ],
    ),
    Case(
        "a repeated name",
        "an array of the values in wire order, in the place of the first",
        asked(b"GET / HTTP/1.1\r\nAccept: a\r\nHost: x\r\nACCEPT: b\r\naccept: c\r\n\r\n"),
        [request("GET", "/", headers={"accept": ["a", "b", "c"], "host": "x"}), done("GET /")],
    ),
    Case(
        "a folded header",
        "section 5.2: each fold is one space",
        asked(b"GET / HTTP/1.1\r\nX-Long: one\r\n two\r\n\t  three\r\nHost: a\r\n\r\n"),
        [request("GET", "/", headers={"x-long": "one two three", "host": "a"}), done("GET /")],
    ),
    Case(
        "bare line feeds",
        "section 2.2: a recipient may take a single LF as a line's end; mixed with CRLF too",
        Conversation()
        .open()
        .exchange(b"GET /1 HTTP/1.1\nHost: a\nX: y\n\n", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok")
        .exchange(b"GET /2 HTTP/1.1\r\nHost: a\n\r\n", b"HTTP/1.1 204 No Content\n\r\n")
        .close(),
        [
            request("GET", "/1", headers={"host": "a", "x": "y"}),
            response(200, to="GET /1", headers={"content-length": "2"}, body="ok"),
            request("GET", "/2", headers={"host": "a"}, exchange=1),
            done("GET /2", exchange=1),
        ],
    ),
    Case(
        "a space before the colon",
        "section 5.1 forbids it; what went by is shown, and still frames",
        asked(b"POST / HTTP/1.1\r\nX-A : b\r\nContent-Length : 2\r\n\r\nok"),
        [
            request("POST", "/", headers={"x-a": "b", "content-length": "2"}, body="ok", ambiguousFraming=True),
            done("POST /"),
        ],
    ),
    Case(
        "a line without a colon",
        "no field; what went by is shown as a name without a value, and what follows is read",
        asked(b"GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\nX: y\r\n\r\n"),
        [request("GET", "/", headers={"host": "a", "nonsense": "", "x": "y"}), done("GET /")],
    ),
    Case(
        "UTF-8 in values and targets",
        "valid UTF-8 is text",
        asked("GET /grüße HTTP/1.1\r\nX-Name: Zoë ☃\r\n\r\n".encode()),
        [request("GET", "/grüße", headers={"x-name": "Zoë ☃"}), done("GET /grüße")],
    ),
    Case(
        "8-bit bytes in a value",
        "no UTF-8: each byte is written as the character of its number, and the record says so",
        asked(b"GET / HTTP/1.1\r\nX-Name: Zo\xeb\r\n\r\n"),
        [request("GET", "/", headers={"x-name": "Zoë"}, headEncoding="latin1"), done("GET /")],
    ),
    Case(
        "8-bit bytes in a target",
        "as in a value",
        asked(b"GET /gr\xfc\xdfe HTTP/1.1\r\n\r\n"),
        [
            request("GET", "/grüße", headEncoding="latin1"),
            response(
                204,
                "No Content",
                request={"method": "GET", "path": "/grüße", "headEncoding": "latin1"},
            ),
        ],
    ),
    Case(
        "8-bit bytes beside UTF-8",
        "each value by itself: text stays text, and the record says that another value is not",
        asked("GET / HTTP/1.1\r\nA: ö\r\nB: ".encode() + b"\xff\r\n\r\n"),
        [request("GET", "/", headers={"a": "ö", "b": "ÿ"}, headEncoding="latin1"), done("GET /")],
    ),
    Case(
        "one name in two encodings",
        "the record's keys are compared, for JSON has each but once",
        asked(b"GET / HTTP/1.1\r\n\xc3\xa9: one\r\n\xe9: two\r\nX-\xff: three\r\n\r\n"),
        [request("GET", "/", headers={"é": ["one", "two"], "x-ÿ": "three"}, headEncoding="latin1"), done("GET /")],
    ),
    Case(
        "control bytes in a value",
        "whatever bytes went by, the record is valid JSON",
        asked(b'GET / HTTP/1.1\r\nX: a\x00b\x01"\\\x7f\r\n\r\n'),
        [request("GET", "/", headers={"x": 'a\x00b\x01"\\\x7f'}), done("GET /")],
    ),
)

TEXT = '{"ü": "☃ \U0001f600\\\\"}\t'

BODIES = (
    Case(
        "text in a body",
        "valid UTF-8, quotes, backslashes and control characters included",
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n" + TEXT.encode()),
        [request("GET", "/"), response(200, to="GET /", headers={"content-length": "21"}, body=TEXT)],
    ),
    Case(
        "no text in a body",
        "what is no valid UTF-8 is base64, and says so",
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab\xc3\x28c"),
        [request("GET", "/"), response(200, to="GET /", headers={"content-length": "5"}, body=b"ab\xc3\x28c")],
    ),
    Case(
        "surrogates and overlong forms in a body",
        "RFC 3629: neither is UTF-8, though some decoders take them",
        Conversation()
        .open()
        .exchange(GET, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xed\xa0\x80")
        .exchange(GET, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xc0\x80")
        .close(),
        [
            request("GET", "/"),
            response(200, to="GET /", headers={"content-length": "3"}, body=b"\xed\xa0\x80"),
            request("GET", "/", exchange=1),
            response(200, to="GET /", headers={"content-length": "2"}, body=b"\xc0\x80", exchange=1),
        ],
    ),
    Case(
        "a NUL in a body",
        "valid UTF-8, and valid JSON as an escape",
        answered(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\x00b"),
        [request("GET", "/"), response(200, to="GET /", headers={"content-length": "3"}, body="a\x00b")],
    ),
)

LEGACY = (
    Case(
        "an HTTP/0.9 exchange",
        "a request line without a version, an answer without a head, read until close",
        Conversation().open().exchange(b"GET /x\r\n", b"<html>hello</html>").server_fin().client_fin(),
        [
            request("GET", "/x", httpVersion="0.9"),
            response(0, "", to="GET /x", statusCode=None, httpVersion="0.9", body="<html>hello</html>"),
        ],
    ),
    Case(
        "a request line without its version, before header fields",
        "HTTP/0.9 has no fields (RFC 1945 section 4.1), so this is none: the version is not known",
        Conversation().open().exchange(b"GET /x\r\nHost: a\r\n\r\n", b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"),
        [
            request("GET", "/x", headers={"host": "a"}, httpVersion=None),
            response(400, "Bad", to="GET /x", headers={"content-length": "0"}),
        ],
    ),
    Case(
        "a bad answer whose head came in pieces",
        "what is no head is told as it came, and no byte of it twice",
        Conversation().open().client(GET).server(b"Bad ").server(b"request\r\ngo away").server_fin().client_fin(),
        [
            request("GET", "/"),
            response(0, "", to="GET /", statusCode=None, httpVersion="0.9", body="Bad request\r\ngo away"),
        ],
    ),
    Case(
        "an HTTP/0.9-style answer to a request of today",
        "some servers answer a bad request so",
        answered(b"Bad request, go away"),
        [
            request("GET", "/"),
            response(0, "", to="GET /", statusCode=None, httpVersion="0.9", body="Bad request, go away"),
        ],
    ),
)


@every_variant(*START_LINES, *HEADERS, *BODIES, *LEGACY)
def test_heads(case: Case, variant: str, replay: Replay) -> None:
    check(case, variant, replay)
