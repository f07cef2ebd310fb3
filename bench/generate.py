"""A capture as a busy server's interface would give it: many connections at once, each with JSON exchanges."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

SEGMENT = 1448  # what a frame of 1514 bytes carries beside a TCP timestamp
BODY = 2048
_VARIANTS = 256
_CLIENT_MAC, _SERVER_MAC = bytes.fromhex("020000000002"), bytes.fromhex("020000000001")
_SERVER = 0x0A000001
_FIN, _SYN, _PSH, _ACK = 1, 2, 8, 16
_START_US = 1_700_000_000 * 10**6

# Ethernet; IPv4 without options; TCP with the timestamp option (RFC 7323).
_FRAME = struct.Struct("!6s6sH BBHHHBBHII HHIIBBHHH BBBBII")
_RECORD = struct.Struct("<IIII")


@dataclass(frozen=True)
class Shape:
    """How large the capture is. `in_flight`: connections that are open at the same time."""

    connections: int = 5000
    exchanges: int = 20
    in_flight: int = 500

    @property
    def messages(self) -> int:
        return 2 * self.connections * self.exchanges


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, as they are on the wire."""

    path: str
    body: bytes
    request: bytes
    response: bytes


def exchanges() -> list[Exchange]:
    """The exchanges the capture is made of, again and again."""
    return [_exchange(number) for number in range(_VARIANTS)]


def _exchange(number: int) -> Exchange:
    path = f"/api/v1/orders/{1_000_000 + 7919 * number}?expand=items&page={number % 9}"
    body = _json(number)
    request = (
        f"GET {path} HTTP/1.1\r\nHost: orders.shop.example\r\nUser-Agent: okhttp/4.12.0\r\n"
        f"Accept: application/json\r\nAccept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\n"
        f"X-Request-Id: {zlib.crc32(path.encode()):08x}-5c1d-4f5e-9e0a-{number:012x}\r\n\r\n"
    ).encode()
    head = (
        "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: keep-alive\r\n"
        f'Cache-Control: no-cache\r\nETag: "{zlib.crc32(body):08x}"\r\n\r\n'
    ).encode()
    return Exchange(path, body, request, head + body)


def _json(number: int) -> bytes:
    """A document of BODY bytes, as dense with quotes as those of an API are."""
    rng = random.Random(number)
    items = []
    text = ""
    while len(text) < BODY:
        items.append(
            f'{{"id":{rng.randrange(10**6)},"sku":"SKU-{rng.randrange(10**8):08d}","name":"Item {rng.randrange(1000)}",'
            f'"tags":["new","size-{rng.choice("SML")}"],"price":{{"amount":"{rng.randrange(10**4)}.99","currency":"EUR"}},'
            f'"inStock":{rng.choice(("true", "false"))}}}'
        )
        text = f'{{"order":{number},"status":"open","items":[{",".join(items)}],"note":""}}'
    items.pop()
    text = f'{{"order":{number},"status":"open","items":[{",".join(items)}],"note":""}}'
    return f'{text[:-2]}{"-" * (BODY - len(text))}"}}'.encode()


def _sum(data: bytes) -> int:
    """The 16-bit words' sum, not yet folded (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


def _folded(total: int) -> int:
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


@dataclass(frozen=True)
class _Payload:
    data: bytes
    sum: int


_ENDED = object()
_NOTHING = _Payload(b"", 0)


def _segments(data: bytes) -> list[_Payload]:
    parts = (data[at : at + SEGMENT] for at in range(0, len(data), SEGMENT))
    return [_Payload(part, _sum(part)) for part in parts]


class _Wire:
    """Writes packets in the order they come, some microseconds apart."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._now = _START_US
        self.packets: list[bytes] = []

    def send(self, source: _End, destination: _End, flags: int, payload: _Payload = _NOTHING) -> None:
        self._now += 1 + self._rng.getrandbits(3)
        seconds, microseconds = divmod(self._now, 10**6)
        stamp = self._now // 1000 & 0xFFFFFFFF
        size = 52 + len(payload.data)
        addresses = source.words + destination.words
        ip_sum = _folded(0x4500 + size + 0x4000 + 0x4006 + addresses)
        offset_flags = 0x8000 | flags
        tcp_sum = _folded(
            addresses + 6 + size - 20 + source.port + destination.port + _words(source.seq) + _words(destination.seq)
            + offset_flags + 502 + 0x0101 + 0x080A + _words(stamp) + _words(stamp) + payload.sum
        )  # fmt: skip
        self.packets += (
            _RECORD.pack(seconds, microseconds, 14 + size, 14 + size),
            _FRAME.pack(
                destination.mac, source.mac, 0x0800,
                0x45, 0, size, 0, 0x4000, 64, 6, ip_sum, source.address, destination.address,
                source.port, destination.port, source.seq, destination.seq, 0x80, flags, 502, tcp_sum, 0,
                1, 1, 8, 10, stamp, stamp,
            ),
            payload.data,
        )  # fmt: skip
        source.seq = source.seq + len(payload.data) + bool(flags & (_SYN | _FIN)) & 0xFFFFFFFF


def _words(number: int) -> int:
    return (number >> 16) + (number & 0xFFFF)


class _End:
    def __init__(self, mac: bytes, address: int, port: int, seq: int) -> None:
        self.mac, self.address, self.port, self.seq = mac, address, port, seq
        self.words = _words(address)


def _connection(
    wire: _Wire, number: int, shape: Shape, payloads: list[tuple[list[_Payload], list[_Payload]]]
) -> Iterator[None]:
    """One connection. It pauses wherever another's packets may come in between."""
    rng = random.Random(number)
    client = _End(_CLIENT_MAC, 0x0A010000 + number % 500, 32768 + number // 500, rng.getrandbits(32))
    server = _End(_SERVER_MAC, _SERVER, 80, rng.getrandbits(32))
    wire.send(client, server, _SYN)
    yield
    wire.send(server, client, _SYN | _ACK)
    wire.send(client, server, _ACK)
    for index in range(shape.exchanges):
        request, response = payloads[(number + index) % _VARIANTS]
        yield
        for payload in request:
            wire.send(client, server, _PSH | _ACK, payload)
        wire.send(server, client, _ACK)
        yield
        for payload in response:
            wire.send(server, client, _PSH | _ACK, payload)
        yield
        wire.send(client, server, _ACK)
    yield
    wire.send(client, server, _FIN | _ACK)
    wire.send(server, client, _FIN | _ACK)
    wire.send(client, server, _ACK)


def _packets(shape: Shape) -> Iterator[list[bytes]]:
    rng = random.Random(1)
    wire = _Wire(rng)
    payloads = [(_segments(each.request), _segments(each.response)) for each in exchanges()]
    waiting = (_connection(wire, number, shape, payloads) for number in range(shape.connections))
    active = list(islice(waiting, shape.in_flight))
    while active:
        at = rng.randrange(len(active))
        if next(active[at], _ENDED) is _ENDED:
            following = next(waiting, None)
            last = active.pop() if following is None else following
            if at < len(active):
                active[at] = last
        if len(wire.packets) > 3000:
            yield wire.packets
            wire.packets = []
    yield wire.packets


def capture(folder: Path, shape: Shape) -> Path:
    """The capture file, written once for each shape and each version of this file."""
    version = zlib.crc32(Path(__file__).read_bytes())
    path = folder / f"{shape.connections}x{shape.exchanges}-{shape.in_flight}-{version:08x}.pcap"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".tmp")
        with unfinished.open("wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
            for packets in _packets(shape):
                file.write(b"".join(packets))
        unfinished.rename(path)
    return path
