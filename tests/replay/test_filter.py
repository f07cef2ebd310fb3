"""`ports` and `captureFilter`: a replay applies the filter of a live capture."""

from __future__ import annotations

import pytest
from packets import Conversation, pcap
from packets.files import frames
from packets.links import COOKED2, ETHERNET, NULL, QINQ, RAW, VLAN, Link
from replay_case import merged
from replay_engine import Replay

from appliance.engine import CONFIG, EngineError

GET = b"GET / HTTP/1.1\r\n\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


def to(port: int, client: str = "10.0.0.2", client_port: int = 40000) -> Conversation:
    return Conversation((client, client_port), ("10.0.0.1", port)).open().exchange(GET, NO_CONTENT).close()


def receivers(replay: Replay, *conversations: Conversation, link: Link = ETHERNET, **config: object) -> list[int]:
    """The ports of those that got a request."""
    result = replay(pcap(frames(merged(*conversations), link=link), link=link), **config)
    return sorted(r["receiver"]["port"] for r in result.records if r["direction"] == "request")


def test_ports_and_ranges(replay: Replay) -> None:
    """Both ends of a range are in it."""
    conversations = [to(port) for port in (80, 8079, 8080, 8081, 8999, 9000, 9050, 9100, 9101)]
    assert receivers(replay, *conversations, ports=[80, 8080, "9000-9100"]) == [80, 8080, 9000, 9050, 9100]


def test_every_port(replay: Replay) -> None:
    """Where both ends have a configured port, the one that got the SYN is the server."""
    assert receivers(replay, to(80), to(8080), ports=["1-65535"]) == [80, 8080]


def test_the_client_may_have_a_configured_port(replay: Replay) -> None:
    """A proxy that connects onward from one of the ports: the side that got the SYN is the receiver."""
    assert receivers(replay, to(8081, client_port=8080), ports=[8080, 8081]) == [8081]


def test_both_configured_and_joined_midway(replay: Replay) -> None:
    """Without a SYN the side that first answers like a server is the receiver."""
    midway = Conversation(("10.0.0.2", 8080), ("10.0.0.1", 8081)).exchange(GET, NO_CONTENT).exchange(GET, NO_CONTENT)
    result = replay(pcap(frames(midway.segments)), ports=[8080, 8081])
    assert {(r["receiver"]["port"], r["destination"]["port"]) for r in result.records} == {(8081, 8080)}
    assert [r["direction"] for r in result.records] == ["request", "response"] * 2


@pytest.mark.parametrize("link", [ETHERNET, VLAN, QINQ, COOKED2, RAW, NULL], ids=lambda link: link.name)
def test_capture_filter_is_anded(replay: Replay, link: Link) -> None:
    """Also behind one VLAN tag, or two."""
    wanted, other = to(8080, "10.0.0.2"), to(8080, "10.0.0.3")
    result = replay(pcap(frames(merged(wanted, other), link=link), link=link), captureFilter="host 10.0.0.2")
    assert {r["destination"]["ip"] for r in result.records} == {"10.0.0.2"}
    assert len(result.records) == 2


def test_an_or_in_the_filter_stays_in_its_brackets(replay: Replay) -> None:
    """`or` must not let other ports in."""
    conversations = [to(80), to(8080, "10.0.0.2"), to(8080, "10.0.0.3"), to(8080, "10.0.0.4")]
    kept = receivers(replay, *conversations, captureFilter="host 10.0.0.2 or host 10.0.0.3")
    assert kept == [8080, 8080]


@pytest.mark.parametrize("text", ["host", "tcp port", "no such thing", "host 10.0.0.2)", "(host 10.0.0.2"])
def test_a_filter_that_does_not_compile_is_a_configuration_error(replay: Replay, text: str) -> None:
    with pytest.raises(EngineError) as error:
        replay(pcap([]), captureFilter=text)
    assert error.value.status == CONFIG
    assert text in str(error.value)
    assert "captureFilter" in str(error.value)


def test_a_filter_cannot_close_our_bracket(replay: Replay) -> None:
    """`x) or (y` compiles inside brackets of ours, and would let everything in."""
    with pytest.raises(EngineError) as error:
        replay(pcap(frames(to(80).segments)), captureFilter="host 10.0.0.2) or (tcp")
    assert error.value.status == CONFIG
