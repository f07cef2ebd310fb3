"""Link layers around an IP packet."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_ARP = 0x0800, 0x86DD, 0x0806
_CLIENT_MAC, _SERVER_MAC = bytes.fromhex("020000000002"), bytes.fromhex("020000000001")


@dataclass(frozen=True)
class Link:
    """A link layer: its number in capture files (LINKTYPE_), and how it frames an IP packet."""

    name: str
    number: int
    frame: Callable[[bytes], bytes]


def ethertype(packet: bytes) -> int:
    return ETHERTYPE_IPV6 if packet[0] >> 4 == 6 else ETHERTYPE_IPV4


def ethernet_frame(packet: bytes, tags: tuple[tuple[int, int], ...] = (), kind: int | None = None) -> bytes:
    """`tags`: (EtherType, VLAN number) from the outermost to the innermost."""
    vlan = b"".join(struct.pack("!HH", tag_kind, number) for tag_kind, number in tags)
    return _SERVER_MAC + _CLIENT_MAC + vlan + struct.pack("!H", kind or ethertype(packet)) + packet


def _cooked(packet: bytes, direction: int = 0) -> bytes:
    return struct.pack("!HHH8sH", direction, 1, 6, _CLIENT_MAC, ethertype(packet)) + packet


def _cooked2(packet: bytes, direction: int = 0, interface: int = 2, hardware: int = 1) -> bytes:
    return struct.pack("!HHIHBB8s", ethertype(packet), 0, interface, hardware, direction, 6, _CLIENT_MAC) + packet


def cooked2_loopback(packet: bytes, direction: int) -> bytes:
    """A packet of `lo` as `any` shows it; `direction` 4 is the outgoing copy (ARPHRD_LOOPBACK is 772)."""
    return _cooked2(packet, direction, interface=1, hardware=772)


def cooked_loopback(packet: bytes, direction: int) -> bytes:
    return struct.pack("!HHH8sH", direction, 772, 6, bytes(8), ethertype(packet)) + packet


def _bsd_family(packet: bytes, order: str, ipv6: int) -> bytes:
    return struct.pack(f"{order}I", ipv6 if packet[0] >> 4 == 6 else 2) + packet


ETHERNET = Link("ethernet", 1, ethernet_frame)
VLAN = Link("vlan", 1, lambda packet: ethernet_frame(packet, ((0x8100, 42),)))
QINQ = Link("qinq", 1, lambda packet: ethernet_frame(packet, ((0x88A8, 7), (0x8100, 42))))
QINQ_8100 = Link("qinq of 0x8100 twice", 1, lambda packet: ethernet_frame(packet, ((0x8100, 7), (0x8100, 42))))
QINQ_9100 = Link("qinq of the old 0x9100", 1, lambda packet: ethernet_frame(packet, ((0x9100, 7), (0x8100, 42))))
COOKED = Link("cooked", 113, _cooked)
COOKED2 = Link("cooked v2", 276, _cooked2)
RAW = Link("raw", 101, lambda packet: packet)
RAW_IPV4 = Link("raw ipv4", 228, lambda packet: packet)
RAW_IPV6 = Link("raw ipv6", 229, lambda packet: packet)
# The family's number for IPv6 is 30 on macOS, 28 on FreeBSD, 24 on NetBSD and OpenBSD.
NULL = Link("null", 0, lambda packet: _bsd_family(packet, "<", 30))
NULL_BIG_ENDIAN = Link("null of a big-endian machine", 0, lambda packet: _bsd_family(packet, ">", 28))
LOOP = Link("loop", 108, lambda packet: _bsd_family(packet, ">", 24))

IPV4_LINKS = (ETHERNET, VLAN, QINQ, QINQ_8100, QINQ_9100, COOKED, COOKED2, RAW, RAW_IPV4, NULL, NULL_BIG_ENDIAN, LOOP)
IPV6_LINKS = (ETHERNET, VLAN, QINQ, QINQ_8100, COOKED, COOKED2, RAW, RAW_IPV6, NULL, NULL_BIG_ENDIAN, LOOP)
