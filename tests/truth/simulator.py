"""Conversations with known answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from packets import Conversation, Segment

# Text that looks like a message, to be taken for one where the framing was lost.
TRAP = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nnoGET /trap HTTP/1.1\r\n\r\n"


@dataclass(frozen=True)
class Message:
    """A message of one side; `start` and `end` are offsets in that side's bytes."""

    direction: str
    name: str  # unique in the capture: a request's target, and what its responses answer
    status: int
    body: bytes
    start: int
    end: int


@dataclass
class Truth:
    """One connection: what was said on it, and the packets that carried it."""

    port: int  # the client's
    segments: list[Segment] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)


def conversations(random: Random) -> list[Truth]:
    """Several connections, at the same time."""
    return [_connection(random, 40000 + number) for number in range(random.randint(2, 6))]


class _Writer:
    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.sent = {"request": 0, "response": 0}

    def add(self, direction: str, name: str, status: int, body: bytes, wire: bytes) -> bytes:
        start = self.sent[direction]
        self.sent[direction] = end = start + len(wire)
        self.truth.messages.append(Message(direction, name, status, body, start, end))
        return wire


def _connection(random: Random, port: int) -> Truth:
    truth = Truth(port)
    writer = _Writer(truth)
    isn = [random.choice([1_000_000, (1 << 32) - random.randint(1, 3000)]) for _ in range(2)]
    conversation = Conversation(
        ("10.0.0.2", port), client_isn=isn[0], server_isn=isn[1], start_ms=random.random() * 5
    ).open()
    groups = random.randint(1, 4)
    closing = False
    for group in range(groups):
        requests = responses = b""
        depth = random.choice([1, 1, 2, 4])  # pipelined
        for place in range(depth):
            name = f"/{port}/{group}/{place}"
            closing = group == groups - 1 and place == depth - 1 and random.random() < 0.2
            asked, answered = _exchange(random, writer, name, closing)
            requests += asked
            responses += answered
        mss = random.choice([100, 536, 1448])
        conversation.client(requests, mss=mss).server(responses, mss=mss)
    if closing:
        conversation.server_fin().client_fin()
    else:
        conversation.close()
    truth.segments = conversation.segments
    return truth


def _exchange(random: Random, writer: _Writer, name: str, closing: bool) -> tuple[bytes, bytes]:
    method = random.choice([b"GET", b"GET", b"POST", b"HEAD"])
    body = _body(random) if method == b"POST" else b""
    head = b"%b %b HTTP/1.1\r\nHost: a\r\n" % (method, name.encode())
    asked = writer.add("request", name, 0, body, head + (_framed(random, body) if method == b"POST" else b"\r\n"))
    answered = b""
    if random.random() < 0.1:
        answered += writer.add(
            "response", name, 103, b"", b"HTTP/1.1 103 Early Hints\r\nX-For: %b\r\n\r\n" % name.encode()
        )
    status = b"HTTP/1.1 200 OK\r\nX-For: %b\r\n" % name.encode()
    if method == b"HEAD":
        return asked, answered + writer.add("response", name, 200, b"", status + b"Content-Length: 12\r\n\r\n")
    body = _body(random)
    framed = b"\r\n" + body if closing else _framed(random, body)
    return asked, answered + writer.add("response", name, 200, body, status + framed)


def _framed(random: Random, body: bytes) -> bytes:
    if random.random() < 0.6:
        return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    cut = random.randint(0, len(body))
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:cut], body[cut:]) if part)
    return b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


def _body(random: Random) -> bytes:
    kind = random.randrange(6)
    if kind == 0:
        return b""
    if kind == 1:
        return b"text: " + TRAP * random.randint(1, 20)
    return random.randbytes(random.choice([1, 40, 700, 3000])).hex().encode()
