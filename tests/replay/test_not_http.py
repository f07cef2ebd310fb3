"""What is not HTTP/1 is named once per connection, with its first bytes, and makes no records."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from expected import request, response
from packets import Conversation, pcap
from packets.files import frames
from replay_case import Case, check, every_variant, merged
from replay_engine import Replay
from variants import VARIANTS

GET = b"GET / HTTP/1.1\r\n\r\n"


def extension(kind: int, content: bytes) -> bytes:
    return struct.pack("!HH", kind, len(content)) + content


def client_hello(name: bytes, protocols: tuple[bytes, ...], padding: int = 0) -> bytes:
    """RFC 8446 section 4.1.2, with server_name (RFC 6066) and ALPN (RFC 7301)."""
    names = struct.pack("!BH", 0, len(name)) + name
    alpn = b"".join(bytes([len(protocol)]) + protocol for protocol in protocols)
    extensions = (
        extension(21, bytes(padding))
        + extension(0, struct.pack("!H", len(names)) + names)
        + extension(16, struct.pack("!H", len(alpn)) + alpn)
    )
    body = b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00"
    body += struct.pack("!H", len(extensions)) + extensions
    handshake = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack("!H", len(handshake)) + handshake


SERVER_HELLO = b"\x16\x03\x03\x00\x04\x02\x00\x00\x00"

CLIENT_FIRST = {
    "TLS": client_hello(b"example.org", (b"h2", b"http/1.1")),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "Redis": b"*1\r\n$4\r\nPING\r\n",
    "PROXY protocol": b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12),
    "PostgreSQL": b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
    "AMQP": b"AMQP\x00\x00\x09\x01",
    "MQTT": b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02id",
    "RTSP": b"OPTIONS rtsp://10.0.0.1/a RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    "SIP": b"INVITE sip:bob@10.0.0.1 SIP/2.0\r\nTo: x\r\n\r\n",
    "unknown": b"\xde\xad\xbe\xef\x00\x01\x02\x03",
}

CASES = [
    Case(
        name,
        "known by its first bytes",
        Conversation().open().exchange(data, b"\x15\x03\x03\x00\x02\x02\x28").exchange(data, data).close(),
        [],
        stats={"streams.not_http": 1, "messages.produced": 0},
        events=[{"event": "not_http", "protocol": name, "firstBytes": data[:4].hex()}],
    )
    for name, data in CLIENT_FIRST.items()
]


def not_http(replay: Replay, conversation: Conversation) -> list[dict[str, Any]]:
    return [e for e in replay(pcap(frames(conversation.segments))).events if e["event"] == "not_http"]


def named(replay: Replay, conversation: Conversation) -> list[str]:
    """The protocols that the log names."""
    return [event["protocol"] for event in not_http(replay, conversation)]


@every_variant(*CASES)
def test_not_http(case: Case, variant: str, replay: Replay) -> None:
    result = check(case, variant, replay)
    assert result.stat("streams.not_http") == 1


@pytest.mark.parametrize(
    ("name", "banner"),
    [
        ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("SMTP or FTP", b"220 mail.example.org ESMTP\r\n"),
        ("MySQL", b"\x4a\x00\x00\x00\x0a8.0.33\x00" + bytes(60)),
        ("POP3", b"+OK ready\r\n"),
        ("IMAP", b"* OK ready\r\n"),
        ("VNC", b"RFB 003.008\n"),
        ("NATS", b'INFO {"server_id":"x"}\r\n'),
    ],
)
def test_the_server_speaks_first(replay: Replay, name: str, banner: bytes) -> None:
    """HTTP's server never does (but for an old 408): its greeting names the protocol."""
    result = replay(pcap(frames(Conversation().open().server(banner).client(b"HELP me\r\n").close().segments)))
    events = [event for event in result.events if event["event"] == "not_http"]
    assert [event["protocol"] for event in events] == [name]
    assert result.records == []


def test_a_redis_command_of_many_words(replay: Replay) -> None:
    words = [b"HSET", b"key", *[b"field"] * 10]
    command = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
    assert named(replay, Conversation().open().exchange(command, b":1\r\n").close()) == ["Redis"]


def test_empty_lines_before_the_first_bytes(replay: Replay) -> None:
    """Passed over where a request follows; the log shows what came."""
    assert named(replay, Conversation().open().client(b"\r\nSSH-2.0-x\r\n").close()) == ["SSH"]
    conversation = Conversation().open().client(b"\r\n\xde\xad\xbe\xef").close()
    (event,) = not_http(replay, conversation)
    assert (event["protocol"], event["firstBytes"]) == ("unknown", "0d0adead")


def test_tls_joined_midway(replay: Replay) -> None:
    """No hello names it any more: the records' own heads do."""
    data = b"\x17\x03\x03\x00\x10" + bytes(16)
    assert named(replay, Conversation().server(data).client(data).exchange(data, data).close()) == ["TLS"]


@pytest.mark.parametrize("header", [CLIENT_FIRST["PROXY protocol"], b"PROXY TCP4 10.0.0.9 10.0.0.1 5000 8080\r\n"])
def test_http_behind_the_proxy_protocol(replay: Replay, header: bytes) -> None:
    """The header is a balancer's. The client's requests follow it: found by their look, once the server has spoken."""
    answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    conversation = Conversation().open().client(header).exchange(GET, answer).exchange(GET, answer).close()
    result = replay(pcap(frames(conversation.segments)))
    assert [event["protocol"] for event in result.events if event["event"] == "not_http"] == ["PROXY protocol"]
    assert [record.get("path", record.get("statusCode")) for record in result.records] == [204, "/", 204]


def test_in_a_flood_the_log_says_how_many_lines_it_lacks(replay: Replay) -> None:
    """Of each kind some are written, and the others counted, here as in the ledger."""
    flood = [Conversation(("10.0.0.2", 20000 + number)).open().client(b"\x01\x02\x03\x04") for number in range(400)]
    result = replay(pcap(frames(merged(*flood))))
    lines = [event for event in result.events if event["event"] == "not_http"]
    withheld = [event for event in result.events if event["event"] == "withheld"]
    assert {event["kind"] for event in withheld} == {"not_http"}
    assert len(lines) + sum(event["lines"] for event in withheld) == 400
    assert sum(event["lines"] for event in withheld) == result.stat("streams.events_withheld")


@pytest.mark.parametrize("variant", VARIANTS)
def test_tls_names_its_server_and_protocols(replay: Replay, variant: str) -> None:
    """The SNI and ALPN of the ClientHello tell whose ciphertext this is."""
    hello = client_hello(b"example.org", (b"h2", b"http/1.1"))
    conversation = Conversation().open().exchange(hello, SERVER_HELLO).close()
    result = replay(pcap(frames(VARIANTS[variant](conversation.segments))))
    (event,) = [event for event in result.events if event["event"] == "not_http"]
    assert event["protocol"] == "TLS"
    if variant not in ("split at every byte", "split in threes"):
        assert (event["sni"], event["alpn"]) == ("example.org", "h2,http/1.1")


def test_a_client_hello_in_two_segments_is_named_in_full(replay: Replay) -> None:
    """With post-quantum keys a hello takes two segments; the name may stand in the second."""
    hello = client_hello(b"example.org", (b"h2",), padding=1500)
    conversation = Conversation().open().exchange(hello, SERVER_HELLO).close()
    result = replay(pcap(frames(conversation.segments)))
    (event,) = [event for event in result.events if event["event"] == "not_http"]
    assert (event["sni"], event["alpn"]) == ("example.org", "h2")


def test_samples_only_where_asked_for(replay: Replay) -> None:
    """`logSamples`: 32 bytes at most, never without."""
    data = bytes(range(200, 250)) * 2
    capture = pcap(frames(Conversation().open().client(data).close().segments))
    (plain,) = [e for e in replay(capture).events if e["event"] == "not_http"]
    (sampled,) = [e for e in replay(capture, logSamples=True).events if e["event"] == "not_http"]
    assert "sample" not in plain
    assert 0 < len(sampled["sample"]) <= 4 * 32


AFTER_HTTP = (
    Case(
        "another protocol behind an exchange",
        "an h2c preface, or anything else, on a connection that spoke HTTP/1 before: what was HTTP stays",
        Conversation()
        .open()
        .exchange(GET, b"HTTP/1.1 204 No Content\r\n\r\n")
        .client(b"\x00\x01\x02\x03 binary")
        .server(b"\x04\x05\x06\x07 more")
        .close(),
        [request("GET", "/"), response(204, "No Content", to="GET /")],
        stats={"messages.produced": 2},
    ),
    Case(
        "a connection without data",
        "a health check of TCP alone: nothing to say",
        Conversation().open().close(),
        [],
        stats={"streams.not_http": 0, "connections.opened": 1},
        events=[],
    ),
)


@every_variant(*AFTER_HTTP)
def test_beside_http(case: Case, variant: str, replay: Replay) -> None:
    check(case, variant, replay)
