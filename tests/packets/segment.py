"""One TCP segment, and its bytes."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from typing import Literal, NamedTuple

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16

# `offloaded`: what the kernel leaves for the network card, the pseudo header's sum alone.
Checksum = Literal["valid", "wrong", "offloaded"]


class End(NamedTuple):
    """One end of a connection."""

    ip: str
    port: int


@dataclass(frozen=True, kw_only=True)
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
        total = internet_sum(pseudo + ports + numbers + bytes(4) + options + self.payload)
        checksum = {
            "valid": total ^ 0xFFFF,
            "wrong": total ^ 0xFFFF ^ 0x5A5A,
            "offloaded": internet_sum(pseudo),
        }[self.checksum]
        return ports + numbers + struct.pack("!HH", checksum, 0) + options + self.payload

    def _pseudo_header(self, length: int) -> bytes:
        addresses = b"".join(ipaddress.ip_address(end.ip).packed for end in (self.source, self.destination))
        return addresses + struct.pack("!IHH", length, 0, 6)


def internet_sum(data: bytes) -> int:
    """The ones' complement sum of RFC 1071, not yet inverted."""
    padded = data + bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return total
