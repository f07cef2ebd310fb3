"""Each attack: its cost, its memory, and that who is served beside it loses nothing. docs/security.md has the table."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import cache
from itertools import chain, zip_longest
from pathlib import Path

import pytest
from packets import Conversation
from packets.files import Frame, frames, pcap
from replay_engine import Replayed, replay

from attacks.captures import ATTACKS, BEGUN_BODIES, PLAIN, Attack
from attacks.cost import LATE, SOON, instructions_a_byte, peak_memory

MIB = 1 << 20
MAX_MEMORY = 8 * MIB
FIXED_MEMORY = 56 * MIB  # of the process, beside maxMemory
CONNECTIONS = 100
# Times what plain traffic costs. What is above ten is bounded all the same: docs/security.md says by what.
MOST = 10
MORE = {
    "a head of lines": 19,
    "the smallest requests": 23,
    "interim responses": 22,
    "bombs that are small": 30,
    "a bomb in a bomb in a bomb": 33,
    "a bomb searched for fields": 24,
    "a bomb searched for fields, never withheld": 34,
    "a bomb of form fields": 24,
    "a bomb of form fields, never withheld": 107,
    "multipart of small parts": 11,
}
# Where something is kept of what goes by: each reaches what it may keep within SOON.
KEEPING = [
    one
    for one in ATTACKS
    if one.name.startswith(("SYNs", "segments", "bytes far", "one byte of", "fragments without", "a head without"))
    or one.beside > 1 << 20
    or one.name in ("requests never answered", "names that are all new", "the same place, other bytes")
]
SCARCE = {"maxMemory": MAX_MEMORY, "maxConcurrentConnections": CONNECTIONS}
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


@pytest.mark.parametrize("attack", KEEPING, ids=lambda attack: attack.name)
def test_it_does_not_become_dearer_with_time(attack: Attack, tmp_path: Path) -> None:
    soon, late = (instructions_a_byte(attack, program(), tmp_path, sizes, SCARCE) for sizes in (SOON, LATE))
    print(f"{attack.name}: {soon:.1f} instructions a byte, {late:.1f} later")
    assert late <= 1.2 * soon


@each
def test_the_process_stays_small(attack: Attack, tmp_path: Path) -> None:
    """`maxMemory` and what is fixed, the interpreter included, where four times as much goes by."""
    peak, stats = peak_memory(attack, 4 * MAX_MEMORY, {"maxMemory": MAX_MEMORY}, tmp_path)
    print(f"{attack.name}: {peak / MIB:.1f} MiB, {stats['gauges']['memoryPeak'] / MIB:.1f} of them the engine's")
    assert peak <= MAX_MEMORY + FIXED_MEMORY


def test_a_head_of_a_million_lines_is_read_to_its_end(tmp_path: Path) -> None:
    head = b"GET /long HTTP/1.1\r\n" + b"a:b\r\n" * 1_000_000 + b"\r\n"
    answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    talk = Conversation().open().exchange(head, answer).exchange(b"GET /next HTTP/1.1\r\n\r\n", answer).close()
    found = replay(tmp_path, [pcap(frames(talk.segments))], SCARCE, validated=False)
    assert [one["request"]["path"] for one in found.records if one["direction"] == "response"] == ["/long", "/next"]
    assert [one["complete"] for one in found.records] == [True] * 4
    assert found.records[0]["headersTruncated"]
    assert found.stats["gauges"]["memoryPeak"] <= MAX_MEMORY


@each
def test_who_is_served_beside_it_loses_nothing(attack: Attack, tmp_path: Path) -> None:
    """Memory and connections are scarce, and the attack takes what it can get of both."""
    served_beside(attack, SCARCE, tmp_path)


def test_connections_leave_memory_for_what_they_say(tmp_path: Path) -> None:
    """As many of them as would fill it."""
    syns = replace(next(one for one in ATTACKS if one.name == "SYNs"), counter="connections.memory", beside=2_000_000)
    found = served_beside(syns, {"maxMemory": MAX_MEMORY, "maxConcurrentConnections": 1_000_000}, tmp_path)
    assert found.stats["gauges"]["memoryPeak"] <= 6 / 10 * found.stats["gauges"]["memoryLimit"]


def test_those_that_keep_most_are_let_go_before_who_is_idle(tmp_path: Path) -> None:
    """Each of the others spoke several times between two of its packets."""
    heads = replace(next(one for one in ATTACKS if one.name == "heads that go on"), counter="connections.memory")
    found = served_beside(heads, SCARCE, tmp_path, exchanges=1)
    assert not any("midstream" in one for one in found.records if one["destination"]["ip"] == "192.168.0.9")


def test_a_share_holds_a_small_body_however_many_connections_there_are(tmp_path: Path) -> None:
    served_beside(BEGUN_BODIES, {"maxMemory": MAX_MEMORY, "maxConcurrentConnections": 3000}, tmp_path)


def served_beside(attack: Attack, limits: dict[str, int], folder: Path, exchanges: int = 20) -> Replayed:
    body = json.dumps({"text": bytes(range(32, 127)).decode() * 35}).encode()  # what cannot be searched is withheld
    beside = Conversation(client=("192.168.0.9", 50_000)).open()
    for number in range(exchanges):
        beside.exchange(
            b"GET /%d HTTP/1.1\r\nHost: shop.example\r\n\r\n" % number,
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body,
        )
    captured = among(frames(beside.close().segments), attack.frames(attack.beside))
    found = replay(folder, [pcap(captured)], {**attack.config, **limits}, validated=False)
    served = [one for one in found.records if one["destination"]["ip"] == "192.168.0.9"]
    assert [one["direction"] for one in served] == ["request", "response"] * exchanges
    assert all(one["complete"] for one in served)
    assert [one["path"] for one in served[::2]] == [f"/{number}" for number in range(exchanges)]
    assert {one["body"] for one in served[1::2]} == {body.decode()}
    gauges = found.stats["gauges"]
    assert gauges["memoryPeak"] <= gauges["memoryLimit"] + MIB  # a packet's worth above it
    if attack.counter:
        assert found.stat(attack.counter) > 0
    return found


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
