"""Link and network layers: whatever a segment comes wrapped in, the records are the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from expected import Record, comparable, request, response
from packets import Conversation, Link, Segment, pcap, pcapng
from packets.files import Frame, frames
from packets.links import (
    COOKED,
    COOKED2,
    ETHERNET,
    ETHERTYPE_ARP,
    IPV4_LINKS,
    IPV6_LINKS,
    NULL_BIG_ENDIAN,
    QINQ,
    RAW,
    cooked2_loopback,
    cooked_loopback,
    ethernet_frame,
)
from packets.networks import (
    AUTHENTICATION,
    DESTINATION,
    HOP_BY_HOP,
    ROUTING,
    Network,
    ip,
    ipv4,
    ipv4_fragments,
    ipv6,
    ipv6_fragments,
    udp,
)
from replay_engine import Replay

GET = b"GET /link HTTP/1.1\r\nHost: example.org\r\n\r\n"
BODY = "0123456789" * 20
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + BODY.encode()
V6 = (("2001:db8::2", 40000), ("2001:db8::1", 8080))


def exchange(version: int = 4) -> list[Segment]:
    conversation = Conversation(*V6) if version == 6 else Conversation()
    return conversation.open().exchange(GET, OK).close().segments


def expected(version: int = 4) -> list[Record]:
    ends: Record = {}
    if version == 6:
        ends = {
            "receiver": {"ip": "2001:db8::1", "port": 8080},
            "destination": {"ip": "2001:db8::2", "port": 40000},
        }
    return [
        request("GET", "/link", headers={"host": "example.org"}) | ends,
        response(200, to="GET /link", headers={"content-length": "200"}, body=BODY) | ends,
    ]


def assert_exchange(replay: Replay, capture: bytes, version: int = 4, **stats: int) -> None:
    result = replay(capture)
    assert [comparable(record) for record in result.records] == expected(version)
    assert {name: result.stats["packets"][name] for name in stats} == stats


def written(link: Link, version: int) -> bytes:
    """The capture of a machine of the link's byte order: what is in its frames is in the file's header too."""
    return pcap(frames(exchange(version), link=link), link=link, byte_order=">" if link is NULL_BIG_ENDIAN else "<")


@pytest.mark.parametrize("link", IPV4_LINKS, ids=lambda link: link.name)
def test_ipv4_on_every_link(replay: Replay, link: Link) -> None:
    assert_exchange(replay, written(link, 4), used=len(exchange()) - 1, after_close=1)


@pytest.mark.parametrize("link", IPV6_LINKS, ids=lambda link: link.name)
def test_ipv6_on_every_link(replay: Replay, link: Link) -> None:
    assert_exchange(replay, written(link, 6), 6, used=len(exchange()) - 1, after_close=1)


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("write", [pcap, pcapng], ids=["pcap", "pcapng"])
def test_every_file_format(replay: Replay, write: Callable[..., bytes], byte_order: str) -> None:
    assert_exchange(replay, write(frames(exchange()), byte_order=byte_order))


def test_link_types_of_several_files_may_differ(replay: Replay) -> None:
    """Each file brings its own link layer; the connection goes on from one to the next."""
    first, second = exchange()[:5], exchange()[5:]
    result = replay(pcap(frames(first, link=COOKED2), link=COOKED2), pcap(frames(second, link=RAW), link=RAW))
    assert [comparable(record) for record in result.records] == expected()


EXTENSIONS: dict[str, Network] = {
    "hop-by-hop": ipv6([(HOP_BY_HOP, b"\x01\x04\0\0\0\0")]),
    "routing": ipv6([(ROUTING, b"\x04\0" + bytes(20))]),
    "destination options": ipv6([(DESTINATION, bytes(14))]),
    "authentication": ipv6([(AUTHENTICATION, bytes(22))]),
    "all of them": ipv6(
        [
            (HOP_BY_HOP, b"\x01\x04\0\0\0\0"),
            (DESTINATION, bytes(6)),
            (ROUTING, b"\x04\0" + bytes(20)),
            (AUTHENTICATION, bytes(22)),
            (DESTINATION, bytes(6)),
        ]
    ),
    "a jumbo payload": ipv6(jumbo=True),
    "a jumbo payload and more": ipv6([(DESTINATION, bytes(6))], jumbo=True),
    "fragments": ipv6_fragments(64),
    "fragments in reverse": ipv6_fragments(64, order=lambda fragments: fragments[::-1]),
    "fragments of eight bytes": ipv6_fragments(8),
    "a lone fragment": ipv6_fragments(4096),
}


@pytest.mark.parametrize("network", EXTENSIONS.values(), ids=EXTENSIONS)
@pytest.mark.parametrize("link", [ETHERNET, QINQ, COOKED, COOKED2, RAW], ids=lambda link: link.name)
def test_ipv6_extension_headers(replay: Replay, network: Network, link: Link) -> None:
    """RFC 8200 section 4: they stand between the IPv6 header and TCP, in any number; so does the jumbo length."""
    assert_exchange(replay, pcap(frames(exchange(6), link=link, network=network), link=link), 6, malformed=0)


IPV4: dict[str, Network] = {
    "options": ipv4(options=b"\x94\x04\0\0" + b"\x01" * 8),
    "all options there is room for": ipv4(options=b"\x01" * 40),
    "total length 0 (BIG TCP)": ipv4(jumbo=True),
    "Ethernet padding": ipv4(padding=bytes(6)),
    "fragments": ipv4_fragments(64),
    "fragments in reverse": ipv4_fragments(64, order=lambda fragments: fragments[::-1]),
    "fragments of eight bytes": ipv4_fragments(8),
    "fragments twice": ipv4_fragments(64, order=lambda fragments: [f for f in fragments for _ in (1, 2)]),
}


@pytest.mark.parametrize("network", IPV4.values(), ids=IPV4)
@pytest.mark.parametrize("link", [ETHERNET, QINQ, COOKED, COOKED2, RAW], ids=lambda link: link.name)
def test_ipv4_forms(replay: Replay, network: Network, link: Link) -> None:
    assert_exchange(replay, pcap(frames(exchange(), link=link, network=network), link=link), malformed=0)


def test_a_lost_fragment_loses_its_segment(replay: Replay) -> None:
    """The bytes were acknowledged, so they are a gap; the fragments are counted, not forgotten."""

    def drop_the_second(fragments: list[bytes]) -> list[bytes]:
        return fragments[:1] + fragments[2:] if len(fragments) > 2 else fragments

    result = replay(pcap(frames(exchange(), network=ipv4_fragments(64, order=drop_the_second))))
    assert [comparable(record) for record in result.records] == [expected()[0]]
    assert result.stat("streams.gap_bytes") == len(OK)
    assert result.stat("packets.fragment") + result.stat("packets.fragment_lost") > 0


def test_overlapping_fragments_are_given_up(replay: Replay) -> None:
    """RFC 5722: a datagram whose fragments overlap is discarded, for nobody can tell what its receiver read."""

    def overlap(fragments: list[bytes]) -> list[bytes]:
        if len(fragments) < 3:
            return fragments
        other = bytearray(fragments[1])
        other[-1] ^= 0xFF
        return [fragments[0], fragments[1], bytes(other), *fragments[2:]]

    result = replay(pcap(frames(exchange(), network=ipv4_fragments(64, order=overlap))))
    assert [comparable(record) for record in result.records] == [expected()[0]]
    assert result.stat("packets.fragment_lost") > 0


@pytest.mark.parametrize("version", [4, 6])
def test_jumbo_packets(replay: Replay, version: int) -> None:
    """BIG TCP: one segment of 180 kB, whose IP length does not fit its field."""
    body = "x" * 180_000
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 180000\r\n\r\n" + body.encode()
    conversation = Conversation(*V6) if version == 6 else Conversation()
    segments = conversation.open().client(GET).server(answer, mss=200_000).close().segments
    network = ipv6(jumbo=True) if version == 6 else ipv4(jumbo=True)
    result = replay(pcap(frames(segments, network=network)), maxBodySize=1_000_000)
    assert result.records[1]["body"] == body
    assert result.records[1]["complete"] is True


@pytest.mark.parametrize(("link", "wrap"), [(COOKED, cooked_loopback), (COOKED2, cooked2_loopback)])
def test_loopback_copies_on_any(replay: Replay, link: Link, wrap: Callable[[bytes, int], bytes]) -> None:
    """The interface `any` shows each packet of `lo` twice, outgoing and incoming; one of them is used."""
    captured = []
    for segment in exchange():
        for direction in (4, 0):
            data = wrap(ip(segment)[0], direction)
            captured.append(Frame(segment.time, data, len(data)))
    assert_exchange(replay, pcap(captured, link=link), loopback_copy=len(exchange()), used=len(exchange()) - 1)


def test_what_is_not_tcp_is_counted(replay: Replay) -> None:
    """The filter lets fragments and IPv6 with extension headers in; what they carry is looked at, and counted."""
    arp = ethernet_frame(bytes(28), kind=ETHERTYPE_ARP)
    dns = replace(exchange()[3], payload=bytes(12))
    captured = [Frame(exchange()[0].time, arp, len(arp)), *frames([dns], network=udp), *frames(exchange())]
    result = replay(pcap(captured))
    assert [comparable(record) for record in result.records] == expected()
    assert result.stat("packets.used") == len(exchange()) - 1


def test_other_ports_are_not_looked_at(replay: Replay) -> None:
    """Ports are matched exactly: neither a neighbour nor the same bits in the other field will do."""
    other = Conversation(("10.0.0.3", 8081), ("10.0.0.1", 80)).open().exchange(GET, OK).close()
    result = replay(pcap(frames(exchange() + other.segments)))
    assert [comparable(record) for record in result.records] == expected()


def test_fragments_of_other_ports_are_counted(replay: Replay) -> None:
    """A fragment's ports are known when its datagram is whole."""
    other = Conversation(("10.0.0.3", 5000), ("10.0.0.1", 80)).open().exchange(GET, OK).close()
    result = replay(pcap(frames(other.segments, network=ipv4_fragments(64))))
    assert result.records == []
    assert result.stat("packets.other_port") > 0


def test_packets_cut_by_the_snap_length(replay: Replay) -> None:
    """The bytes that were not captured are a gap, of known length; what was captured is used."""
    segments = Conversation().open().exchange(GET, OK).close().segments
    result = replay(pcap(frames(segments, snap_length=14 + 20 + 20 + 100)))
    ask, answer = result.records
    assert ask["complete"] is True
    seen = 100 - (len(OK) - 200)
    assert (answer["body"], answer["bodySize"], answer["missingBytes"]) == (BODY[:seen], seen, 200 - seen)
    assert answer["incompleteReason"] == "gap"


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "IPv4 header length 4": lambda packet: bytes([0x41]) + packet[1:],
    "IPv4 total length below its header": lambda packet: packet[:2] + b"\0\x13" + packet[4:],
    "IPv4 total length beyond the packet": lambda packet: packet[:2] + b"\xff\xff" + packet[4:],
    "TCP header length 4": lambda packet: packet[:32] + b"\x10" + packet[33:],
    "TCP header beyond the packet": lambda packet: packet[:2] + b"\x00\x2c" + packet[4:32] + b"\xf0" + packet[33:44],
    "cut within the TCP header": lambda packet: packet[:30],
    "cut within the IP header": lambda packet: packet[:10],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_malformed_packets_are_counted(replay: Replay, damage: Callable[[bytes], bytes]) -> None:
    """Lengths that contradict each other: such a packet is nobody's, and the rest goes on."""
    good = frames(exchange(), link=RAW)
    bad = damage(good[3].data)
    captured = [*good[:3], Frame(good[3].time, bad, len(bad)), *good[3:]]
    result = replay(pcap(captured, link=RAW))
    assert [comparable(record) for record in result.records] == expected()
    assert result.stat("packets.used") == len(good) - 1  # the last ACK is behind the close
