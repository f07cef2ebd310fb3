"""Packets of some connections, as engine_fuzz.cc takes them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Self

from consumed import CLIENT, SERVER, Consumed
from http_seeds import (
    CHUNKED_HEAD,
    CHUNKS,
    CONNECT,
    CONTINUE,
    EXPECTING,
    GET,
    HEAD,
    NONE,
    OK,
    POST,
    SWITCHING,
    TLS,
    UNTIL_CLOSE,
    UPGRADE,
)

# The target's arrays, and how its packets fare.
FLAGS = ["ack", "", "", "", "push", "syn", "syn ack", "fin ack", "rst"]
WAITS = ["1 us", "", "1 ms", "60 ms", "400 s", "back"]
FATES = ["wrong checksum", "fragments", "cut", "twice", "lost", "other bytes", "whole"]

ZIPPED = gzip.compress(b"hello", mtime=0)
GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED) + ZIPPED
FORM = b"POST /?a=1 HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\na=1&c=2"
JSON = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"a":1,"c":2}'
LONG = b"PUT /c HTTP/1.1\r\nContent-Length: 300\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"


class Packets(Consumed):
    """On four connections (`place`); each stands where its side is, `shift` bytes aside."""

    MEMORIES = (2 << 20, 4 << 20, 64 << 20)
    BODIES = (0, 100, 65536)

    def __init__(
        self, *, memory: int = 64 << 20, body: int = 65536, most: int = 4, decode: bool = False, redact: bool = False
    ) -> None:
        super().__init__()
        self.value_in_array(memory, self.MEMORIES).value_in_array(body, self.BODIES).integral_in_range(most, 1, 4)
        self.boolean(decode).boolean(redact)

    def send(
        self,
        side: int,
        data: bytes = b"",
        flags: str = "ack",
        *,
        place: int = 0,
        shift: int = 0,
        ack_shift: int = 0,
        more: int = 0,
        fate: str = "whole",
        wait: str = "1 ms",
    ) -> Self:
        """`more`: how many times an x follows `data`."""
        self.integral_in_range(place, 0, 3).boolean(side == SERVER).value_in_array(flags, FLAGS)
        self._unless_0(shift, 4, -300, 300)
        self._unless_0(ack_shift, 8, -300, 300)
        self.integral_in_range(0, 0, 3)  # none of the target's own words
        self.boolean(bool(data))
        if data:
            self.random_length_string(data, 40)
        self._unless_0(more, 30, 0, 20000)
        self.integral_in_range(FATES.index(fate), 0, 40)
        if fate == "other bytes":
            self.random_length_string(b"E\0\0\x14", 80)
        return self.value_in_array(wait, WAITS)

    def say(self, side: int, text: bytes, *, place: int = 0, fate: str = "whole", wait: str = "1 ms") -> Self:
        for at in range(0, len(text), 40):
            self.send(side, text[at : at + 40], "push", place=place, fate=fate, wait=wait)
        return self

    def open(self, place: int = 0) -> Self:
        self.send(CLIENT, flags="syn", place=place).send(SERVER, flags="syn ack", place=place)
        return self.send(CLIENT, place=place)

    def exchange(self, request: bytes, response: bytes, *, place: int = 0, fate: str = "whole") -> Self:
        return self.say(CLIENT, request, place=place, fate=fate).say(SERVER, response, place=place, fate=fate)

    def close(self, place: int = 0) -> Self:
        self.send(CLIENT, flags="fin ack", place=place).send(SERVER, flags="fin ack", place=place)
        return self.send(CLIENT, place=place)

    def _unless_0(self, value: int, otherwise: int, low: int, high: int) -> None:
        """A number that is read where the one before it is 0."""
        self.integral_in_range(0 if value else otherwise, 0, otherwise)
        if value:
            self.integral_in_range(value, low, high)


def connections() -> Iterator[Packets]:
    yield from whole()
    yield from harmed()
    yield from many()


def whole() -> Iterator[Packets]:
    yield Packets().open().exchange(GET, OK).exchange(POST, NONE).exchange(HEAD, NONE).close()
    yield Packets().open().say(CLIENT, GET + GET).say(SERVER, CHUNKED_HEAD + CHUNKS + OK).close()
    yield Packets().open().exchange(EXPECTING, CONTINUE).exchange(b"hello", OK).send(SERVER, flags="rst")
    yield Packets().open().exchange(CONNECT, b"HTTP/1.1 200 OK\r\n\r\n").exchange(TLS, TLS).close()
    yield Packets().open().exchange(UPGRADE, SWITCHING).exchange(b"\x81\x05hello", b"\x81\x00").close()
    yield Packets().open().exchange(TLS, TLS).close()
    yield Packets().open().exchange(GET, UNTIL_CLOSE).close()
    yield Packets(decode=True).open().exchange(GET, GZIP).close()
    yield Packets(redact=True).open().exchange(FORM, JSON).exchange(POST, OK).close()
    yield Packets(body=100, decode=True, redact=True).open().say(CLIENT, LONG).send(CLIENT, more=300).say(SERVER, OK)


def harmed() -> Iterator[Packets]:
    """In fragments, twice, cut, lost, out of order; a place in the stream that has other bytes, or comes late."""
    yield Packets().open().exchange(GET, OK, fate="fragments").close()
    yield Packets().open().exchange(GET, OK, fate="twice").exchange(GET, OK, fate="wrong checksum").close()
    yield Packets().open().say(CLIENT, GET, fate="cut").say(SERVER, OK).exchange(GET, OK).close()
    lost = Packets().open().say(CLIENT, POST[:40]).send(CLIENT, POST[40:], fate="lost").send(SERVER, wait="60 ms")
    yield lost.say(SERVER, OK).exchange(GET, OK).exchange(GET, OK).close()
    yield Packets().open().send(CLIENT, GET, fate="other bytes").exchange(GET, OK).close()
    yield Packets().open().send(SERVER, OK[:38], ack_shift=len(GET)).say(CLIENT, GET).say(SERVER, OK[38:]).close()
    again = Packets().open().send(CLIENT, GET).send(CLIENT, GET, shift=-len(GET))
    yield again.send(CLIENT, GET.lower(), shift=-len(GET)).say(SERVER, OK).close()
    yield Packets().open().send(CLIENT, GET, shift=20).send(CLIENT, GET[:20], shift=-20 - len(GET)).say(SERVER, OK)


def many() -> Iterator[Packets]:
    """Joined midway, more than the engine may follow, left alone, the same ends again, a clock that goes back; a
    body longer than it keeps, and more bytes behind a hole than it holds."""
    yield Packets().send(SERVER, OK[:38]).send(CLIENT).send(SERVER, OK[38:]).exchange(GET, OK).exchange(GET, OK)
    yield Packets(most=1).open(0).say(CLIENT, GET).open(1).exchange(GET, OK, place=1).say(SERVER, OK)
    idle = Packets(decode=True).open().say(CLIENT, POST[:40], wait="400 s").open(2).exchange(GET, OK, place=2)
    yield idle.exchange(GET, OK)
    used = Packets(decode=True).open().exchange(GET, OK).close().send(CLIENT, flags="syn", shift=300)
    yield used.send(SERVER, flags="syn ack", shift=300).send(CLIENT).exchange(GET, OK)
    yield Packets().open().say(CLIENT, GET, wait="back").say(SERVER, OK, wait="back").close()
    long = Packets(memory=2 << 20).open().say(CLIENT, GET).say(SERVER, ENDLESS)
    for _ in range(5):
        long.send(SERVER, more=20000)
    yield long.send(SERVER, flags="fin ack")
    held = Packets().open().send(CLIENT, shift=9)
    for _ in range(15):
        held.send(CLIENT, more=20000, wait="1 us")
    yield held.close()
