"""`statusListen`: health, readiness, metrics."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from aiohttp import ClientSession
from servers import Collector, collecting, connected_to, get, unused_port
from sniffing import Sniffing, until


async def fetch(port: int, path: str) -> tuple[int, str]:
    async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


def descriptors(process: int) -> int:
    return len(list(Path("/proc", str(process), "fd").iterdir()))


async def test_health_readiness_and_metrics(tmp_path: Path, target: int, collector: Collector) -> None:
    port = unused_port()
    options = ["--ports", str(target), "--output-stdout", "--output-url", collector.url]
    async with Sniffing(tmp_path / "s", *options, "--status-listen", f"127.0.0.1:{port}") as sniffing:
        await sniffing.until_event("start")
        await get(target, 3)
        await until(lambda: len(collector.records) == 6, "the records")
        assert await fetch(port, "/healthz") == (200, "ok\n")
        assert await fetch(port, "/readyz") == (200, "ok\n")
        status, metrics = await fetch(port, "/metrics")
        assert await sniffing.stop() == 0
    assert status == 200
    samples = {line.rpartition(" ")[0]: line.rpartition(" ")[2] for line in metrics.splitlines() if line[0] != "#"}
    assert samples["tcp_sniffer_capture_open"] == "1"
    assert samples['tcp_sniffer_messages_total{reason="delivered"}'] == "6"
    assert samples['tcp_sniffer_sink_produced_total{sink="stdout"}'] == "6"
    assert samples['tcp_sniffer_sink_delivered_total{sink="http"}'] == "6"
    assert samples['tcp_sniffer_sink_queued{sink="http"}'] == "0"
    assert "tcp_sniffer_open_connections" in samples
    requests = 'http_server_request_duration_seconds_count{http_request_method="GET",url_scheme="http"'
    assert samples[f'{requests},server_port="{target}",http_response_status_code="200"}}'] == "3"


async def test_a_capture_that_has_ended_is_not_ready(tmp_path: Path, target: int) -> None:
    """Though what it captured waits for a collector that hangs; alive it is."""
    port = unused_port()
    async with collecting(Collector(delay=30)) as collector:
        options = ["--ports", str(target), "--output-url", collector.url, "--shutdown-timeout-ms", "20000"]
        async with Sniffing(tmp_path / "s", *options, "--status-listen", f"127.0.0.1:{port}") as sniffing:
            await get(target)
            await until(lambda: collector.posts, "a POST")
            assert await fetch(port, "/readyz") == (200, "ok\n")
            sniffing.signal()
            for _ in range(100):  # until what the kernel holds was read
                if (status := (await fetch(port, "/readyz"))[0]) != 200:
                    break
                await asyncio.sleep(0.05)
            assert status == 503
            assert (await fetch(port, "/healthz"))[0] == 200
            assert "tcp_sniffer_capture_open 0" in (await fetch(port, "/metrics"))[1]


async def test_connections_that_ask_nothing_keep_no_probe_out(tmp_path: Path, target: int) -> None:
    """The oldest make room: neither descriptors nor memory are theirs to take."""
    port = unused_port()
    options = ["--ports", str(target), "--output-stdout", "--status-listen", f"127.0.0.1:{port}"]
    async with Sniffing(tmp_path / "s", *options) as sniffing, AsyncExitStack() as opened:
        await sniffing.until_event("start")
        await get(target)
        await sniffing.until_records(2)
        peers = [await opened.enter_async_context(connected_to(port)) for _ in range(200)]
        assert (await fetch(port, "/healthz"))[0] == 200
        ends = await asyncio.gather(*(asyncio.wait_for(reader.read(), 5) for reader, _ in peers[:100]))
        held = descriptors(sniffing.process.pid)
        assert await sniffing.stop() == 0
    assert ends == [b""] * 100
    assert held < 100


async def test_an_address_that_is_taken_is_a_warning(tmp_path: Path, target: int) -> None:
    options = ["--ports", str(target), "--output-stdout", "--status-listen", f"127.0.0.1:{target}"]
    async with Sniffing(tmp_path / "s", *options) as sniffing:
        warning = await sniffing.until_event("status_not_listening")
        await get(target)
        await sniffing.until_records(2)
        assert await sniffing.stop() == 0
    assert warning["level"] == "warning"


async def test_idle_is_healthy_but_not_ready(tmp_path: Path) -> None:
    port = unused_port()
    options = ["--interface", "nowhere0", "--ports", "80", "--on-fatal", "idle", "--status-listen", f"127.0.0.1:{port}"]
    sniffing = Sniffing(tmp_path / "s", *options)
    async with await sniffing.start(state="idle"):
        await until(lambda: sniffing.events("idle"), "the log")
        assert (await fetch(port, "/healthz"))[0] == 200
        assert (await fetch(port, "/readyz"))[0] == 503
        assert "tcp_sniffer_capture_open 0" in (await fetch(port, "/metrics"))[1]
        assert await sniffing.stop() == 0
