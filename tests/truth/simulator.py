"""Conversations with known answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from packets import Conversation, Segment
from packets.conversation import MILLISECOND, SEQUENCE, START

WINDOW = 65535
SERVER = ("10.255.255.254", 8080)

# Text that looks like messages, to be taken for some where the framing was lost.
TRAPS = (
    b"HTTP/1.1 200 OK\r\nX-For: /trap\r\nContent-Length: 2\r\n\r\nno",
    b"GET /trap HTTP/1.1\r\nHost: trap\r\n\r\n",
    b"0\r\n\r\nHTTP/1.1 204 No Content\r\nX-For: /trap\r\n\r\n",
)


@dataclass(frozen=True)
class Message:
    """A message of one side; `start` and `end` are offsets in that side's bytes."""

    direction: str  # request or response
    name: str  # a request's target, and what its answer names in X-For; an interim one's has a #number behind it
    status: int  # 0: a request
    method: str  # empty: a response
    headers: dict[str, str]  # names in lower case
    trailers: dict[str, str]
    body: bytes
    start: int
    end: int


@dataclass
class Truth:
    """One connection: what was said on it, and the packets that carried it."""

    client: tuple[str, int]
    isn: dict[str, int]  # of the side that sends the requests, and of the one that sends the responses
    segments: list[Segment] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=lambda: {"request": 0, "response": 0})  # bytes

    def add(self, direction: str, name: str, wire: bytes, told: dict[str, Any]) -> bytes:
        start = self.sent[direction]
        self.sent[direction] = end = start + len(wire)
        self.messages.append(Message(direction, name, start=start, end=end, **told))
        return wire

    def stream(self, direction: str) -> bytes:
        """All that a side sent."""
        result = bytearray(self.sent[direction])
        for segment in self.segments:
            if (segment.destination == SERVER) == (direction == "request"):
                at = (segment.seq - self.isn[direction] - 1) % SEQUENCE
                if segment.payload:
                    result[at : at + len(segment.payload)] = segment.payload
        return bytes(result)


def world(seed: int, ip: str, start_ms: float) -> list[Truth]:
    """Some connections of a client at the same time; a port may serve twice."""
    random = Random(seed)
    truths: list[Truth] = []
    for port in range(40000, 40000 + random.choice([1, 1, 2, 3])):
        start = start_ms + random.random() * 5
        truths.append(_Connection(random, (ip, port), f"/{seed}/{len(truths)}", start).truth)
        if random.random() < 0.1:
            start = (truths[-1].segments[-1].time - START) / MILLISECOND + 100
            truths.append(_Connection(random, (ip, port), f"/{seed}/{len(truths)}", start, truths[-1]).truth)
    return truths


class _Connection:
    """Builds one connection, exchange by exchange."""

    def __init__(
        self, random: Random, client: tuple[str, int], name: str, start_ms: float, after: Truth | None = None
    ) -> None:
        self.random = random
        self.name = name
        self.requests: list[bytes] = []  # of the group that is being written
        self.responses: list[bytes] = []
        isn = [random.choice([random.randrange(SEQUENCE), SEQUENCE - random.randint(1, 3000)]) for _ in range(2)]
        if after:  # the same ends again: a server takes a number beyond the former ones (RFC 9293 section 3.4.1)
            isn = [(after.isn[one] + (3 << 29)) % SEQUENCE for one in ("request", "response")]
        self.truth = Truth(client, {"request": isn[0], "response": isn[1]})
        self.conversation = Conversation(client, SERVER, client_isn=isn[0], server_isn=isn[1], start_ms=start_ms).open()
        self._speak()
        self.truth.segments = self.conversation.segments

    def _speak(self) -> None:
        random, groups = self.random, self.random.randint(1, 4)
        ending: str | None = None
        for group in range(groups):
            depth = random.choice([1, 1, 1, 2, 4])  # pipelined
            for place in range(depth):
                last = group == groups - 1 and place == depth - 1
                if last:
                    ending = random.choice([None, None, None, "until close", "upgrade", "connect"])
                self._exchange(f"{self.name}/{group}/{place}", ending if last else None)
            self._send()
        if ending in ("upgrade", "connect"):
            self._tunnel()
        self._end(ending == "until close")

    def _end(self, until_close: bool) -> None:
        if until_close:
            self.conversation.server_fin().client_fin()
            return
        how = self.random.choice(["close", "close", "server_fin", "client_rst", "server_rst", "client_ack"])
        getattr(self.conversation, how)()

    def _send(self) -> None:
        """The requests of a group, then its responses; each as one stream, or one by one."""
        random, conversation = self.random, self.conversation
        mss = random.choice([37, 100, 536, 1448, 1448])
        for parts, send in ((self.requests, conversation.client), (self.responses, conversation.server)):
            for data in parts if random.random() < 0.5 else [b"".join(parts)]:
                for at in range(0, len(data), WINDOW):  # no more goes unacknowledged
                    send(data[at : at + WINDOW], mss=mss, ack=at + WINDOW < len(data) or random.random() < 0.8)
            parts.clear()
        if random.random() < 0.3:
            conversation.client_ack()
        if random.random() < 0.2:
            conversation.wait(random.choice([1, 40, 80, 200]))

    def _tunnel(self) -> None:
        """What is said in a tunnel is no HTTP, whatever it looks like."""
        for send, side in ((self.conversation.client, "request"), (self.conversation.server, "response")):
            data = b"\x81\x7e" + self.random.choice(TRAPS) * 3
            self.truth.sent[side] += len(data)
            send(data)

    def _exchange(self, name: str, ending: str | None) -> None:
        random = self.random
        method = {"upgrade": "GET", "connect": "CONNECT"}.get(ending or "") or random.choice(
            ["GET", "GET", "POST", "PUT", "HEAD", "DELETE"]
        )
        body = _body(random) if method in ("POST", "PUT") else b""
        self.requests.append(
            self._message("request", name, f"{method} {name} HTTP/1.1", body, method in ("POST", "PUT"))
        )
        for number in range(random.choice([0, 0, 0, 0, 1, 2])):
            early = f"{name}#{number}"
            self.responses.append(self._message("response", early, "HTTP/1.1 103 Early Hints", b"", False, 103))
        self.responses.append(self._answer(name, method, ending))

    def _answer(self, name: str, method: str, ending: str | None) -> bytes:
        random = self.random
        if ending == "upgrade":
            return self._message("response", name, "HTTP/1.1 101 Switching Protocols", b"", False, 101)
        if ending == "connect":
            return self._message("response", name, "HTTP/1.1 200 OK", b"", False, 200)
        status = random.choice([200, 200, 200, 404, 204, 304, 500])
        line = f"HTTP/1.1 {status} Reason"
        if ending == "until close" and method != "HEAD" and status not in (204, 304):
            body = _body(random)
            return self._message("response", name, line, body, False, status)
        if method == "HEAD" or status in (204, 304):
            extra = {"content-length": "12"} if status != 204 and random.random() < 0.5 else {}
            return self._message("response", name, line, b"", False, status, extra)
        return self._message("response", name, line, _body(random), True, status)

    def _message(
        self,
        direction: str,
        name: str,
        line: str,
        body: bytes,
        framed: bool,
        status: int = 0,
        extra: dict[str, str] | None = None,
    ) -> bytes:
        random = self.random
        headers = {"x-for" if status else "host": name, **(extra or {})}
        if random.random() < 0.3:
            headers["x-pad"] = "p" * random.randint(1, 300)
        wire: bytes = body
        trailers: dict[str, str] = {}
        if framed and random.random() < 0.5:
            headers["transfer-encoding"] = "chunked"
            wire, trailers = _chunked(random, body)
        elif framed:
            headers["content-length"] = str(len(body))
        head = "".join(f"{one}: {value}\r\n" for one, value in headers.items())
        told = {"status": status, "method": "" if status else line.partition(" ")[0]}
        told |= {"headers": headers, "trailers": trailers, "body": body}
        return self.truth.add(direction, name, f"{line}\r\n{head}\r\n".encode() + wire, told)


def _chunked(random: Random, body: bytes) -> tuple[bytes, dict[str, str]]:
    parts, at = [], 0
    while at < len(body):
        size = random.randint(1, 2000)
        extension = b";a=b" if random.random() < 0.1 else b""
        part = body[at : at + size]
        parts.append(b"%x%b\r\n%b\r\n" % (len(part), extension, part))
        at += size
    trailers = {"x-sum": "1"} if random.random() < 0.1 else {}
    last = "".join(f"{name}: {value}\r\n" for name, value in trailers.items())
    return b"".join(parts) + b"0\r\n" + last.encode() + b"\r\n", trailers


def _body(random: Random) -> bytes:
    kinds: list[Callable[[], bytes]] = [
        lambda: b"",
        lambda: random.choice(TRAPS) * random.randint(1, 20),
        lambda: b"text: " + b"".join(TRAPS) * random.randint(1, 5),
        lambda: random.randbytes(random.choice([1, 40, 700, 3000])),
        lambda: b'{"key": "%b"}' % (b"v" * random.randint(0, 3000)),
        lambda: random.randbytes(20).hex().encode(),
    ]
    if random.random() < 0.01:
        return random.randbytes(50) * random.randint(1000, 5000)  # more than maxBodySize
    return random.choice(kinds)()
