"""`outputConnections`: a record at each connection's end."""

from __future__ import annotations

from typing import Any

import pytest
from packets import Conversation, pcap
from packets.files import frames
from replay_case import merged
from replay_engine import Replay

GET = b"GET / HTTP/1.1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"


def ended(replay: Replay, *conversations: Conversation, **config: Any) -> list[dict[str, Any]]:
    return replay(pcap(frames(merged(*conversations))), outputConnections=True, **config).connections


def test_a_connection_and_what_it_carried(replay: Replay) -> None:
    """Both directions: packets, bytes of data and messages; how long it took; how it ended."""
    conversation = Conversation().open().exchange(GET, OK).wait(49.4).exchange(GET, OK).close()
    (record,) = ended(replay, conversation)
    assert record.pop("connectionId")
    assert record == {
        "timestamp": "2023-11-14T22:13:20.000000Z",
        "receiver": {"ip": "10.0.0.1", "port": 8080},
        "destination": {"ip": "10.0.0.2", "port": 40000},
        "direction": "connection",
        "durationMs": pytest.approx(50.7, abs=0.2),
        "end": "fin",
        "protocol": "http",
        "packets": {"client": 7, "server": 6},
        "bytes": {"client": 2 * len(GET), "server": 2 * len(OK)},
        "missingBytes": {"client": 0, "server": 0},
        "messages": {"client": 2, "server": 2},
    }


def test_its_messages_have_the_same_id(replay: Replay) -> None:
    """The connection's record comes behind its messages and can be joined to them."""
    first = Conversation().open().exchange(GET, OK).close()
    second = Conversation(("10.0.0.3", 40000)).open().exchange(GET, OK).close()
    result = replay(pcap(frames(merged(first, second))), outputConnections=True)
    ids = {record["destination"]["ip"]: record["connectionId"] for record in result.connections}
    assert len(set(ids.values())) == 2
    assert all(record["connectionId"] == ids[record["destination"]["ip"]] for record in result.records)


ENDS = {
    "fin": Conversation().open().exchange(GET, OK).close(),
    "reset": Conversation().open().exchange(GET, OK).server_rst(),
    "capture_end": Conversation().open().exchange(GET, OK),
}


@pytest.mark.parametrize(("end", "conversation"), ENDS.items())
def test_how_it_ended(replay: Replay, end: str, conversation: Conversation) -> None:
    assert [record["end"] for record in ended(replay, conversation)] == [end]


def test_replaced(replay: Replay) -> None:
    old = Conversation().open().exchange(GET, OK)
    new = Conversation(client_isn=99_000_000, start_ms=100).open().exchange(GET, OK).close()
    assert [record["end"] for record in ended(replay, old, new)] == ["replaced", "fin"]


def test_evicted_and_idle(replay: Replay) -> None:
    old = Conversation().open().exchange(GET, OK)
    new = Conversation(("10.0.0.3", 40000), start_ms=5000).open().exchange(GET, OK).close()
    assert [record["end"] for record in ended(replay, old, new, maxConcurrentConnections=1)] == ["evicted", "fin"]
    assert [record["end"] for record in ended(replay, old, new, connectionIdleTimeoutMs=1000)] == [
        "idle_timeout",
        "fin",
    ]


def test_missing_bytes(replay: Replay) -> None:
    conversation = Conversation().open().client(GET).server(OK[:-5]).server(OK[-5:], lost=True).exchange(GET, OK)
    (record,) = ended(replay, conversation.close())
    assert record["missingBytes"] == {"client": 0, "server": 5}
    assert record["bytes"] == {"client": 2 * len(GET), "server": 2 * len(OK) - 5}


def test_joined_midway(replay: Replay) -> None:
    (record,) = ended(replay, Conversation().exchange(GET, OK).close())
    assert record["midstream"] is True


def test_conflicting_data(replay: Replay) -> None:
    conversation = Conversation().open().client(GET).server(OK[:-2], ack=False)
    conversation.server_at(len(OK) - 10, b"BBBBBBBB").server(OK[-2:]).close()
    (record,) = ended(replay, conversation)
    assert record["conflictingData"] is True


@pytest.mark.parametrize(
    ("data", "protocol"),
    [(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", "TLS"), (b"\xde\xad\xbe\xef\x00\x01\x02\x03", "unknown")],
)
def test_not_http(replay: Replay, data: bytes, protocol: str) -> None:
    """Also what made no messages: its bytes are counted."""
    (record,) = ended(replay, Conversation().open().client(data).close())
    assert record["protocol"].lower() == protocol.lower()
    assert record["bytes"]["client"] == len(data)
    assert record["messages"] == {"client": 0, "server": 0}


def test_off_by_default(replay: Replay) -> None:
    result = replay(pcap(frames(Conversation().open().exchange(GET, OK).close().segments)))
    assert result.connections == []
