"""What TCP hands over of a connection, as http_fuzz.cc takes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from consumed import CLIENT, SERVER, Consumed

GET = b"GET /a HTTP/1.1\r\nHost: b\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\n\r\n"
POST = b"POST /c HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"
EXPECTING = b"PUT / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
CONNECT = b"CONNECT e:443 HTTP/1.1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nworld"
NONE = b"HTTP/1.1 304 N\r\nContent-Length: 5\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 C\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.0 404 N\r\n\r\nuntil its end"
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"5;x=y\r\nhello\r\n0\r\nT: u\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: w\r\n\r\n"
SWITCHING = b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: w\r\n\r\n"
TLS = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


class Pieces(Consumed):
    """What TCP hands over, in order."""

    EVENTS = ("gap", "fin", "midway", "conflict", "disorder", "mistake", "data")

    def __init__(
        self, *, client: int = CLIENT, max_head: int = 2048, max_body: int = 4096, exclude: bool = False
    ) -> None:
        super().__init__()
        self.integral_in_range(max_head, 256, 2048).integral_in_range(max_body, 0, 4096).boolean(exclude)
        self.integral_in_range(client, -1, 1)

    def event(self, side: int, what: str) -> Self:
        return self.boolean(side == SERVER).integral_in_range(self.EVENTS.index(what), 0, 11)

    def gap(self, side: int, size: int) -> Self:
        return self.event(side, "gap").integral_in_range(size, 1, 100)

    def say(self, side: int, text: bytes, *, piece: int = 64, conflicting: bool = False, quiet: bool = True) -> Self:
        for at in range(0, len(text), piece):
            self.event(side, "data").integral_in_range(0, 0, 4)  # none of the target's own words
            self.random_length_string(text[at : at + piece], 64)
            self.boolean(True).boolean(conflicting).boolean(quiet)
        return self

    def exchange(self, request: bytes, response: bytes) -> Self:
        return self.say(CLIENT, request).say(SERVER, response)

    def close(self) -> Self:
        return self.event(CLIENT, "fin").event(SERVER, "fin")


def connections() -> Iterator[Pieces]:
    yield from in_step()
    yield from with_gaps()
    yield from out_of_step()


def in_step() -> Iterator[Pieces]:
    yield Pieces().exchange(GET, OK).exchange(POST, NONE).exchange(HEAD, NONE).close()
    yield Pieces().say(CLIENT, GET + HEAD + POST).say(SERVER, OK + NONE + OK)  # pipelined
    yield Pieces().exchange(GET, CHUNKED_HEAD + CHUNKS).exchange(GET, OK)
    yield Pieces().say(CLIENT, GET, piece=1).say(SERVER, CHUNKED_HEAD + CHUNKS, piece=3)
    yield Pieces().exchange(EXPECTING, CONTINUE).exchange(b"hello", OK).close()
    yield Pieces().exchange(EXPECTING, OK).exchange(b"hello" + GET, OK)  # answered before all is sent
    yield Pieces().exchange(GET, UNTIL_CLOSE).close()
    yield Pieces().exchange(b"GET /old\r\n", b"an old answer").close()
    yield Pieces().exchange(CONNECT, b"HTTP/1.1 200 OK\r\n\r\n").exchange(TLS, TLS)
    yield Pieces().exchange(UPGRADE, SWITCHING).exchange(b"\x81\x05hello", b"\x81\x00")
    yield Pieces().exchange(TLS, TLS)
    yield Pieces().exchange(b"\r\n" + GET, b"HTTP/1.1 99 no\r\n\r\n").say(SERVER, OK)
    yield Pieces().exchange(b"GET / HTTP/1.1\r\nTcp-Sniffer-Delivery: 1\r\n\r\n", OK).exchange(GET, OK)
    yield Pieces(exclude=True).exchange(GET, OK).exchange(POST, OK)
    yield Pieces(max_head=256, max_body=3).exchange(GET[:-2] + b"Long: " + b"x" * 250 + b"\r\n\r\n", OK)


def with_gaps() -> Iterator[Pieces]:
    """In a body, in a head, between messages, in chunks; joined midway, where the client is known or is not."""
    yield Pieces().say(CLIENT, POST[:-5]).gap(CLIENT, 5).exchange(GET, OK).exchange(GET, OK)
    yield Pieces().say(CLIENT, GET[:9]).gap(CLIENT, 20).say(CLIENT, POST).say(SERVER, OK + OK)
    yield Pieces().exchange(GET, OK).gap(SERVER, 40).exchange(GET, OK).exchange(GET, OK)
    yield Pieces().say(CLIENT, GET).say(SERVER, CHUNKED_HEAD + CHUNKS[:9]).gap(SERVER, 30).exchange(GET, OK)
    yield Pieces(client=-1).gap(CLIENT, 100).say(SERVER, OK).exchange(GET, OK)
    yield Pieces(client=-1).say(SERVER, OK[:2]).say(CLIENT, GET).say(SERVER, OK[2:])
    midway = Pieces().event(CLIENT, "midway").event(SERVER, "midway")
    yield midway.say(SERVER, b"world").exchange(GET, OK).exchange(GET, OK)
    yield Pieces(client=SERVER).event(SERVER, "midway").say(SERVER, GET).say(CLIENT, OK).close()


def out_of_step() -> Iterator[Pieces]:
    """Out of order, copies that differ, more answers than questions, bytes between messages."""
    yield Pieces().exchange(GET, OK).event(SERVER, "disorder").exchange(GET, OK).exchange(GET, OK)
    yield Pieces().say(CLIENT, POST, conflicting=True).event(SERVER, "conflict").say(SERVER, OK, quiet=False)
    yield Pieces().exchange(GET, OK[:-2]).event(SERVER, "mistake").say(SERVER, b"ld").exchange(GET, OK)
    yield Pieces().exchange(GET, OK + OK).exchange(GET, b"no message\r\n" + OK).exchange(GET, OK)
