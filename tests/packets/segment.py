"""One TCP segment, and its bytes."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

# `offloaded`: what the kernel leaves for the network card, the pseudo header's sum alone.
Checksum = Literal["valid", "wrong", "offloaded"]


class End(NamedTuple):
    """One end of a connection."""

    ip: str
    port: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A TCP segment on its way, with the time (ns since the Unix epoch) it was captured at."""

    time: int
    source: End
    destination: End
    seq: int
    ack: int = 0
    flags: int = ACK
    window: int = 65535
    payload: bytes = b""
    options: bytes = b""
    checksum: Checksum = "valid"

    @property
    def length(self) -> int:
        """What it takes of the sequence space (RFC 9293 section 3.4)."""
        return len(self.payload) + bool(self.flags & SYN) + bool(self.flags & FIN)

    def tcp(self) -> bytes:
        """The segment's bytes, TCP header and payload."""
        options = self.options + bytes(-len(self.options) % 4)
        offset = (20 + len(options)) // 4
        ports = struct.pack("!HH", self.source.port, self.destination.port)
        numbers = struct.pack("!IIBBH", self.seq, self.ack, offset << 4, self.flags, self.window)
        pseudo = self._pseudo_header(4 * offset + len(self.payload))
        if self.checksum == "offloaded":
            checksum = internet_sum(pseudo)
        else:
            checksum = internet_sum(pseudo + ports + numbers + bytes(4) + options + self.payload) ^ 0xFFFF
            checksum ^= 0x5A5A if self.checksum == "wrong" else 0
        return ports + numbers + struct.pack("!HH", checksum, 0) + options + self.payload

    def _pseudo_header(self, length: int) -> bytes:
        return self.addresses + struct.pack("!IHH", length, 0, 6)

    @property
    def addresses(self) -> bytes:
        """Source and destination, as they stand in the IP header."""
        return packed(self.source.ip) + packed(self.destination.ip)


@cache
def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def internet_sum(data: bytes) -> int:
    """The ones' complement sum of RFC 1071, not yet inverted."""
    # 65536 leaves 1 when divided by 65535: so a number leaves what its words leave when added with the carry.
    total = int.from_bytes(data + bytes(len(data) % 2), "big")
    return total % 0xFFFF or (0xFFFF if total else 0)
