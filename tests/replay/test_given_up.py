"""Which connections are given up: the least used where there are too many, and those that are idle."""

from __future__ import annotations

from packets import SYN, Conversation, Segment, pcap
from packets.conversation import MILLISECOND, START
from packets.files import frames
from packets.segment import End
from replay_case import in_order, merged
from replay_engine import Replay

SERVER = End("10.0.0.1", 8080)
GET = b"GET / HTTP/1.1\r\n\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


def half_open(number: int, start_ms: float) -> Conversation:
    """A connection that has sent half a body."""
    conversation = Conversation(("10.0.0.2", 40000 + number), start_ms=start_ms)
    return conversation.open().client(b"POST /%d HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf " % number)


def test_the_connection_cap_evicts_the_least_recently_used(replay: Replay) -> None:
    """What it held comes out as `evicted`; the connection is named in the log."""
    first, second, third = (half_open(number, 10.0 * number) for number in range(3))
    first.wait(15).client(b"and ", ack=False)
    result = replay(pcap(frames(merged(first, second, third))), maxConcurrentConnections=2)
    reasons = {record["path"]: record["incompleteReason"] for record in result.records}
    assert reasons == {"/0": "capture_end", "/1": "evicted", "/2": "capture_end"}
    assert result.stat("connections.evicted") == 1
    (event,) = [event for event in result.events if event["event"] == "evicted"]
    assert "40001" in str(event)


def test_an_answer_behind_the_eviction_of_its_connection(replay: Replay) -> None:
    """It begins no other one, in which a copy of the request would be told a second time."""
    first = Conversation().open().client(GET).client_at(0, GET).server(NO_CONTENT)
    shown = in_order(first, 0, 2, 3, 1, 5, 4)  # the answer between the request and its copy
    others = [Conversation(("10.0.0.3", port), start_ms=ms).open(answer=False) for port, ms in ((1, 0.05), (2, 0.25))]
    segments = sorted([*shown, *merged(*others)], key=lambda segment: segment.time)
    result = replay(pcap(frames(segments)), maxConcurrentConnections=1)
    assert [record["direction"] for record in result.records] == ["request", "response"]


def unanswered_syns(count: int) -> list[Segment]:
    """From as many ends, which need not exist."""
    ends = [End("10.9.9.9", 10_000 + number) for number in range(count)]
    return [
        Segment(time=START + (100 + number) * MILLISECOND, source=end, destination=SERVER, seq=number, flags=SYN)
        for number, end in enumerate(ends)
    ]


def test_a_flood_of_syns_leaves_those_that_have_spoken(replay: Replay) -> None:
    """What has only begun is given up first: who waits for an answer, or for its next request, is there afterwards."""
    waiting = Conversation().open().client(GET).wait(1000).server(NO_CONTENT).close()
    kept = Conversation(("10.0.0.3", 40000)).open().exchange(GET, NO_CONTENT).wait(1000).exchange(GET, NO_CONTENT)
    flood = unanswered_syns(200)
    segments = sorted([*merged(waiting, kept), *flood], key=lambda segment: segment.time)
    result = replay(pcap(frames(segments)), maxConcurrentConnections=20)
    assert [record["complete"] for record in result.records] == [True] * 6
    assert not any("midstream" in record for record in result.records)
    assert result.stat("connections.evicted") == 200 - 18


def test_those_that_have_spoken_leave_room_for_new_ones(replay: Replay) -> None:
    """A quarter of the connections: else no new one could begin where others are kept and never used."""
    kept = [half_open(number, start_ms=0) for number in range(20)]
    new = [Conversation(("10.0.0.4", 50000 + number), start_ms=100 + number / 10) for number in range(4)]
    for conversation in new:
        conversation.open().wait(10).exchange(GET, NO_CONTENT).close()
    result = replay(pcap(frames(merged(*kept, *new))), maxConcurrentConnections=20)
    told = [record for record in result.records if record["destination"]["ip"] == "10.0.0.4"]
    assert [(record["complete"], "midstream" in record) for record in told] == [(True, False)] * 8


def test_idle_connections_are_ended(replay: Replay) -> None:
    """Time is the packets': another connection's packet, later, shows that this one was idle."""
    idle = half_open(0, 0)
    later = Conversation(("10.0.0.3", 1), start_ms=1500).open().exchange(GET, NO_CONTENT).close()
    result = replay(pcap(frames(merged(idle, later))), connectionIdleTimeoutMs=1000)
    assert [r.get("incompleteReason") for r in result.records] == ["idle_timeout", None, None]
    assert result.stat("connections.idle_timeout") == 1
    assert result.stat("connections.fin") == 1


def test_a_connection_in_use_is_not_idle(replay: Replay) -> None:
    conversation = half_open(0, 0).wait(900).client(b"and ").wait(900).client(b"x").server(NO_CONTENT).close()
    result = replay(pcap(frames(conversation.segments)), connectionIdleTimeoutMs=1000)
    assert [r["complete"] for r in result.records] == [True, True]
    assert result.stat("connections.idle_timeout") == 0


def test_an_idle_connection_goes_on_as_one_joined_midway(replay: Replay) -> None:
    """Its state was dropped, so its next packet opens a new one."""
    conversation = Conversation().open().exchange(GET, NO_CONTENT).wait(5000).exchange(GET, NO_CONTENT).close()
    other = Conversation(("10.0.0.3", 1), start_ms=4000).open().exchange(GET, NO_CONTENT).close()
    result = replay(pcap(frames(merged(conversation, other))), connectionIdleTimeoutMs=1000)
    ours = [r for r in result.records if r["destination"]["ip"] == "10.0.0.2"]
    assert [r["statusCode"] for r in ours if r["direction"] == "response"] == [204, 204]
    assert ours[2]["midstream"] is True
    assert ours[0]["connectionId"] != ours[2]["connectionId"]
