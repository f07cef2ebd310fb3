"""IP around a segment: options, extension headers, fragments, jumbo packets.

Each function takes a segment's bytes with its two addresses and gives the IP packets they become.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from packets.segment import Segment, internet_sum

Network = Callable[[Segment], list[bytes]]

TCP, UDP = 6, 17
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION = 0, 43, 44, 51, 60


def ip(segment: Segment) -> list[bytes]:
    """A plain packet of the version that the addresses are of."""
    return ipv4()(segment) if "." in segment.source.ip else ipv6()(segment)


def ipv4(*, options: bytes = b"", jumbo: bool = False, padding: bytes = b"", identification: int = 1) -> Network:
    """IPv4. `jumbo`: total length 0, as Linux writes for BIG TCP. `padding` follows the packet, as on Ethernet."""

    def build(segment: Segment) -> list[bytes]:
        payload = segment.tcp()
        return [ipv4_packet(segment, payload, options=options, jumbo=jumbo, identification=identification) + padding]

    return build


def ipv4_fragments(
    size: int, *, order: Callable[[list[bytes]], list[bytes]] = list, identification: int = 7
) -> Network:
    """IPv4 in fragments of `size` payload bytes, which is a multiple of 8."""

    def build(segment: Segment) -> list[bytes]:
        payload = segment.tcp()
        fragments = []
        for at in range(0, len(payload), size):
            more = at + size < len(payload)
            fragment = at // 8 | (0x2000 if more else 0)
            packet = ipv4_packet(
                segment,
                payload[at : at + size],
                fragment=fragment,
                identification=(identification + segment.seq) & 0xFFFF,
            )
            fragments.append(packet)
        return order(fragments)

    return build


def ipv4_packet(
    segment: Segment,
    payload: bytes,
    *,
    protocol: int = TCP,
    options: bytes = b"",
    fragment: int = 0,
    identification: int = 1,
    jumbo: bool = False,
) -> bytes:
    options += bytes(-len(options) % 4)
    header_length = 20 + len(options)
    head = struct.pack(
        "!BBHHHBB",
        0x40 | header_length // 4,
        0,
        0 if jumbo else header_length + len(payload),
        identification,
        fragment,
        64,
        protocol,
    )
    addresses = segment.addresses
    checksum = internet_sum(head + bytes(2) + addresses + options) ^ 0xFFFF
    return head + struct.pack("!H", checksum) + addresses + options + payload


def ipv6(extensions: Sequence[tuple[int, bytes]] = (), *, jumbo: bool = False) -> Network:
    """IPv6. `extensions`: (header type, its bytes behind the first two, which are written here).

    `jumbo`: payload length 0 and a hop-by-hop header with the real one (RFC 2675).
    """

    def build(segment: Segment) -> list[bytes]:
        payload = segment.tcp()
        headers = list(extensions)
        if jumbo:
            rest = extension_chain(headers, TCP)[1] + payload
            headers.insert(0, (HOP_BY_HOP, struct.pack("!BBI", 0xC2, 4, 8 + len(rest))))
        first, chain = extension_chain(headers, TCP)
        return [ipv6_packet(segment, chain + payload, next_header=first, jumbo=jumbo)]

    return build


def ipv6_fragments(
    size: int, *, order: Callable[[list[bytes]], list[bytes]] = list, identification: int = 7
) -> Network:
    """IPv6 in fragments of `size` payload bytes, which is a multiple of 8."""

    def build(segment: Segment) -> list[bytes]:
        payload = segment.tcp()
        fragments = []
        for at in range(0, len(payload), size):
            more = at + size < len(payload)
            number = (identification + segment.seq) & 0xFFFFFFFF
            header = struct.pack("!BBHI", TCP, 0, at | int(more), number)
            fragments.append(ipv6_packet(segment, header + payload[at : at + size], next_header=FRAGMENT))
        return order(fragments)

    return build


def ipv6_packet(segment: Segment, payload: bytes, *, next_header: int = TCP, jumbo: bool = False) -> bytes:
    length = 0 if jumbo else len(payload)
    return struct.pack("!IHBB", 0x60000000, length, next_header, 64) + segment.addresses + payload


def extension_chain(headers: Sequence[tuple[int, bytes]], last: int) -> tuple[int, bytes]:
    """The first header's type, and the chain's bytes; `last` follows it (RFC 8200 section 4)."""
    chain, following = b"", last
    for kind, content in reversed(headers):
        # The authentication header counts in words less two (RFC 4302), the others in 8 bytes less one.
        content += bytes(-(len(content) + 2) % 8)
        size = len(content) + 2
        length = size // 4 - 2 if kind == AUTHENTICATION else size // 8 - 1
        chain = struct.pack("!BB", following, length) + content + chain
        following = kind
    return following, chain


def udp(segment: Segment) -> list[bytes]:
    """A UDP datagram with the segment's ends and payload."""
    datagram = struct.pack("!HHHH", segment.source.port, segment.destination.port, 8 + len(segment.payload), 0)
    return [ipv4_packet(segment, datagram + segment.payload, protocol=UDP)]
