"""Captures whose delays are known by construction: every number that comes out is computed here again."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from moments import iso, ms
from packets import pcap, pcapng
from packets.files import frames
from plan import Connection, Exchange, in_order, planned, random_connections
from running import Timing

Delays = dict[str, float | int | None]


@pytest.mark.parametrize("seed", range(4))
def test_every_number(timing: Timing, tmp_path: Path, seed: int) -> None:
    connections = random_connections(seed)
    capture = tmp_path / "planned.pcap"
    capture.write_bytes(pcap(frames(in_order(connections))))
    check_all(timing(capture, "--packets"), connections)


def check_all(result: dict[str, Any], connections: list[Connection]) -> None:
    """That what came out is what was planned."""
    exchanges = list(planned(connections))
    check_turns(result["turns"], exchanges)
    check_users(result["users"], exchanges)
    check_connections(result["connections"], connections)
    check_paths(result["paths"], exchanges)
    if "packets" in result:
        check_packets(result["packets"], connections)


def check_turns(turns: list[dict[str, Any]], exchanges: list[Exchange]) -> None:
    by_start = {(turn["user"], turn["userPort"], turn["requestFirst"]): turn for turn in turns}
    assert len(by_start) == len(turns) == len(exchanges)
    user_thinks = think_times(exchanges)
    for exchange in exchanges:
        turn = by_start[exchange.user, exchange.port, iso(exchange.request[0])]
        assert turn["requestLast"] == iso(exchange.request[1])
        assert (turn["responseFirst"], turn["responseLast"]) == tuple(map(iso, exchange.response))
        assert turn["thinkMs"] == ms(exchange.think)
        assert turn["userThinkMs"] == ms(user_thinks[exchange])
        assert turn["timeToFirstByteMs"] == ms(exchange.first_byte)
        assert turn["responseMs"] == ms(exchange.response[1] - exchange.response[0])
        assert (turn["requestBytes"], turn["responseBytes"]) == (exchange.request_bytes, exchange.response_bytes)
        assert (turn["method"], turn["path"], turn["status"]) == (exchange.method, exchange.path, exchange.status)


def check_users(users: list[dict[str, Any]], exchanges: list[Exchange]) -> None:
    thinks = think_times(exchanges)
    groups = grouped(exchanges, lambda exchange: exchange.user)
    assert {user["user"] for user in users} == groups.keys()
    for user in users:
        own = groups[user["user"]]
        waits = [thinks[exchange] for exchange in own]
        assert user["turns"] == len(own)
        assert_delays(user["thinkMs"], waits)
        assert_delays(user["timeToFirstByteMs"], [exchange.first_byte for exchange in own])
        known = [wait for wait in waits if wait is not None]
        if len(known) > 1:
            expected = statistics.stdev(known) / statistics.fmean(known)
            assert user["variation"] == pytest.approx(expected, abs=2e-6)


def check_connections(rows: list[dict[str, Any]], connections: list[Connection]) -> None:
    by_end = {(row["user"], row["userPort"]): row for row in rows}
    assert len(rows) == len(connections)
    for connection in connections:
        row = by_end[connection.client]
        own = connection.exchanges
        sent = [segment for segment in connection.segments if segment.source == connection.client]
        assert row["turns"] == len(own)
        assert row["requestPackets"] == len(sent)
        assert row["responsePackets"] == len(connection.segments) - len(sent)
        assert row["requestBytes"] == sum(len(segment.payload) for segment in sent)
        assert row["durationMs"] == ms(connection.segments[-1].time - connection.segments[0].time)
        assert row["flags"] == "SYN FIN PSH ACK"
        assert_delays(row["thinkMs"], [exchange.think for exchange in own])
        assert_delays(row["responseMs"], [exchange.response[1] - exchange.response[0] for exchange in own])


def check_paths(paths: list[dict[str, Any]], exchanges: list[Exchange]) -> None:
    groups = grouped(exchanges, lambda exchange: exchange.path.split("?")[0])
    assert {path["path"] for path in paths} == groups.keys()
    for path in paths:
        own = groups[path["path"]]
        assert path["requests"] == len(own)
        assert path["users"] == len({exchange.user for exchange in own})
        assert path["clientErrors"] == sum(exchange.status == 404 for exchange in own)
        assert path["serverErrors"] == sum(exchange.status == 500 for exchange in own)
        assert_delays(path["timeToFirstByteMs"], [exchange.first_byte for exchange in own])
        assert_delays(path["totalMs"], [exchange.response[1] - exchange.request[0] for exchange in own])


def check_packets(packets: list[dict[str, Any]], connections: list[Connection]) -> None:
    segments = in_order(connections)
    assert len(packets) == len(segments)
    last: dict[frozenset[Any], int] = {}
    for number, (row, segment) in enumerate(zip(packets, segments, strict=True)):
        ends = frozenset((segment.source, segment.destination))
        assert row["time"] == iso(segment.time)
        assert row["relativeS"] == pytest.approx((segment.time - segments[0].time) / 1e9, abs=1e-9)
        assert (row["source"], row["sourcePort"]) == segment.source
        assert (row["destination"], row["destinationPort"]) == segment.destination
        assert (row["payloadLength"], row["length"]) == (len(segment.payload), 54 + len(segment.payload))
        assert row["delayMs"] == (ms(segment.time - segments[number - 1].time) if number else None)
        assert row["connectionDelayMs"] == (ms(segment.time - last[ends]) if ends in last else None)
        last[ends] = segment.time


def think_times(exchanges: Iterable[Exchange]) -> dict[Exchange, int | None]:
    """Since the latest end of what the user was told before, over all his connections."""
    latest: dict[str, int] = {}
    thinks: dict[Exchange, int | None] = {}
    for exchange in sorted(exchanges, key=lambda exchange: exchange.request[0]):
        before = latest.get(exchange.user)
        thinks[exchange] = None if before is None or before > exchange.request[0] else exchange.request[0] - before
        latest[exchange.user] = max(before or 0, exchange.response[1])
    return thinks


def grouped(exchanges: Iterable[Exchange], key: Callable[[Exchange], str]) -> dict[str, list[Exchange]]:
    groups: dict[str, list[Exchange]] = defaultdict(list)
    for exchange in exchanges:
        groups[key(exchange)].append(exchange)
    return groups


def assert_delays(found: Delays | None, values: Iterable[int | None]) -> None:
    """That `found` (ms) is what Python's statistics makes of the delays (ns)."""
    known = sorted(value for value in values if value is not None)
    if not known:
        assert found is None or found["count"] == 0
        return
    assert found is not None
    assert found["count"] == len(known)
    expected = {
        "min": known[0],
        "median": statistics.median(known),
        "mean": statistics.fmean(known),
        "p90": percentile(known, 90),
        "p99": percentile(known, 99),
        "max": known[-1],
    }
    assert {name: found[name] for name in expected} == pytest.approx(
        {name: value / 1e6 for name, value in expected.items()}, abs=2e-6
    )
    if len(known) > 1:
        assert found["stddev"] == pytest.approx(statistics.stdev(known) / 1e6, abs=2e-6)
    else:
        assert found["stddev"] is None


def percentile(ordered: Sequence[int], which: int) -> float:
    return statistics.quantiles(ordered, n=100, method="inclusive")[which - 1] if len(ordered) > 1 else ordered[0]


@pytest.mark.parametrize("cuts", [1, 2, 5, 9])
def test_rotated_files_are_one_capture(timing: Timing, tmp_path: Path, cuts: int) -> None:
    """Cut anywhere, named as the recorder rotates, given in the wrong order, of several formats."""
    connections = random_connections(7)
    captured = frames(in_order(connections))
    size = -(-len(captured) // (cuts + 1))
    files = []
    for number, at in enumerate(range(0, len(captured), size)):
        file = tmp_path / f"pod.{number:04}.pcap"
        write = pcapng if number % 2 else pcap
        file.write_bytes(write(captured[at : at + size]))
        files.append(file)
    parts = timing(*reversed(files), "--packets")
    check_all(parts, connections)
    assert [row["number"] for row in parts["packets"]] == [
        1 + number % size for number in range(len(captured))
    ]  # numbered anew in each file
    assert timing(tmp_path)["turns"] == parts["turns"]  # a folder is its files
