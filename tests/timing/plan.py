"""Traffic whose every delay is decided beforehand, and written down beside the packets."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from packets.conversation import START
from packets.segment import ACK, FIN, PSH, SYN, End, Segment

MICROSECOND = 1000
SERVER = End("10.0.0.1", 8080)


@dataclass(frozen=True)
class Exchange:
    """One turn as it was planned; times are ns since the Unix epoch, delays ns."""

    user: str
    port: int
    method: str
    path: str
    status: int
    request: tuple[int, int]  # first and last byte's time
    response: tuple[int, int]
    request_bytes: int
    response_bytes: int
    think: int | None  # None: the connection's first

    @property
    def first_byte(self) -> int:
        return self.response[0] - self.request[1]


@dataclass
class Connection:
    """Writes a client's connection to SERVER: each step at the time that `now` says."""

    client: End
    now: int
    server: End = SERVER
    segments: list[Segment] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    _next: dict[End, int] = field(default_factory=dict)

    def send(self, source: End, payload: bytes = b"", flags: int = ACK) -> None:
        destination = self.server if source == self.client else self.client
        seq = self._next.setdefault(source, 1000 * source.port)
        self.segments.append(
            Segment(
                time=self.now,
                source=source,
                destination=destination,
                seq=seq,
                ack=self._next.get(destination, 0),
                flags=flags,
                payload=payload,
            )
        )
        self._next[source] = (seq + len(payload) + bool(flags & (SYN | FIN))) % 2**32

    def open(self) -> None:
        for source, flags in ((self.client, SYN), (self.server, SYN | ACK), (self.client, ACK)):
            self.send(source, flags=flags)
            self.now += 50 * MICROSECOND

    def say(self, source: End, data: bytes, gaps: list[int]) -> tuple[int, int]:
        """`data` in len(gaps) + 1 segments; when the first and the last went by. The other side acknowledges."""
        size = -(-len(data) // (len(gaps) + 1))
        parts = [data[at : at + size] for at in range(0, len(data), size)]
        first = self.now
        for number, part in enumerate(parts):
            self.now += gaps[number - 1] if number else 0
            self.send(source, part, PSH | ACK)
        last = self.now
        self.now += 10 * MICROSECOND
        self.send(self.server if source == self.client else self.client)
        return first, last

    def exchange(self, path: str, *, think: int, wait: int, gaps: list[int], status: int = 200) -> None:
        """`think` after the last response's end a request, `wait` after its end the response begins."""
        answered = self.exchanges[-1].response[1] if self.exchanges else None
        self.now = (self.now if answered is None else answered) + think
        request = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\n\r\n".encode() + bytes(300)
        response = f"HTTP/1.1 {status} X\r\nContent-Length: 900\r\n\r\n".encode() + bytes(900)
        asked = self.say(self.client, request, gaps)
        self.now = asked[1] + wait
        said = self.say(self.server, response, gaps)
        self.exchanges.append(
            Exchange(
                user=self.client.ip,
                port=self.client.port,
                method="POST",
                path=path,
                status=status,
                request=asked,
                response=said,
                request_bytes=len(request),
                response_bytes=len(response),
                think=None if answered is None else think,
            )
        )

    def close(self) -> None:
        self.now += 100 * MICROSECOND
        for source in (self.client, self.server):
            self.send(source, flags=FIN | ACK)
            self.now += 20 * MICROSECOND


def random_connections(seed: int, *, users: int = 5, connections: int = 3, exchanges: int = 12) -> list[Connection]:
    """Users with connections one after the other; the users at once. Delays of 0.1 ms to minutes."""
    rng = random.Random(seed)
    made = []
    for user in range(users):
        now = START + rng.randrange(10**9)
        for number in range(connections):
            connection = Connection(End(f"10.1.{user}.7", 40000 + 100 * user + number), now)
            connection.open()
            for _ in range(rng.randrange(1, exchanges)):
                connection.exchange(
                    f"/item/{rng.randrange(4)}?n={rng.randrange(99)}",
                    think=_delay(rng),
                    wait=_delay(rng),
                    gaps=[_delay(rng) // 100 for _ in range(rng.randrange(3))],
                    status=rng.choice((200, 200, 404, 500)),
                )
            connection.close()
            made.append(connection)
            now = connection.now + _delay(rng)
    return made


def _delay(rng: random.Random) -> int:
    return int(10 ** rng.uniform(5, 10.5))


def in_order(connections: list[Connection]) -> list[Segment]:
    return sorted((segment for one in connections for segment in one.segments), key=lambda segment: segment.time)


def planned(connections: list[Connection]) -> Iterator[Exchange]:
    for connection in connections:
        yield from connection.exchanges
