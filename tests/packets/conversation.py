"""A TCP connection, written step by step: what each side sends, what is lost, how it ends."""

from __future__ import annotations

from typing import Self, TypedDict, Unpack

from packets.segment import ACK, FIN, PSH, RST, SYN, Checksum, End, Segment

START = 1_700_000_000 * 10**9  # 2023-11-14T22:13:20Z
MILLISECOND = 10**6
STEP = MILLISECOND // 10  # between two packets
SEQUENCE = 1 << 32
MSS = 1448


class How(TypedDict, total=False):
    """How data is sent. `ack`: the other side then acknowledges; `lost`: it was not captured."""

    lost: bool
    ack: bool
    mss: int
    checksum: Checksum


class _Side:
    def __init__(self, end: End, isn: int) -> None:
        self.end = end
        self.isn = isn
        self.sent = 0  # bytes of data
        self.fin = 0
        self.window = 65535

    @property
    def next(self) -> int:
        return (self.isn + 1 + self.sent + self.fin) % SEQUENCE


class Conversation:
    """The packets of one connection. Each step returns the conversation, so that steps can be chained.

    What is sent `lost` was not captured, but the other side got it.
    """

    def __init__(
        self,
        client: tuple[str, int] = ("10.0.0.2", 40000),
        server: tuple[str, int] = ("10.0.0.1", 8080),
        *,
        client_isn: int = 1_000_000,
        server_isn: int = 3_000_000_000,
        start_ms: float = 0,
    ) -> None:
        self.segments: list[Segment] = []
        self._client = _Side(End(*client), client_isn)
        self._server = _Side(End(*server), server_isn)
        self._time = START + int(start_ms * MILLISECOND)

    def open(self, data: bytes = b"", *, answer: bool = True) -> Self:
        """The handshake. `data` goes with the SYN (TCP Fast Open, RFC 7413)."""
        client, server = self._client, self._server
        self._capture(client, client.isn, flags=SYN, payload=data, options=b"\x02\x04\x05\xb4")
        client.sent += len(data)
        if answer:
            self._capture(server, server.isn, flags=SYN | ACK, options=b"\x02\x04\x05\xb4")
            self._send(client, b"", flags=ACK)
        return self

    def client(self, data: bytes, **how: Unpack[How]) -> Self:
        """The client sends, and the server acknowledges."""
        return self._data(self._client, data, **how)

    def server(self, data: bytes, **how: Unpack[How]) -> Self:
        return self._data(self._server, data, **how)

    def exchange(self, request: bytes, response: bytes) -> Self:
        return self.client(request).server(response)

    def client_ack(self) -> Self:
        return self._send(self._client, b"", flags=ACK)

    def server_ack(self) -> Self:
        return self._send(self._server, b"", flags=ACK)

    def client_at(self, offset: int, data: bytes, *, checksum: Checksum = "valid", ack: bool = False) -> Self:
        """Client bytes at a place in its stream: a retransmission, or a copy that says something else."""
        return self._at(self._client, offset, data, checksum, ack)

    def server_at(self, offset: int, data: bytes, *, checksum: Checksum = "valid", ack: bool = False) -> Self:
        return self._at(self._server, offset, data, checksum, ack)

    def client_fin(self, *, ack: bool = True, lost: bool = False, data: bytes = b"") -> Self:
        return self._fin(self._client, ack, lost, data)

    def server_fin(self, *, ack: bool = True, lost: bool = False, data: bytes = b"") -> Self:
        return self._fin(self._server, ack, lost, data)

    def close(self) -> Self:
        """Both FINs, the client's first."""
        return self.client_fin(ack=False).server_fin()

    def client_rst(self, *, shift: int = 0, ack: bool = True) -> Self:
        return self._rst(self._client, shift, ack)

    def server_rst(self, *, shift: int = 0, ack: bool = True) -> Self:
        """A reset; `shift` moves its sequence number away from the right one."""
        return self._rst(self._server, shift, ack)

    def client_segment(
        self, payload: bytes = b"", *, flags: int = ACK, shift: int = 0, window: int | None = None
    ) -> Self:
        """Any segment, relative to what the client would send next; moves nothing on."""
        client = self._client
        return self._capture(client, client.next + shift, flags=flags, payload=payload, window=window)

    def server_segment(
        self, payload: bytes = b"", *, flags: int = ACK, shift: int = 0, window: int | None = None
    ) -> Self:
        server = self._server
        return self._capture(server, server.next + shift, flags=flags, payload=payload, window=window)

    def wait(self, milliseconds: float) -> Self:
        self._time += int(milliseconds * MILLISECOND)
        return self

    def lost(self, *, client: int = 0, server: int = 0) -> Self:
        """Bytes that were sent and acknowledged, but of which no packet was captured."""
        self._client.sent += client
        self._server.sent += server
        return self

    def _data(
        self,
        side: _Side,
        data: bytes,
        *,
        lost: bool = False,
        ack: bool = True,
        mss: int = MSS,
        checksum: Checksum = "valid",
    ) -> Self:
        """Sends `data` in segments of at most `mss` bytes."""
        for at in range(0, len(data), mss):
            self._send(side, data[at : at + mss], flags=ACK | PSH, lost=lost, checksum=checksum)
        if ack:
            self._send(self._other(side), b"", flags=ACK)
        return self

    def _at(self, side: _Side, offset: int, data: bytes, checksum: Checksum, ack: bool) -> Self:
        self._capture(side, side.isn + 1 + offset, flags=ACK | PSH, payload=data, checksum=checksum)
        side.sent = max(side.sent, offset + len(data))
        if ack:
            self._send(self._other(side), b"", flags=ACK)
        return self

    def _fin(self, side: _Side, ack: bool, lost: bool, data: bytes) -> Self:
        if not lost:
            self._capture(side, side.next, flags=FIN | ACK, payload=data)
        side.sent += len(data)
        side.fin = 1
        return self._send(self._other(side), b"", flags=ACK) if ack else self

    def _rst(self, side: _Side, shift: int, ack: bool) -> Self:
        return self._capture(side, side.next + shift, flags=RST | (ACK if ack else 0))

    def _send(self, side: _Side, data: bytes, *, flags: int, lost: bool = False, checksum: Checksum = "valid") -> Self:
        if not lost:
            self._capture(side, side.next, flags=flags, payload=data, checksum=checksum)
        side.sent += len(data)
        return self

    def _capture(
        self,
        side: _Side,
        seq: int,
        *,
        flags: int,
        payload: bytes = b"",
        options: bytes = b"",
        checksum: Checksum = "valid",
        window: int | None = None,
    ) -> Self:
        other = self._other(side)
        segment = Segment(
            time=self._time,
            source=side.end,
            destination=other.end,
            seq=seq % SEQUENCE,
            ack=other.next if flags & ACK else 0,
            flags=flags,
            window=side.window if window is None else window,
            payload=payload,
            options=options,
            checksum=checksum,
        )
        self.segments.append(segment)
        self._time += STEP
        return self

    def _other(self, side: _Side) -> _Side:
        return self._server if side is self._client else self._client
