"""Capture files: pcap and pcapng, in either byte order, in micro- or nanoseconds."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Literal, NamedTuple

from packets.links import ETHERNET, Link
from packets.networks import Network, ip
from packets.segment import Segment

SNAP_LENGTH = 262144


class Frame(NamedTuple):
    """A captured packet; `length` is what it had on the wire."""

    time: int
    data: bytes
    length: int


def frames(
    segments: Iterable[Segment], *, link: Link = ETHERNET, network: Network = ip, snap_length: int = SNAP_LENGTH
) -> list[Frame]:
    """Each segment as the frames it becomes on a wire."""
    result = []
    for segment in segments:
        for packet in network(segment):
            data = link.frame(packet)
            result.append(Frame(segment.time, data[:snap_length], len(data)))
    return result


def pcap(
    captured: Iterable[Frame],
    *,
    link: Link = ETHERNET,
    unit: Literal["us", "ns"] = "ns",
    byte_order: Literal["<", ">"] = "<",
    snap_length: int = SNAP_LENGTH,
) -> bytes:
    magic, divisor = (0xA1B23C4D, 1) if unit == "ns" else (0xA1B2C3D4, 1000)
    parts = [struct.pack(f"{byte_order}IHHiIII", magic, 2, 4, 0, 0, snap_length, link.number)]
    for frame in captured:
        seconds, nanoseconds = divmod(frame.time, 10**9)
        head = struct.pack(f"{byte_order}IIII", seconds, nanoseconds // divisor, len(frame.data), frame.length)
        parts += [head, frame.data]
    return b"".join(parts)


def pcapng(
    captured: Iterable[Frame],
    *,
    link: Link = ETHERNET,
    unit: Literal["us", "ns"] = "ns",
    byte_order: Literal["<", ">"] = "<",
    snap_length: int = SNAP_LENGTH,
    interface: str = "",
) -> bytes:
    """`interface`: its name, where it is to have one."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        length = struct.pack(f"{byte_order}I", len(body) + 12)
        return struct.pack(f"{byte_order}I", kind) + length + body + length

    resolution, divisor = (9, 1) if unit == "ns" else (6, 1000)
    name = interface.encode()
    named = struct.pack(f"{byte_order}HH", 2, len(name)) + name + bytes(-len(name) % 4) if name else b""
    options = named + struct.pack(f"{byte_order}HHB3xHH", 9, 1, resolution, 0, 0)
    parts = [
        block(0x0A0D0D0A, struct.pack(f"{byte_order}IHHq", 0x1A2B3C4D, 1, 0, -1)),
        block(1, struct.pack(f"{byte_order}HHI", link.number, 0, snap_length) + options),
    ]
    for frame in captured:
        time = frame.time // divisor
        head = struct.pack(f"{byte_order}IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(frame.data), frame.length)
        parts.append(block(6, head + frame.data))
    return b"".join(parts)
