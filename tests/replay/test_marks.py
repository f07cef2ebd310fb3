"""What stands beside a record: its flags for the reader, and its source."""

from __future__ import annotations

import pytest
from packets import Conversation, pcap
from packets.files import frames
from replay_engine import Replay

from appliance.engine import CONNECTION, RESPONSE, SELF_DELIVERY

NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
GET = b"GET / HTTP/1.1\r\n\r\n"
DELIVERY = b"POST /in HTTP/1.1\r\nTcp-Sniffer-Delivery: a\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize("name", [b"Tcp-Sniffer-Delivery", b"tcp-sniffer-delivery"])
def test_a_sniffers_delivery_is_marked(replay: Replay, name: bytes) -> None:
    """Request and response of that exchange, so that neither is ever posted; the others not."""
    delivery = b"POST /in HTTP/1.1\r\n" + name + b": abc\r\nContent-Length: 2\r\n\r\n{}"
    conversation = Conversation().open().exchange(delivery, NO_CONTENT)
    conversation.exchange(b"GET / HTTP/1.1\r\n\r\n", NO_CONTENT).close()
    result = replay(pcap(frames(conversation.segments)))
    assert result.flags == [SELF_DELIVERY, SELF_DELIVERY | RESPONSE, 0, RESPONSE]


def test_a_delivery_is_marked_when_its_head_is_too_long(replay: Replay) -> None:
    """The header stands behind maxHeaderSize: the loop must not start for that."""
    ask = b"POST /in HTTP/1.1\r\nA: " + b"x" * 500 + b"\r\nTcp-Sniffer-Delivery: a\r\nContent-Length: 2\r\n\r\n{}"
    result = replay(pcap(frames(Conversation().open().exchange(ask, NO_CONTENT).close().segments)), maxHeaderSize=256)
    assert result.flags == [SELF_DELIVERY, SELF_DELIVERY | RESPONSE]


def opened() -> Conversation:
    """A connection that carried a delivery."""
    return Conversation().open().exchange(DELIVERY, NO_CONTENT)


CUT = DELIVERY[:30]  # the header is behind it

UNPAIRED = {
    "joined midway": Conversation().exchange(DELIVERY, NO_CONTENT).exchange(DELIVERY, NO_CONTENT),
    "a gap in a delivery's head": opened().client(CUT).lost(client=len(DELIVERY) - len(CUT)).server(NO_CONTENT),
    "a delivery that was not seen": opened().client(DELIVERY, lost=True).server(NO_CONTENT),
    "a gap in an answer": opened()
    .client(DELIVERY)
    .server(NO_CONTENT[:25])
    .lost(server=2)
    .exchange(DELIVERY, NO_CONTENT),
}


@pytest.mark.parametrize("conversation", UNPAIRED.values(), ids=UNPAIRED.keys())
def test_what_may_belong_to_a_delivery_is_marked(replay: Replay, conversation: Conversation) -> None:
    """Without its request, or with a head that is cut, on a connection that carried deliveries: one more would loop."""
    result = replay(pcap(frames(conversation.close().segments)))
    unsure = [
        flags & SELF_DELIVERY
        for flags, record in zip(result.flags, result.records, strict=True)
        if record["direction"] == "response" or not record["complete"]
    ]
    assert len(unsure) >= 2
    assert all(unsure)


def test_the_end_of_a_connection_that_carried_deliveries_is_marked(replay: Replay) -> None:
    """Posted, it would end one more connection, and so on for ever."""
    other = Conversation(("10.0.0.3", 40000), start_ms=100).open().exchange(GET, NO_CONTENT).close()
    capture = pcap(frames([*opened().close().segments, *other.segments]))
    result = replay(capture, outputConnections=True)
    assert result.connection_flags == [CONNECTION | SELF_DELIVERY, CONNECTION]


def test_source(replay: Replay) -> None:
    """Where a record comes from, as far as it is known."""
    capture = pcap(frames(Conversation().open().exchange(b"GET / HTTP/1.1\r\n\r\n", NO_CONTENT).close().segments))
    source = {"pod": "shop-1", "namespace": "default", "node": 'n"1'}
    result = replay(capture, source=source, outputConnections=True)
    assert [record["source"] for record in result.records + result.connections] == [source] * 3
    assert replay(capture, source={"pod": "shop-1"}).records[0]["source"] == {"pod": "shop-1"}
    assert "source" not in replay(capture).records[0]
