"""Writes what the fuzz targets begin with: small inputs of every kind, one folder a target, and the dictionary of the
configuration.

    PYTHONPATH=tests python native/fuzz/seeds.py FOLDER
"""

from __future__ import annotations

import gzip
import itertools
import json
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import engine_seeds
import http_seeds
import tcp_seeds
from consumed import Consumed
from packets import Conversation, Link, Segment, links, networks, pcap, pcapng
from packets.files import frames

ROOT = Path(__file__).parents[2]
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"

REQUESTS = [
    b"GET /a?b=c HTTP/1.1\r\nHost: d\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.0\r\n\r\n",
    b"POST / HTTP/1.1\r\n" + CHUNKED + b'5;a="b"\r\nhello\r\n0\r\nT: u\r\n\r\n',
    b"PUT / HTTP/1.1\r\nA:  b \r\nA: c\r\nE:\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\n\r\nxx",
    b"GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nzz",
    b"GET /old\r\n\r\n",
]
RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.0 200\r\n\r\nbody",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nHTTP/1.1 404 N\r\n\r\n",
    b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\nzz",
]
CONFIGURATIONS: list[dict[str, Any]] = [
    {"ports": [80]},
    {"ports": ["1-9", 443], "interface": "lo", "captureFilter": "host 10.0.0.1", "captureDirection": "inbound"},
    {
        "ports": [80],
        "maxBodySize": 0,
        "maxMemory": 1 << 30,
        "sampleRate": 0.5,
        "source": {"pod": "a", "node": "\u00e9"},
    },
    {"ports": [80], "exclude": [{"method": "GET", "path": "/a*"}, {"header": {"name": "B", "value": "?"}}]},
    {"ports": [80], "redactHeaders": ["a"], "redactFields": ["b"], "redactUnparsable": "search", "decodeBody": True},
    {"ports": [80], "replay": {"files": ["a.pcap"], "speed": 1}, "outputConnections": True},
    {
        "ports": [80],
        "reassemble": False,
        "recording": {
            "enabled": True,
            "directory": "/a",
            "ports": [1],
            "protocols": ["tcp"],
            "filter": "udp",
            "format": "pcapng",
            "compress": "zstd",
            "trigger": "match",
            "triggerStatus": 500,
            "triggerPath": "/",
            "triggerLatencyMs": 1,
        },
    },
]


def conversation() -> Conversation:
    return Conversation().open().exchange(REQUESTS[0], RESPONSES[0]).close()


def fragments(segments: list[Segment], link: Link) -> list[bytes]:
    return [frame.data for frame in frames(segments, link=link, network=networks.ipv4_fragments(16))]


def decode() -> Iterator[bytes]:
    """A byte for the link type, then packets behind their lengths (decode_fuzz.cc)."""
    places = [
        links.ETHERNET,
        links.COOKED,
        links.COOKED2,
        links.RAW,
        links.RAW_IPV4,
        links.RAW_IPV6,
        links.NULL,
        links.LOOP,
    ]
    segments = conversation().segments[:4]
    for place, link in enumerate(places):
        packets = [frame.data for frame in frames(segments, link=link)]
        yield bytes([place]) + b"".join(struct.pack("!HB", len(each), 0) + each for each in packets)
        yield bytes([place]) + b"".join(
            struct.pack("!HB", len(each), 0) + each for each in fragments(segments[3:4], link)
        )


def capture() -> Iterator[bytes]:
    segments = conversation().segments
    for link in (links.ETHERNET, links.VLAN, links.COOKED2, links.RAW):
        captured = frames(segments[:4], link=link)
        for unit in ("us", "ns"):
            for order in ("<", ">"):
                yield pcap(captured, link=link, unit=unit, byte_order=order)
                yield pcapng(captured, link=link, unit=unit, byte_order=order, interface="a")
    yield gzip.compress(pcap(frames(segments[:4])), mtime=0)
    yield one_frame_of_zstd(pcap(frames(segments[:1])))


def messages() -> Iterator[bytes]:
    """A byte that says whose they are and in what pieces they come (llhttp_fuzz.cc)."""
    for how in (0, 0x14):
        yield from (bytes([how | 1]) + each for each in REQUESTS)
        yield from (bytes([how]) + each for each in RESPONSES)


def one_frame_of_zstd(plain: bytes) -> bytes:
    """That holds one block as it is (RFC 8878 section 3.1.1)."""
    return struct.pack("<IBB", 0xFD2FB528, 0x20, len(plain)) + (len(plain) << 3 | 1).to_bytes(3, "little") + plain


def one_block_of_brotli(plain: bytes) -> bytes:
    """As it is, and an empty last one (RFC 7932 section 9.2): the window's bit, then ISLAST, MNIBBLES, MLEN - 1 and
    ISUNCOMPRESSED."""
    return (len(plain) - 1 << 4 | 1 << 20).to_bytes(3, "little") + plain + b"\x03"


# Of record_fuzz.cc: the places in its arrays of codings and of types.
CODINGS: dict[int, Callable[[bytes], bytes]] = {
    0: bytes,
    1: lambda body: gzip.compress(body, mtime=0),
    2: zlib.compress,
    3: one_block_of_brotli,
    4: one_frame_of_zstd,
    5: lambda body: one_block_of_brotli(gzip.compress(body, mtime=0)),
}
BODIES: list[tuple[int, bytes]] = [
    (1, b'{"a":1,"b":[{"password":"x\\"y","\\u0061":null}],"c":"\\ud83d\\ude00\xc3\xa9"}\n[]\n'),
    (2, b"a=b&password=x%26y;c[a]=d&%61=+&e"),
    (2, b'{"d":1,"b":"&a=x&"}'),
    (3, b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
        b'--b\r\nContent-Disposition: form-data; name="c"\r\n\r\n{"a":1}\r\n--b--\r\n'),
    (0, b'data: {"password":1}\n\n\x00\x01\xff'),
]  # fmt: skip


def records() -> Iterator[bytes]:
    """Messages of each type in each coding, to be decoded and searched (record_fuzz.cc)."""
    trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    for coding, encode in CODINGS.items():
        for planted, (media_type, body) in itertools.product(range(3), BODIES):
            seed = Consumed().integral_in_range(16384, 4096, 16384).integral_in_range(8192, 0, 8192)  # limits
            seed.boolean(True).boolean(True).boolean(
                planted == 2
            )  # decoded, redacted; withheld where it does not parse
            seed.integral_in_range(2, 0, 100).random_length_string(b"Host", 100).random_length_string(b"d", 100)
            seed.random_length_string(b"/?a=1&b=2#a=3", 5000).random_length_string(b"GET", 20)
            seed.random_length_string(trace, 60).integral_in_range(coding, 0, 5).integral_in_range(media_type, 0, 3)
            seed.integral_in_range(planted, 0, 2).integral_in_range(6, 0, 1024)  # a secret, behind the first value
            seed.boolean(True).integral_in_range(200, 0, 999).boolean(True)  # a request, a status, a trace
            yield seed.boolean(False).boolean(False).input(encode(body))  # neither cut nor incomplete


def heads() -> Iterator[bytes]:
    """In pieces of eight bytes."""
    for each in REQUESTS + RESPONSES:
        seed = Consumed().boolean(each in REQUESTS).random_length_string(each, 4096).integral_in_range(264, 1, 400)
        for _ in range(0, len(each), 8):
            seed.integral_in_range(8, 1, 40)
        yield seed.input()


def framings() -> Iterator[bytes]:
    """Each kind of body, in pieces of four bytes, then with a hole of two."""
    body = b"5;a\r\nhello\r\n0\r\n\r\n"
    for kind in range(4):
        seed = Consumed().integral_in_range(kind, 0, 3).random_length_string(body, 4096)
        if kind == 2:  # it has a length
            seed.integral_in_range(len(body), 1, 300)
        for _ in range(0, len(body), 4):
            seed.integral_in_range(4, 1, 20)
        yield seed.integral_in_range(6, 0, len(body)).integral_in_range(2, 0, len(body) - 6).input()


def splits() -> Iterator[bytes]:
    """A request and its answer, closed then, in pieces of six bytes."""
    for ask, answer in zip(REQUESTS, RESPONSES, strict=False):
        seed = Consumed().integral_in_range(4096, 64, 4096).integral_in_range(4096, 0, 4096)  # limits
        seed.boolean(True).integral_in_range(6, 1, 64)
        yield seed.random_length_string(ask, 2048).random_length_string(answer, 2048).input()


SEEDS = {
    "decode": decode,
    "tcp": lambda: (each.input() for each in tcp_seeds.connections()),
    "head": heads,
    "framing": framings,
    "splits": splits,
    "http": lambda: (each.input() for each in http_seeds.connections()),
    "record": records,
    "llhttp": messages,
    "config": lambda: (json.dumps(each).encode() for each in CONFIGURATIONS),
    "engine": lambda: (each.input() for each in engine_seeds.connections()),
    "capture": capture,
}


def words(node: Any) -> Iterator[str]:
    """Every name and every fixed value that a schema has."""
    if isinstance(node, dict):
        yield from node.get("properties", {})
        yield from (each for each in node.get("enum", []) if isinstance(each, str))
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        yield from words(child)


def main(folder: Path) -> None:
    for target, seeds in SEEDS.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds()):
            (folder / target / f"{number:02}").write_bytes(seed)
    schema = json.loads((ROOT / "sniffer.schema.json").read_text())
    own = ["replay", "files", "speed", "source", "reassemble"]  # the engine's own, beside the schema's
    listed = [f'"{word}"' for word in sorted({*words(schema), *own})] + ["null", "1e9", "-1", "18446744073709551616"]
    lines = ('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"\n' for word in listed)
    (folder / "config.dict").write_text("".join(lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
