"""Each attack: its cost, its memory, and that who is served beside it loses nothing. docs/security.md has the table."""

from __future__ import annotations

import os
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path

import pytest
from packets import Conversation
from packets.files import Frame, frames, pcap
from replay_engine import replay

from attacks.captures import ATTACKS, PLAIN, UNFINISHED, Attack
from attacks.cost import instructions_a_byte, peak_memory

MIB = 1 << 20
MAX_MEMORY = 8 * MIB
FIXED_MEMORY = 56 * MIB  # of the process, beside maxMemory
CONNECTIONS = 100
# Times what plain traffic costs. What is above ten is bounded all the same: docs/security.md says by what.
MOST = 10
MORE = {
    "a head of lines": 19,
    "the smallest requests": 27,
    "requests never answered": 13,
    "interim responses": 23,
    "bombs that are small": 50,
    "a bomb in a bomb in a bomb": 43,
    "a bomb searched for fields": 60,
}
each = pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)


@cache
def program() -> Path:
    return Path(os.environ["TCP_SNIFFER_ENGINE_PASS"])


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> float:
    return instructions_a_byte(PLAIN, program(), tmp_path_factory.mktemp("plain"))


@each
def test_it_costs_little_more_than_plain_traffic(attack: Attack, plain: float, tmp_path: Path) -> None:
    times = instructions_a_byte(attack, program(), tmp_path) / plain
    print(f"{attack.name}: {times:.1f}")
    assert times <= MORE.get(attack.name, MOST)


@pytest.mark.parametrize("attack", [*ATTACKS, UNFINISHED], ids=lambda attack: attack.name)
def test_the_process_stays_small(attack: Attack, tmp_path: Path) -> None:
    """`maxMemory` and what is fixed, the interpreter included."""
    size = 12 * MIB if attack is UNFINISHED else MIB
    peak, stats = peak_memory(attack, size, {"maxMemory": MAX_MEMORY}, tmp_path)
    print(f"{attack.name}: {peak / MIB:.1f} MiB, {stats['gauges']['memoryPeak'] / MIB:.1f} of them the engine's")
    assert peak <= MAX_MEMORY + FIXED_MEMORY
    if attack is UNFINISHED:
        assert stats["streams"]["bodies_cut"] > 0


@each
def test_who_is_served_beside_it_loses_nothing(attack: Attack, tmp_path: Path) -> None:
    """Memory and connections are scarce, and the attack takes what it can get of both."""
    body = bytes(range(32, 127)) * 20
    beside = Conversation(client=("192.168.0.9", 50_000)).open()
    for number in range(20):
        beside.exchange(
            b"GET /%d HTTP/1.1\r\nHost: shop.example\r\n\r\n" % number,
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
        )
    captured = among(frames(beside.close().segments), attack.frames(300_000))
    config = {**attack.config, "maxMemory": MAX_MEMORY, "maxConcurrentConnections": CONNECTIONS}
    found = replay(tmp_path, [pcap(captured)], config, validated=False)
    served = [one for one in found.records if one["destination"]["ip"] == "192.168.0.9"]
    assert [one["direction"] for one in served] == ["request", "response"] * 20
    assert all(one["complete"] for one in served)
    assert [one["path"] for one in served[::2]] == [f"/{number}" for number in range(20)]
    assert {one["body"] for one in served[1::2]} == {body.decode()}
    assert found.stats["gauges"]["memoryPeak"] <= MAX_MEMORY + MIB
    if attack.counter:
        assert found.stat(attack.counter) > 0


def among(few: list[Frame], many: list[Frame]) -> list[Frame]:
    """The few spread evenly among the many, at the many's times."""
    size = -(-len(many) // len(few))
    groups = [many[at : at + size] for at in range(0, len(many), size)]
    found = []
    time = many[0].time
    for frame, group in zip_longest(few, groups):
        time = group[-1].time if group else time + 1
        found.append([*(group or ()), *([frame._replace(time=time)] if frame else [])])
    return list(chain.from_iterable(found))
