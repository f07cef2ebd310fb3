"""Real servers and clients over a real wire: what the client got is what the records say."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from network import CLIENT, SERVER, SERVER_VLAN, Namespace, Network
from processes import AIOHTTP_PORT, NGINX_PORT, Listen, tcpdump
from replay_engine import replay_files


def url(address: str, port: int, path: str) -> str:
    return f"http://[{address}]:{port}{path}" if ":" in address else f"http://{address}:{port}{path}"


def curl(place: Namespace, *arguments: str) -> bytes:
    command = place.inside("curl", "-sS", "--noproxy", "*", "--max-time", "30", *arguments)
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60).stdout


def body(record: dict[str, Any]) -> bytes:
    text: str = record.get("body", "")
    return base64.b64decode(text) if record.get("bodyEncoding") == "base64" else text.encode()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pairs(records: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Each request with its final response."""
    asked = [r for r in records if r["direction"] == "request"]
    answered = {
        (r["connectionId"], r["exchange"]): r for r in records if r["direction"] == "response" and not r.get("interim")
    }
    return [(r, answered[r["connectionId"], r["exchange"]]) for r in asked]


def assert_whole(records: list[dict[str, Any]]) -> None:
    for record in records:
        assert record["complete"], record
        assert "midstream" not in record


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize("address", SERVER)
def test_keep_alive(network: Network, listen: Listen, address: str) -> None:
    """curl asks four times on one connection, over IPv4 and IPv6."""
    sniffer = listen("--interface", "wire")
    target = url(address, NGINX_PORT, "/small.json")
    got = curl(network.client, target, target, target, url(address, NGINX_PORT, "/absent"))
    records = sniffer.stop()
    assert_whole(records)
    assert [r["exchange"] for r, _ in pairs(records)] == [0, 1, 2, 3]
    assert [r["statusCode"] for _, r in pairs(records)] == [200, 200, 200, 404]
    assert len({r["connectionId"] for r in records}) == 1
    assert b"".join(body(r) for _, r in pairs(records)) == got
    assert records[0]["receiver"] == {"ip": address, "port": NGINX_PORT}
    assert records[0]["destination"]["ip"] in CLIENT
    assert all(r["latencyMs"] >= 0 for _, r in pairs(records))


@pytest.mark.usefixtures("servers")
def test_every_kind_of_framing(network: Network, listen: Listen, tmp_path: Path) -> None:
    """Chunked, HEAD, until close, 100-continue, as real programs write them."""
    sniffer = listen("--interface", "wire")
    upload = tmp_path / "upload"
    upload.write_bytes(b"x" * 300_000)

    def ask(path: str, *arguments: str) -> bytes:
        return curl(network.client, *arguments, url(SERVER[0], AIOHTTP_PORT, path))

    assert ask("/chunked") == b"one two three"
    ask("/text", "--head")
    assert ask("/close", "--http1.0") == b"until the end"
    expect = ("-H", "Expect: 100-continue", "--expect100-timeout", "10")
    assert ask("/echo", *expect, "--data-binary", f"@{upload}") == upload.read_bytes()
    assert ask("/echo", "-H", "Transfer-Encoding: chunked", "--data-binary", "@-", "-X", "POST") == b""
    records = sniffer.stop()
    assert_whole(records)
    exchanges = pairs(records)
    assert [(r["method"], r["path"]) for r, _ in exchanges] == [
        ("GET", "/chunked"),
        ("HEAD", "/text"),
        ("GET", "/close"),
        ("POST", "/echo"),
        ("POST", "/echo"),
    ]
    assert [body(r) for _, r in exchanges[:3]] == [b"one two three", b"", b"until the end"]
    assert body(exchanges[3][0]) == body(exchanges[3][1]) == upload.read_bytes()
    interim = [r for r in records if r.get("interim")]
    assert [r["statusCode"] for r in interim] == [100]
    assert interim[0]["exchange"] == exchanges[3][0]["exchange"]


@pytest.mark.parametrize("address", SERVER)
def test_large_bodies(
    network: Network, servers: dict[str, bytes], listen: Listen, tmp_path: Path, address: str
) -> None:
    """10 MB in packets of up to 64 KB, as segmentation offload hands them over, both ways."""
    upload = tmp_path / "upload"
    upload.write_bytes(servers["big.bin"])
    sniffer = listen("--interface", "wire")
    got = curl(network.client, url(address, NGINX_PORT, "/big.bin"))
    assert got == servers["big.bin"]
    curl(network.client, "--data-binary", f"@{upload}", url(address, AIOHTTP_PORT, "/echo"), "-o", "/dev/null")
    records = sniffer.stop()
    assert_whole(records)
    (_, downloaded), (uploaded, echoed) = pairs(records)
    for record in (downloaded, uploaded, echoed):
        assert digest(body(record)) == digest(got)
        assert record["bodySize"] == len(got)


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("interface", ["lo", "any"])
def test_loopback(network: Network, listen: Listen, interface: str, address: str) -> None:
    """On `lo`, and on `any` which shows it twice, each exchange is told once."""
    sniffer = listen("--interface", interface)
    got = curl(network.server, url(address, NGINX_PORT, "/2k.txt"), url(address, NGINX_PORT, "/2k.txt"))
    records = sniffer.stop()
    assert_whole(records)
    assert b"".join(body(r) for _, r in pairs(records)) == got
    assert len(records) == 4


@pytest.mark.usefixtures("servers")
@pytest.mark.parametrize("address", SERVER_VLAN)
@pytest.mark.parametrize("interface", ["wire", "wire.42", "any"])
def test_vlan(network: Network, listen: Listen, interface: str, address: str) -> None:
    """Tagged on the wire, untagged on the VLAN's interface, both on `any`: told once each time."""
    sniffer = listen("--interface", interface)
    got = curl(network.client, url(address, NGINX_PORT, "/2k.txt"))
    records = sniffer.stop()
    assert_whole(records)
    assert [r["direction"] for r in records] == ["request", "response"]
    assert body(records[1]) == got


@pytest.mark.usefixtures("servers")
def test_directions(network: Network, listen: Listen) -> None:
    """Seen from the server: its clients' requests are inbound, those it makes itself outbound."""
    inbound, outbound = listen("--capture-direction", "inbound"), listen("--capture-direction", "outbound")
    curl(network.client, url(SERVER[0], NGINX_PORT, "/small.json"))
    assert len(inbound.stop()) == 2
    assert outbound.stop() == []
    assert outbound.stats["packets"]["other_direction"] > 0


@pytest.mark.usefixtures("servers")
def test_seen_from_the_client(network: Network, listen: Listen) -> None:
    """Outgoing packets, whose checksums are not there yet, are used as incoming ones are."""
    sniffer = listen("--interface", "wire", "--capture-direction", "outbound", place=network.client)
    got = curl(network.client, url(SERVER[0], NGINX_PORT, "/2k.txt"))
    records = sniffer.stop()
    assert_whole(records)
    assert body(records[1]) == got


@pytest.mark.usefixtures("servers")
def test_through_a_proxy(network: Network, listen: Listen) -> None:
    """nginx passes the request on: on `any` both exchanges are seen, each with its own ends."""
    sniffer = listen("--interface", "any")
    got = curl(network.client, url(SERVER[0], NGINX_PORT, "/proxy/chunked"))
    records = sniffer.stop()
    assert_whole(records)
    assert sorted(r["receiver"]["port"] for r, _ in pairs(records)) == [NGINX_PORT, AIOHTTP_PORT]
    assert [body(answer) for _, answer in pairs(records)] == [got, got]


def stripped(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what depends on the clock of the socket that took a packet; bodies as digests."""
    clock = ("timestamp", "latencyMs", "connectionId")
    timeless = [{name: r[name] for name in r if name not in clock} | {"body": digest(body(r))} for r in records]
    return sorted(timeless, key=lambda r: (r["destination"]["port"], r["exchange"], r["direction"]))


@pytest.mark.usefixtures("servers")
def test_offline_is_live(network: Network, listen: Listen, tmp_path: Path) -> None:
    """What tcpdump wrote beside the sniffer gives the same records when it is replayed."""
    file = tmp_path / "beside.pcap"
    sniffer = listen("--interface", "wire")
    with tcpdump(network.server, "wire", file):
        for address in SERVER:
            target = url(address, NGINX_PORT, "/2k.txt")
            curl(network.client, target, target, url(address, AIOHTTP_PORT, "/chunked"))
            curl(network.client, "-I", target)
            curl(network.client, url(address, NGINX_PORT, "/big.bin"))
    live = sniffer.stop()
    replayed = replay_files(
        [str(file)],
        {"ports": [8080, 8081], "maxBodySize": 1 << 26, "maxRecordSize": 1 << 27, "maxMemory": 1 << 29},
    ).records
    assert len(live) == 20
    assert stripped(live) == stripped(replayed)
