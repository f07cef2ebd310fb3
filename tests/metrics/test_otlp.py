"""Metrics by OTLP, into a real OpenTelemetry Collector."""

from __future__ import annotations

from pathlib import Path

import pytest
from otel import Receiver, attributes, collecting
from servers import forwarding
from sniffing import Sniffing, until
from target import ask

# Milliseconds; the usual one is a minute.
OFTEN = {"OTEL_METRIC_EXPORT_INTERVAL": "300"}
DURATION = "http.server.request.duration"


def exported(port: int) -> tuple[str, str]:
    return "--otlp-endpoint", f"http://127.0.0.1:{port}"


def counted(receiver: Receiver) -> int:
    return sum(int(point["count"]) for point in receiver.points(DURATION))


async def test_names_attributes_and_numbers(tmp_path: Path, target: int, receiver: Receiver) -> None:
    """Those of the semantic conventions for HTTP metrics and for Kubernetes."""
    places = {"POD_NAME": "shop-1", "NAMESPACE": "prod", "NODE_NAME": "node-7"}
    env = OFTEN | places | {"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test"}
    async with (
        collecting(tmp_path, receiver) as port,
        Sniffing(tmp_path / "s", "--ports", str(target), *exported(port), env=env) as sniffing,
    ):
        await sniffing.until_event("start")
        await ask(target, "GET", "/200/3000", count=3)
        await ask(target, "POST", "/503/1", body=b"y" * 500)
        await until(lambda: counted(receiver) == 4, "the metrics")
        assert await sniffing.stop() == 0

    resource = receiver.resource
    assert resource.pop("service.instance.id")
    assert resource.items() >= {
        ("service.name", "tcp-sniffer"),
        ("k8s.pod.name", "shop-1"),
        ("k8s.namespace.name", "prod"),
        ("k8s.node.name", "node-7"),
        ("deployment.environment.name", "test"),
    }
    metric = receiver.metrics[DURATION]
    assert metric["unit"] == "s"
    assert metric["histogram"]["aggregationTemporality"] == 2  # cumulative
    ok, failed = sorted(receiver.points(DURATION), key=lambda point: -int(point["count"]))
    common = {"url.scheme": "http", "server.port": target}
    assert attributes(ok) == {"http.request.method": "GET", "http.response.status_code": 200, **common}
    assert attributes(failed) == {
        "http.request.method": "POST",
        "http.response.status_code": 503,
        "error.type": "503",
        **common,
    }
    # The boundaries that the conventions advise.
    assert ok["explicitBounds"] == [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
    assert sum(map(int, ok["bucketCounts"])) == 3
    assert len(ok["bucketCounts"]) == 15
    assert 0 < ok["sum"] < 60
    assert int(ok["startTimeUnixNano"]) < int(ok["timeUnixNano"])
    sizes = {name: receiver.points(f"http.server.{name}.body.size") for name in ("request", "response")}
    assert sorted(point["sum"] for point in sizes["response"]) == [1, 9000]
    assert sorted(point.get("sum", 0) for point in sizes["request"]) == [0, 500]
    assert receiver.metrics["http.server.response.body.size"]["unit"] == "By"


async def test_the_ledger_goes_with_them(tmp_path: Path, target: int, receiver: Receiver) -> None:
    async with collecting(tmp_path, receiver) as port:
        options = ["--ports", str(target), "--output-stdout", *exported(port)]
        async with Sniffing(tmp_path / "s", *options, env=OFTEN) as sniffing:
            await sniffing.until_event("start")
            await ask(target, count=2)
            await until(lambda: counted(receiver) == 2, "the metrics")
            assert await sniffing.stop() == 0
    messages = {attributes(point)["reason"]: int(point["asInt"]) for point in receiver.points("tcp_sniffer.messages")}
    assert (messages["produced"], messages["delivered"]) == (4, 4)
    assert receiver.metrics["tcp_sniffer.messages"]["sum"]["isMonotonic"] is True
    (delivered,) = receiver.points("tcp_sniffer.sink.delivered")
    assert (attributes(delivered), delivered["asInt"]) == ({"sink": "stdout"}, "4")
    assert int(receiver.points("tcp_sniffer.memory_limit")[0]["asInt"]) > 0


async def test_the_last_numbers_go_out_at_the_end(tmp_path: Path, target: int, receiver: Receiver) -> None:
    """The usual interval is a minute: a pod that ends before does not take its numbers with it."""
    async with collecting(tmp_path, receiver) as port:
        async with Sniffing(tmp_path / "s", "--ports", str(target), *exported(port)) as sniffing:
            await sniffing.until_event("start")
            await sniffing.until_event("otlp_start")
            await ask(target, count=7)
            assert await sniffing.stop() == 0
        await until(lambda: receiver.requests, "the metrics")
    assert counted(receiver) == 7


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_own_exports_are_not_captured(tmp_path: Path, target: int, receiver: Receiver, host: str) -> None:
    """The collector's port is watched, and yet no export is seen, not even its SYN."""
    async with collecting(tmp_path, receiver) as port:
        options = ["--ports", f"{target},{port}", "--output-stdout", "--otlp-endpoint", f"http://{host}:{port}"]
        async with Sniffing(tmp_path / "s", *options, env=OFTEN) as sniffing:
            await sniffing.until_event("start")
            await ask(target)
            await until(lambda: len(receiver.requests) >= 4, "some exports")
            assert await sniffing.stop() == 0
    assert {record["receiver"]["port"] for record in sniffing.records} == {target}
    assert sniffing.stats["connections"]["opened"] == 1
    assert sniffing.stats["packets"]["own_delivery"] > 0
    assert {attributes(point)["server.port"] for point in receiver.points(DURATION)} == {target}


async def test_behind_a_proxy_they_are_known_by_their_header(tmp_path: Path, target: int, receiver: Receiver) -> None:
    """What goes on from the proxy is captured: a delivery, which is posted nowhere and counted in no histogram."""
    async with collecting(tmp_path, receiver) as port, forwarding(port) as proxy:
        options = ["--ports", f"{target},{port}", "--output-stdout", *exported(proxy)]
        options += ["--output-url", f"http://127.0.0.1:{target}/200/0"]
        async with Sniffing(tmp_path / "s", *options, env=OFTEN) as sniffing:
            await sniffing.until_event("start")
            await until(lambda: len(receiver.requests) >= 4, "some exports")
            assert await sniffing.stop() == 0
    exports = [record for record in sniffing.records if record["receiver"]["port"] == port]
    assert len([record for record in exports if record["direction"] == "request"]) >= 3
    posts = sniffing.stats["sinks"]["http"]
    assert posts["dropped"] == {"self_delivery": len(exports)}
    assert posts["delivered"] == 0
    assert receiver.points(DURATION) == []
