"""The attacks: what a client or a server may send to make its listener work, as packets.

Each takes a seed and gives packets without end, one connection's after another's; whoever captures them stops.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from packets import ACK, SYN, Conversation, Segment
from packets.files import Frame, frames
from packets.networks import Network, ip, ipv4_fragments
from packets.segment import End

SERVER = End("10.0.0.1", 8080)
_START = 1_700_000_000 * 10**9
_STEP = 10_000  # ns between two packets

Packets = Iterator[Segment]


@dataclass(frozen=True, eq=False)
class Attack:
    """`counter`: the ledger's field that says it was there, where anything gives way. `beside`: the bytes it takes for
    that, where memory and connections are scarce."""

    name: str
    packets: Callable[[random.Random], Packets]
    config: Mapping[str, Any] = field(default_factory=dict)
    network: Callable[[random.Random], Network] = lambda _: ip
    counter: str = ""
    beside: int = 300_000

    def frames(self, size: int, seed: int = 1) -> list[Frame]:
        """At least `size` bytes, headers of the packets counted."""
        chance = random.Random(seed)
        network = self.network(chance)
        found: list[Frame] = []
        for number, segment in enumerate(self.packets(chance)):
            found += (
                Frame(_START + number * _STEP, frame.data, frame.length) for frame in frames([segment], network=network)
            )
            size -= len(found[-1].data)
            if size <= 0:
                return found
        raise AssertionError("an attack goes on")


def _connections(chance: random.Random, talk: Callable[[Conversation], Conversation]) -> Packets:
    """One after the other, each from another port."""
    while True:
        client = (f"10.{chance.randrange(1, 250)}.{chance.randrange(250)}.{chance.randrange(1, 250)}",
                  chance.randrange(1024, 65536))  # fmt: skip
        yield from talk(Conversation(client=client, client_isn=chance.randrange(1 << 32)).open()).segments


def _requests(piece: bytes, *, times: int = 400, mss: int = 1448) -> Callable[[random.Random], Packets]:
    """A connection that says the same, again and again."""
    return lambda chance: _connections(chance, lambda c: c.client(piece * times, mss=mss))


def _answered(request: bytes, response: bytes, *, times: int = 1) -> Callable[[random.Random], Packets]:
    def talk(conversation: Conversation) -> Conversation:
        for _ in range(times):
            conversation.exchange(request, response)
        return conversation

    return lambda chance: _connections(chance, talk)


_GET = b"GET /cart HTTP/1.1\r\nHost: shop.example\r\n\r\n"
_JSON = json.dumps([{"id": n, "name": f"article {n}", "price": n * 1.5} for n in range(45)]).encode()
_PLAIN_GET = (
    b"GET /api/v1/orders/1007919?expand=items HTTP/1.1\r\nHost: orders.shop.example\r\nUser-Agent: okhttp/4.12.0\r\n"
    b"Accept: application/json\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
    b"X-Request-Id: 1f2e3d4c-5c1d-4f5e-9e0a-000000000001\r\n\r\n"
)
_PLAIN_RESPONSE = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: keep-alive\r\nCache-Control: no-store\r\n\r\n" % len(_JSON)
) + _JSON

PLAIN = Attack("plain traffic", _answered(_PLAIN_GET, _PLAIN_RESPONSE, times=20))


def _syns(chance: random.Random) -> Packets:
    while True:
        source = End(f"10.{chance.randrange(1, 250)}.{chance.randrange(250)}.1", chance.randrange(1024, 65536))
        yield Segment(time=0, source=source, destination=SERVER, seq=chance.randrange(1 << 32), flags=SYN)


def _reused_port(chance: random.Random) -> Packets:
    source = End("10.0.0.2", 40000)
    while True:
        yield Segment(time=0, source=source, destination=SERVER, seq=chance.randrange(1 << 32), flags=SYN)


def _far(chance: random.Random) -> Packets:
    """Bytes that are far from all that was said, each in the window of the connection that takes the port next."""
    source, isn = End("10.0.0.2", 40000), chance.randrange(1 << 32)
    while True:
        for number in range(64):
            yield Segment(time=0, source=source, destination=SERVER, seq=(isn + 3 + 2 * number) % (1 << 32),
                          flags=ACK, payload=b"x")  # fmt: skip
        yield Segment(time=0, source=source, destination=SERVER, seq=isn, flags=SYN)
        yield Segment(time=0, source=source, destination=SERVER, seq=(isn + 1) % (1 << 32), flags=ACK, payload=b"x")
        isn = (isn + (1 << 28)) % (1 << 32)


def _alike(_: random.Random) -> Packets:
    """Client ends whose addresses and ports differ as little as they can: what a hash without a key makes collide."""
    for number in count():
        source = End(f"10.{number >> 8 & 255}.{number & 255}.7", 1024 + number * 65537 % 60_000)
        yield Segment(time=0, source=source, destination=SERVER, seq=number, flags=SYN)


def _backwards(chance: random.Random) -> Packets:
    """Every segment but the first, the last one first: nothing is ever in order."""

    def talk(c: Conversation) -> Conversation:
        for at in range(60_000, 0, -100):
            c.client_at(at, b"x" * 100)
        return c

    return _connections(chance, talk)


def _holes(chance: random.Random) -> Packets:
    """One byte of two, so that every byte is a piece of its own that waits."""

    def talk(c: Conversation) -> Conversation:
        for at in chance.sample(range(1, 20_000, 2), 5_000):
            c.client_at(at, b"x")
        return c

    return _connections(chance, talk)


def _side_by_side(first: bytes, go_on: Callable[[Conversation, int], Any]) -> Callable[[random.Random], Packets]:
    """Connections, each in the midst of something that goes on and on: `go_on` says more, in its nth turn."""

    def packets(chance: random.Random) -> Packets:
        clients = [(f"10.1.{chance.randrange(250)}.{number}", chance.randrange(1024, 65536)) for number in range(90)]
        talks = [Conversation(client=client).open().client(first) for client in clients]
        for turn in count():
            for talk in talks:
                yield from talk.segments
                talk.segments.clear()
                go_on(talk, turn)

    return packets


def _other_copies(chance: random.Random) -> Packets:
    """The same place again and again, each time with other bytes."""

    def talk(c: Conversation) -> Conversation:
        for number in range(500):
            c.client_at(1 + number % 7, bytes([65 + number % 26]) * 1000)
        return c

    return _connections(chance, talk)


def _first_fragments(chance: random.Random) -> Network:
    """Of each packet one fragment only, so that all wait for the rest."""

    def build(segment: Segment) -> list[bytes]:
        packets = ipv4_fragments(64, identification=chance.randrange(1 << 16))(segment)
        return packets[1:2] or packets

    return build


def _small_fragments(chance: random.Random) -> Network:
    def build(segment: Segment) -> list[bytes]:
        return ipv4_fragments(8, order=lambda f: f[::-1], identification=chance.randrange(1 << 16))(segment)

    return build


def _interim(chance: random.Random) -> Packets:
    return _connections(chance, lambda c: c.client(_GET).server(b"HTTP/1.1 100 \r\n\r\n" * 2000))


def _post(body: bytes, *head: bytes) -> bytes:
    lines = [b"POST /in HTTP/1.1", b"Host: a", b"Content-Length: %d" % len(body), *head]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


_ENDLESS = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n"
_CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
_NESTED = b"[" * 30_000 + b"]" * 30_000
_PARTS = b"".join(b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nv\r\n' for _ in range(600)) + b"--b--\r\n"
_ESCAPES = b'{"' + b"\\u0061" * 8_000 + b'":1}'
_FORM = b"Content-Type: application/x-www-form-urlencoded"
_MULTIPART = b"Content-Type: multipart/form-data; boundary=b"
_GZIP = b"Content-Encoding: gzip"


def _bomb(size: int) -> bytes:
    return gzip.compress(bytes(size), 9)


def _nested_bomb() -> bytes:
    return gzip.compress(gzip.compress(gzip.compress(bytes(50_000_000), 9), 9), 9)


# Where fields are redacted: what is searched for them, and how often it is sent.
_SEARCHED = {
    "a bomb searched for fields": (_post(_bomb(60_000), _GZIP), 200),
    "a bomb of form fields": (_post(gzip.compress(b"a=&" * 20_000, 9), _GZIP), 200),
    "JSON nested deep": (_post(_NESTED), 2),
    "JSON of escapes": (_post(_ESCAPES), 2),
    "multipart of small parts": (_post(_PARTS, _MULTIPART), 2),
    "a form of empty fields": (_post(b"&" * 60_000, _FORM), 2),
}
_REDACTING = tuple(
    Attack(
        name if mode == "withhold" else f"{name}, never withheld",
        _requests(message, times=times),
        {"redactFields": ["password", "token"], "redactUnparsable": mode},
    )
    for name, (message, times) in _SEARCHED.items()
    for mode in ("withhold", "search")
)

BEGUN_BODIES = Attack(
    "bodies of which one byte came", _requests(_ENDLESS + b"x", times=1), counter="connections.memory", beside=1_500_000
)

ATTACKS = (
    Attack("one byte a segment", _requests(_GET, times=20, mss=1)),
    Attack("SYNs", _syns, counter="connections.evicted"),
    Attack("SYNs of one port", _reused_port, counter="connections.replaced"),
    Attack("bytes far from all that was said", _far, counter="streams.out_of_window"),
    Attack("SYNs of ends that differ little", _alike, counter="connections.evicted"),
    Attack("segments backwards", _backwards, counter="streams.gap_bytes"),
    Attack("one byte of two", _holes, counter="streams.gap_bytes"),
    Attack("the same place, other bytes", _other_copies, counter="streams.conflicts"),
    Attack("fragments without their rest", PLAIN.packets, network=_first_fragments, counter="packets.fragment"),
    Attack("fragments of 8 bytes, backwards", PLAIN.packets, network=_small_fragments),
    Attack("a head of lines", _requests(b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 12_000 + b"\r\n", times=1)),
    Attack("a head without an end", _requests(b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 1_000_000, times=1)),
    Attack("a header's name again and again",
           _requests(b"GET / HTTP/1.1\r\n" + b"cookie:b\r\n" * 6_000 + b"\r\n", times=1)),
    Attack("names that are all new", lambda chance: _connections(chance, lambda c: c.client(
        b"GET / HTTP/1.1\r\n" + b"".join(b"%x:\r\n" % chance.getrandbits(40) for _ in range(4_000)) + b"\r\n"))),
    Attack("the smallest requests", _requests(b"GET / HTTP/1.1\r\n\r\n", times=2000)),
    Attack("requests never answered", _requests(_GET, times=2000)),
    Attack("interim responses", _interim),
    Attack("chunks of one byte", _requests(_CHUNKED + b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n", times=1)),
    Attack("chunks of 2^63", _requests(_CHUNKED + b"8000000000000000\r\n" + b"x" * 60_000, times=1)),
    Attack("a chunk size that goes on", _requests(_CHUNKED + b"0" * 60_000, times=1)),
    Attack("not HTTP", lambda chance: _connections(chance, lambda c: c.client(chance.randbytes(20_000))),
           counter="streams.not_http"),
    Attack("almost HTTP", _requests(b"GET / HTTP/1.", times=4000)),
    Attack("lines alone", _requests(b"\r\n", times=20_000)),
    Attack("a gzip bomb",
           _requests(_post(_bomb(30_000_000), _GZIP), times=1), {"decodeBody": True}),
    Attack("bombs that are small", _requests(_post(_bomb(100_000), _GZIP), times=200),
           {"decodeBody": True}),
    Attack("a bomb in a bomb in a bomb",
           _requests(_post(_nested_bomb(), b"Content-Encoding: gzip, gzip, gzip"), times=40),
           {"decodeBody": True}),
    Attack("bodies that go on", _side_by_side(_ENDLESS, lambda c, _: c.client(b"x" * 1448)),
           counter="streams.bodies_cut", beside=12_000_000),
    Attack("heads that go on", _side_by_side(b"GET / HTTP/1.1\r\n", lambda c, _: c.client(b"a: %1443d\r\n" % 0)),
           beside=12_000_000),
    Attack("gaps that stay", _side_by_side(b"", lambda c, turn: c.client_at(1 + turn * 1448, b"x" * 1448)),
           counter="streams.gap_bytes", beside=12_000_000),
    Attack("requests that wait", _side_by_side(b"", lambda c, _: c.client(b"GET /%01400d HTTP/1.1\r\n\r\n" % 0)),
           counter="streams.pipeline_full", beside=12_000_000),
    Attack("long requests that wait",
           _side_by_side(b"", lambda c, _: c.client(b"GET /%060000d HTTP/1.1\r\n\r\n" % 0, mss=65000)),
           counter="connections.memory", beside=12_000_000),
    Attack("control characters", _requests(_post(b"\x01" * 60_000), times=2)),
    Attack("half characters", _requests(_post(b"\xe2\x82" * 30_000), times=2)),
    *_REDACTING,
)  # fmt: skip
