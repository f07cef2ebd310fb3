"""Which response answers which request, and what comes in between."""

from __future__ import annotations

from expected import request, response
from packets import Conversation
from replay_case import Case, check, every_variant
from replay_engine import Replay

GET = b"GET / HTTP/1.1\r\n\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
EXPECT = b"POST /f HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
EXPECTED = {"expect": "100-continue", "content-length": "5"}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def get(number: int) -> bytes:
    return b"GET /%d HTTP/1.1\r\n\r\n" % number


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


PIPELINED = (
    Case(
        "pipelined requests in one segment",
        "RFC 9112 section 9.3.2: responses come in the requests' order",
        Conversation().open().client(get(1) + get(2) + get(3)).server(ok(b"1") + ok(b"22") + NO_CONTENT).close(),
        [
            request("GET", "/1"),
            request("GET", "/2", exchange=1),
            request("GET", "/3", exchange=2),
            response(200, to="GET /1", headers={"content-length": "1"}, body="1"),
            response(200, to="GET /2", headers={"content-length": "2"}, body="22", exchange=1),
            response(204, "No Content", to="GET /3", exchange=2),
        ],
    ),
    Case(
        "pipelined, answered one by one",
        "an answer may come between later requests",
        Conversation()
        .open()
        .client(get(1))
        .client(get(2))
        .server(ok(b"1"))
        .client(get(3))
        .server(ok(b"2"))
        .server(ok(b"3"))
        .close(),
        [
            request("GET", "/1"),
            request("GET", "/2", exchange=1),
            response(200, to="GET /1", headers={"content-length": "1"}, body="1"),
            request("GET", "/3", exchange=2),
            response(200, to="GET /2", headers={"content-length": "1"}, body="2", exchange=1),
            response(200, to="GET /3", headers={"content-length": "1"}, body="3", exchange=2),
        ],
    ),
    Case(
        "pipelined HEAD and GET",
        "each response is framed by its own request",
        Conversation()
        .open()
        .client(b"HEAD /1 HTTP/1.1\r\n\r\n" + get(2))
        .server(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + ok(b"two"))
        .close(),
        [
            request("HEAD", "/1"),
            request("GET", "/2", exchange=1),
            response(200, to="HEAD /1", headers={"content-length": "3"}),
            response(200, to="GET /2", headers={"content-length": "3"}, body="two", exchange=1),
        ],
    ),
    Case(
        "requests behind the last answer",
        "a server that closes after one answer leaves the pipelined rest unanswered",
        Conversation().open().client(get(1) + get(2)).server(ok(b"1")).server_fin().client_fin(),
        [
            request("GET", "/1"),
            request("GET", "/2", exchange=1),
            response(200, to="GET /1", headers={"content-length": "1"}, body="1"),
        ],
    ),
)

EARLY = (
    Case(
        "a response before its request ends",
        "a server may refuse before it has read all (RFC 9112 section 9.5); the pair is known, the latency is not",
        Conversation()
        .open()
        .client(b"POST /f HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234")
        .server(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        .client(b"56789")
        .close(),
        [
            response(413, "Content Too Large", to="POST /f", headers={"content-length": "0"}),
            request("POST", "/f", headers={"content-length": "10"}, body="0123456789"),
        ],
    ),
    Case(
        "an early response, and the request goes no further",
        "the request is incomplete, its response is not",
        Conversation()
        .open()
        .client(b"POST /f HTTP/1.1\r\nContent-Length: 10\r\n\r\n01234")
        .server(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
        .server_fin()
        .client_rst(),
        [
            response(413, "Content Too Large", to="POST /f", headers={"content-length": "0"}),
            request("POST", "/f", headers={"content-length": "10"}, body="01234", incompleteReason="reset"),
        ],
    ),
    Case(
        "an early response, then the next exchange",
        "the connection is still in step",
        Conversation()
        .open()
        .client(b"POST /f HTTP/1.1\r\nContent-Length: 4\r\n\r\n01")
        .server(ok(b"early"))
        .client(b"23")
        .exchange(get(2), ok(b"2"))
        .close(),
        [
            response(200, to="POST /f", headers={"content-length": "5"}, body="early"),
            request("POST", "/f", headers={"content-length": "4"}, body="0123"),
            request("GET", "/2", exchange=1),
            response(200, to="GET /2", headers={"content-length": "1"}, body="2", exchange=1),
        ],
    ),
    Case(
        "both sides stream at once",
        "an echo: request and response go on side by side",
        Conversation()
        .open()
        .client(b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        .server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        .client(b"3\r\ntwo\r\n0\r\n\r\n")
        .server(b"3\r\ntwo\r\n0\r\n\r\n")
        .close(),
        [
            request("POST", "/echo", headers={"transfer-encoding": "chunked"}, body="onetwo"),
            response(200, to="POST /echo", headers={"transfer-encoding": "chunked"}, body="onetwo"),
        ],
    ),
)

INTERIM = (
    Case(
        "100 Continue",
        "RFC 9110 section 15.2: an interim response; the final one follows, of the same exchange",
        Conversation().open().client(EXPECT).server(CONTINUE).client(b"hello").server(NO_CONTENT).close(),
        [
            response(100, "Continue", to="POST /f", interim=True),
            request("POST", "/f", headers=EXPECTED, body="hello"),
            response(204, "No Content", to="POST /f"),
        ],
    ),
    Case(
        "refused instead of 100 Continue",
        "the client then sends no body, and here the connection is closed",
        Conversation()
        .open()
        .client(EXPECT)
        .server(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
        .close(),
        [
            response(417, "Expectation Failed", to="POST /f", headers={"content-length": "0"}),
            request("POST", "/f", headers=EXPECTED, incompleteReason="closed"),
        ],
    ),
    Case(
        "any number of interim responses",
        "103 Early Hints may come often, and one segment may hold them all",
        Conversation()
        .open()
        .client(GET)
        .server(
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 20 + b"HTTP/1.1 102 Processing\r\n\r\n" + ok(b"done")
        )
        .close(),
        [
            request("GET", "/"),
            *[response(103, "Early Hints", to="GET /", headers={"link": "</a>"}, interim=True)] * 20,
            response(102, "Processing", to="GET /", interim=True),
            response(200, to="GET /", headers={"content-length": "4"}, body="done"),
        ],
    ),
    Case(
        "a long interim response",
        "of any length: 30 kB of hints in many segments",
        Conversation()
        .open()
        .client(GET)
        .server(b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 30_000 + b"\r\n\r\n" + NO_CONTENT)
        .close(),
        [
            request("GET", "/"),
            response(103, "Early Hints", to="GET /", headers={"link": "x" * 30_000}, interim=True),
            response(204, "No Content", to="GET /"),
        ],
    ),
    Case(
        "Content-Length in an interim response",
        "RFC 9112 section 6.3, 1: it has no body, whatever it says",
        Conversation()
        .open()
        .client(EXPECT)
        .server(b"HTTP/1.1 100 Continue\r\nContent-Length: 7\r\nTransfer-Encoding: chunked\r\n\r\n")
        .client(b"hello")
        .server(NO_CONTENT)
        .close(),
        [
            response(
                100,
                "Continue",
                to="POST /f",
                headers={"content-length": "7", "transfer-encoding": "chunked"},
                ambiguousFraming=True,
                interim=True,
            ),
            request("POST", "/f", headers=EXPECTED, body="hello"),
            response(204, "No Content", to="POST /f"),
        ],
    ),
    Case(
        "an interim response to HEAD",
        "the final one is still one to HEAD",
        Conversation()
        .open()
        .client(b"HEAD / HTTP/1.1\r\n\r\n")
        .server(CONTINUE + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        .exchange(get(2), ok(b"2"))
        .close(),
        [
            request("HEAD", "/"),
            response(100, "Continue", to="HEAD /", interim=True),
            response(200, to="HEAD /", headers={"content-length": "4"}),
            request("GET", "/2", exchange=1),
            response(200, to="GET /2", headers={"content-length": "1"}, body="2", exchange=1),
        ],
    ),
)

UPGRADE = b"GET /chat HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
UPGRADE_FIELDS = {"connection": "Upgrade", "upgrade": "websocket"}
CONNECT = b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n"
CONNECT_FIELDS = {"host": "example.org:443"}
TO_CONNECT = "CONNECT example.org:443"

TUNNELS = (
    Case(
        "101 Switching Protocols",
        "RFC 9110 section 15.2.2: from here on the connection speaks another protocol; said once, counted once",
        Conversation()
        .open()
        .client(UPGRADE)
        .server(SWITCHING + b"\x81\x05hello")
        .client(b"\x81\x85mask....." + GET)
        .server(NO_CONTENT)
        .close(),
        [
            request("GET", "/chat", headers=UPGRADE_FIELDS),
            response(101, "Switching Protocols", to="GET /chat", headers=UPGRADE_FIELDS),
        ],
        stats={"streams.tunnels": 1, "streams.not_http": 0, "messages.produced": 2},
        events=[{"event": "tunnel"}],
    ),
    Case(
        "CONNECT",
        "RFC 9110 section 9.3.6: a 2xx makes a tunnel, and has no body, whatever its head says",
        Conversation()
        .open()
        .client(CONNECT)
        .server(b"HTTP/1.1 200 Connection established\r\nContent-Length: 5\r\n\r\n")
        .client(b"\x16\x03\x01\x00\x05hello")
        .server(b"\x16\x03\x03\x00\x05there")
        .close(),
        [
            request("CONNECT", "example.org:443", headers=CONNECT_FIELDS),
            response(200, "Connection established", to=TO_CONNECT, headers={"content-length": "5"}),
        ],
        stats={"streams.tunnels": 1, "streams.not_http": 0},
        events=[{"event": "tunnel"}],
    ),
    Case(
        "CONNECT with a 204",
        "RFC 9112 section 6.3, 2: any 2xx makes a tunnel; what goes through it may look like HTTP",
        Conversation()
        .open()
        .client(CONNECT)
        .server(b"HTTP/1.1 204 No Content\r\n\r\n")
        .exchange(get(1), ok(b"inside"))
        .close(),
        [
            request("CONNECT", "example.org:443", headers=CONNECT_FIELDS),
            response(204, "No Content", to=TO_CONNECT),
        ],
        stats={"streams.tunnels": 1},
    ),
    Case(
        "CONNECT refused, then granted",
        "only a 2xx makes a tunnel; another answer has its body and the connection goes on",
        Conversation()
        .open()
        .client(CONNECT)
        .server(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno")
        .client(CONNECT)
        .server(b"HTTP/1.1 200 OK\r\n\r\n")
        .client(b"SSH-2.0-x\r\n")
        .close(),
        [
            request("CONNECT", "example.org:443", headers=CONNECT_FIELDS),
            response(407, "Proxy Authentication Required", to=TO_CONNECT, headers={"content-length": "2"}, body="no"),
            request("CONNECT", "example.org:443", headers=CONNECT_FIELDS, exchange=1),
            response(200, to=TO_CONNECT, exchange=1),
        ],
        stats={"streams.tunnels": 1},
    ),
    Case(
        "an upgrade that the server does not take",
        "HTTP goes on as if nobody had asked",
        Conversation().open().exchange(UPGRADE, ok(b"plain")).exchange(get(2), ok(b"2")).close(),
        [
            request("GET", "/chat", headers=UPGRADE_FIELDS),
            response(200, to="GET /chat", headers={"content-length": "5"}, body="plain"),
            request("GET", "/2", exchange=1),
            response(200, to="GET /2", headers={"content-length": "1"}, body="2", exchange=1),
        ],
        stats={"streams.tunnels": 0},
    ),
)


@every_variant(*PIPELINED, *EARLY, *INTERIM, *TUNNELS)
def test_pairing(case: Case, variant: str, replay: Replay) -> None:
    check(case, variant, replay)


# A response whose request was not seen, on connections joined midway.
LENGTH = {"content-length": "5"}

UNKNOWN = (
    Case(
        "a body behind a response without a request",
        "an answer to HEAD would not be followed by these bytes: it was to something else",
        Conversation().server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        [response(200, headers=LENGTH, body="hello", midstream=True)],
    ),
    Case(
        "no body behind a response without a request",
        "the client asks on, and the next response follows: it was to HEAD",
        Conversation().server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").exchange(GET, NO_CONTENT),
        [
            request("GET", "/", exchange=1, midstream=True),
            response(200, headers=LENGTH, midstream=True),
            response(204, "No Content", exchange=2),
        ],
    ),
    Case(
        "what looks like a response behind one without a request",
        "nobody can tell whether it is one, or the text of its body",
        Conversation().server(b"HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n").server(NO_CONTENT),
        [response(200, headers={"content-length": "27"}, midstream=True, incompleteReason="unknown_request")],
    ),
    Case(
        "nothing behind a response without a request",
        "nobody can tell whether its body is missing, or was never to come",
        Conversation().server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").wait(100).server_fin(),
        [response(200, headers=LENGTH, midstream=True, incompleteReason="unknown_request")],
    ),
    Case(
        "one letter behind a response without a request, and the end",
        "nobody can tell whether it is its body, or begins another response",
        Conversation().server(b"HTTP/1.1 200 OK\r\n\r\nH").wait(100).server_fin(),
        [response(200, midstream=True, incompleteReason="unknown_request")],
        stats={"streams.unparsed_bytes": 1},
    ),
    Case(
        "a framing that depends on no request",
        "204 has no body in any case, nor has a length of 0",
        Conversation().server(NO_CONTENT).server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        [
            response(204, "No Content", midstream=True),
            response(200, headers={"content-length": "0"}, exchange=1),
        ],
    ),
    Case(
        "a chunked response without a request",
        "a chunk follows: it was not to HEAD",
        Conversation().server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").server(b"2\r\nok\r\n0\r\n\r\n"),
        [response(200, headers={"transfer-encoding": "chunked"}, body="ok", midstream=True)],
    ),
    Case(
        "the client speaks behind a response without a length or a request",
        "it does not go on until the close: it answered HEAD, or CONNECT, and what follows is a tunnel's",
        Conversation()
        .server(b"HTTP/1.1 200 OK\r\n\r\n")
        .client(b"\x16\x03hello")
        .server(b"\x16\x03there")
        .server_fin(),
        [response(200, midstream=True)],
    ),
    Case(
        "a body up to the close, of a 200 without a request",
        "nobody can tell whether it answered a CONNECT, so that these bytes are a tunnel's",
        Conversation().server(b"HTTP/1.1 200 OK\r\n\r\nall that comes").wait(100).server_fin(),
        [response(200, body="all that comes", midstream=True, incompleteReason="unknown_request")],
    ),
    Case(
        "a body up to the close, of a 404 without a request",
        "no tunnel follows a refusal",
        Conversation().server(b"HTTP/1.1 404 Not Found\r\n\r\nall that comes").wait(100).server_fin(),
        [response(404, "Not Found", body="all that comes", midstream=True)],
    ),
    Case(
        "between two configured ports, a response in pieces",
        "the first bytes are too few to tell which end is the server; they begin the message all the same",
        Conversation().server(b"HT").server(b"TP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").close(),
        [response(200, headers={"content-length": "2"}, body="ok", midstream=True)],
        config={"ports": [8080, 40000]},
        stats={"gauges.openExchanges": 0},
    ),
)


@every_variant(*UNKNOWN)
def test_response_without_request(case: Case, variant: str, replay: Replay) -> None:
    check(case, variant, replay)
