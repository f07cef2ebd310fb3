"""Real captures: each packet's fields beside tshark's, and the turns beside those that its fields give."""

from __future__ import annotations

import csv
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from moments import iso
from running import Timing

FIELDS = [
    *("frame.number", "frame.time_epoch", "frame.time_delta", "frame.len"),
    *("ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "tcp.srcport", "udp.srcport", "tcp.dstport", "udp.dstport"),
    *("tcp.len", "udp.length", "tcp.flags", "tcp.stream", "tcp.time_delta", "tcp.seq_raw", "tcp.payload"),
    *("http.request.method", "http.request.uri", "frame.interface_name", "sll.ifindex"),
]


@dataclass(frozen=True)
class Row:
    """What tshark says of a packet; times in ns."""

    number: int
    time: int
    delay: int
    length: int
    source: tuple[str, int]
    destination: tuple[str, int]
    payload: int
    flags: str
    stream: int | None
    stream_delay: int | None
    seq: int
    method: str
    uri: str
    status: str
    interface: str


def captures(corpus: Path) -> list[Path]:
    return sorted(path for path in corpus.iterdir() if path.suffix in {".pcap", ".pcapng"})


def test_every_packet(timing: Timing, corpus: Path) -> None:
    compared = 0
    for capture in captures(corpus):
        expected = list(tshark(capture))
        packets = timing(capture, "--packets")["packets"]
        assert [packet["number"] for packet in packets] == [row.number for row in expected], capture.name
        for packet, row in zip(packets, expected, strict=True):
            check_packet(packet, row)
        compared += len(packets)
    assert compared > 1000


def check_packet(packet: dict[str, Any], row: Row) -> None:
    assert nanoseconds(packet["time"][-10:-1]) == row.time % 10**9
    assert packet["delayMs"] == (None if row.number == 1 else pytest.approx(row.delay / 1e6, abs=1e-6))
    assert (packet["source"], packet["sourcePort"]) == row.source
    assert (packet["destination"], packet["destinationPort"]) == row.destination
    assert (packet["length"], packet["payloadLength"]) == (row.length, row.payload), row
    assert (packet["flags"] or "") == row.flags
    assert (packet["interface"] or "") == row.interface
    if packet["connectionDelayMs"] is not None and row.stream_delay is not None:
        assert packet["connectionDelayMs"] == pytest.approx(row.stream_delay / 1e6, abs=1e-6)


def test_turns(timing: Timing, corpus: Path) -> None:
    compared = 0
    for capture in captures(corpus):
        rows = [row for row in tshark(capture) if row.stream is not None]
        expected = [turn.row() for stream in streams(rows) for turn in turns_of(stream)]
        turns = [turn for turn in timing(capture)["turns"] if turn["transport"] == "tcp"]
        found = [tuple(turn[name] for name in TURN) for turn in turns]
        assert sorted(found, key=str) == sorted(expected, key=str), capture.name
        check_http(turns, rows)
        compared += len(found)
    assert compared > 100


TURN = [
    *("user", "userPort", "requestFirst", "requestLast", "responseFirst", "responseLast"),
    *("requestBytes", "responseBytes", "requestPackets", "responsePackets"),
]


def check_http(turns: list[dict[str, Any]], rows: list[Row]) -> None:
    """That what begins like HTTP is what tshark read there."""
    requests = [(row.source, row.method, row.uri) for row in rows if row.method]
    answers = {(row.destination, row.status) for row in rows if row.status}
    for turn in turns:
        client = (turn["user"], turn["userPort"])
        if turn["method"]:
            asked = [uri for source, method, uri in requests if (source, method) == (client, turn["method"])]
            # Its end is beyond the segment, or beyond what is kept of a target.
            assert any(uri == turn["path"] or (len(uri) > 1000 and uri.startswith(turn["path"])) for uri in asked), turn
        if turn["status"]:
            assert (client, str(turn["status"])) in answers, turn


@dataclass
class Turn:
    """A turn as tshark's fields give it: for each side when, and how much."""

    client: tuple[str, int]
    times: tuple[list[int], list[int]]  # of packets with new bytes, of the client and of the server
    bytes: list[int]

    def row(self) -> tuple[Any, ...]:
        asked, said = self.times
        ends = [None if not times else iso(times[place]) for times in self.times for place in (0, -1)]
        return (*self.client, *ends, *self.bytes, len(asked), len(said))


def streams(rows: list[Row]) -> Iterator[list[Row]]:
    grouped: dict[int | None, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row.stream].append(row)
    yield from grouped.values()


def turns_of(rows: list[Row]) -> list[Turn]:
    """A turn ends where the client sends new bytes after the server did."""
    client = client_of(rows[0])
    seen: dict[bool, set[int]] = {True: set(), False: set()}  # sequence numbers of each side
    turns: list[Turn] = []
    for row in rows:
        side = row.source == client
        first = row.seq + ("SYN" in row.flags.split())
        new = {number % 2**32 for number in range(first, first + row.payload)} - seen[side]
        seen[side] |= new
        if not new:
            continue
        if not turns or (side and turns[-1].times[1]):
            turns.append(Turn(client, ([], []), [0, 0]))
        if not side and not turns[-1].times[1] and row.status[:1] == "1" and row.status != "101":
            continue
        turns[-1].times[not side].append(row.time)
        turns[-1].bytes[not side] += len(new)
    return turns


def client_of(row: Row) -> tuple[str, int]:
    """Who sent the SYN; where it is not there, who has the higher port."""
    flags = row.flags.split()
    if "SYN" in flags:
        return row.destination if "ACK" in flags else row.source
    return max(row.source, row.destination, key=lambda end: end[1])


def tshark(capture: Path) -> Iterator[Row]:
    """Of each TCP segment and UDP datagram with a header of its own."""
    command = [
        "tshark",
        "-n",
        "-r",
        str(capture),
        "-T",
        "fields",
        "-E",
        "separator=,",
        "-E",
        "quote=d",
        "-E",
        "occurrence=f",
    ]
    command += ["-o", "tcp.desegment_tcp_streams:FALSE"]  # each segment by itself, as here
    command += ["-Y", "(tcp or udp) and not icmp and not icmpv6"]
    for field in FIELDS:
        command += ["-e", field]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    for values in csv.reader(text.splitlines()):
        yield _row(dict(zip(FIELDS, values, strict=True)))


def _row(values: dict[str, str]) -> Row:
    udp = values["udp.srcport"] != ""
    transport = "udp" if udp else "tcp"
    return Row(
        number=int(values["frame.number"]),
        time=nanoseconds(values["frame.time_epoch"]),
        delay=nanoseconds(values["frame.time_delta"]),
        length=int(values["frame.len"]),
        source=(values["ip.src"] or values["ipv6.src"], int(values[f"{transport}.srcport"])),
        destination=(values["ip.dst"] or values["ipv6.dst"], int(values[f"{transport}.dstport"])),
        payload=int(values["udp.length"]) - 8 if udp else int(values["tcp.len"]),
        flags="" if udp else _flags(int(values["tcp.flags"], 16)),
        stream=None if udp else int(values["tcp.stream"]),
        stream_delay=None if udp or not values["tcp.time_delta"] else nanoseconds(values["tcp.time_delta"]),
        seq=0 if udp else int(values["tcp.seq_raw"]),
        method=values["http.request.method"],
        uri=values["http.request.uri"],
        status=_status(bytes.fromhex(values["tcp.payload"].replace(":", ""))),
        interface=values["sll.ifindex"] or values["frame.interface_name"],
    )


def _status(payload: bytes) -> str:
    """Of a response that begins here. By its bytes: tshark names a response only where it has all of it."""
    found = re.match(rb"HTTP/1\.[01] (\d\d\d)", payload)
    return found[1].decode() if found else ""


def _flags(bits: int) -> str:
    names = {"SYN": 2, "FIN": 1, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}
    return " ".join(name for name, bit in names.items() if bits & bit)


def nanoseconds(text: str) -> int:
    """Of decimal seconds; of nine digits alone, those."""
    if "." not in text:
        return int(text)
    seconds, fraction = text.split(".")
    sign = -1 if seconds.startswith("-") else 1
    return int(seconds) * 10**9 + sign * int(fraction.ljust(9, "0")[:9])
