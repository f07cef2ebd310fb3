"""`/metrics`, read by the real promtool and Prometheus, and the dashboard whose queries they answer."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from scraper import Prometheus, scraping
from servers import Collector, collecting, unused_port
from sniffing import Sniffing, until
from target import ask

from appliance.metrics import families, prometheus

DASHBOARD = json.loads((Path(__file__).parents[2] / "config" / "grafana-dashboard.json").read_text())
HISTOGRAM = {"counts": [1] * 4, "sum": 0.5}
VALUES = dict.fromkeys(("latency", "duration", "requestSize", "responseSize"), HISTOGRAM)
EXCHANGES: dict[str, Any] = {
    "bounds": {name: [1, 2, 3] for name in ("latency", "duration", "size")},
    "series": [
        {"side": "server", "port": 80, "method": "GET", "status": 404, "exchanges": 4, **VALUES},
        {"side": "client", "port": 80, "method": "GET", "status": 404, "exchanges": 4, **VALUES},
        {"side": "server", "port": 80, "method": "_OTHER", "exchanges": 4, **VALUES},
        {"side": "server", "other": True, "exchanges": 4, **VALUES},
    ],
}
SINKS = {"http": {"produced": 5, "delivered": 1, "queued": 1, "dropped": {"queue_full": 3}}}


def check_metrics(text: str) -> None:
    """That promtool neither refuses it nor has advice."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def samples(text: str) -> dict[str, float]:
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_every_kind_of_line_is_as_promtool_wants_it() -> None:
    text = prometheus.render(families({"sinks": SINKS, "gauges": {"memoryUsed": 7}}, EXCHANGES, capture_open=True))
    check_metrics(text)
    found = samples(text)
    one = 'http_request_method="GET",url_scheme="http",server_port="80",http_response_status_code="404"'
    duration = "http_server_request_duration_seconds"
    assert found[f'{duration}_bucket{{{one},le="1"}}'] == 1
    assert found[f'{duration}_bucket{{{one},le="+Inf"}}'] == 4
    assert found[f"{duration}_count{{{one}}}"] == 4
    assert found[f"{duration}_sum{{{one}}}"] == 0.5
    # For a server a 404 is an answer like another; for the client that gets it, an error.
    assert found[f'tcp_sniffer_http_client_exchanges_total{{{one},error_type="404"}}'] == 4
    rest = 'http_request_method="other",server_port="other",http_response_status_code="other"'
    assert found[f"tcp_sniffer_http_server_exchanges_total{{{rest}}}"] == 4
    assert found["tcp_sniffer_memory_used_bytes"] == 7


def test_nothing_is_measured_before_the_first_capture() -> None:
    text = prometheus.render(families({}, {}, capture_open=False))
    check_metrics(text)
    assert samples(text) == {"tcp_sniffer_capture_open": 0}


@pytest.fixture
async def scraped(tmp_path: Path, target: int) -> AsyncIterator[tuple[int, Prometheus]]:
    """A sniffer with two outputs, one of which fails, some traffic, and the Prometheus that watches it."""
    port = unused_port()
    async with collecting(Collector(lambda _: _refusal())) as broken:
        options = ["--ports", str(target), "--output-stdout", "--output-url", broken.url]
        options += ["--status-listen", f"127.0.0.1:{port}"]
        async with Sniffing(tmp_path / "s", *options) as sniffing:
            await sniffing.until_event("start")
            await ask(target, "GET", "/200/3000", count=2)
            async with scraping(tmp_path, port) as prometheus:
                await prometheus.until_data("tcp_sniffer_http_server_exchanges_total")
                await ask(target, "GET", "/200/3000", count=18)
                await ask(target, "POST", "/503/10", body=b"y" * 2000, count=5)
                await until(lambda: len(broken.posts) == 50, "the refused records")
                yield port, prometheus
            assert await sniffing.stop() == 0


def _refusal() -> Any:
    from aiohttp import web

    return web.Response(status=400)


async def test_the_real_ones_take_what_a_sniffer_serves(scraped: tuple[int, Prometheus]) -> None:
    port, prometheus = scraped
    async with ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        check_metrics(await answer.text())
    assert await prometheus.target_health() == ("up", "")
    total = "sum by (http_request_method, http_response_status_code) (tcp_sniffer_http_server_exchanges_total)"
    await prometheus.until_data(f"sum({total}) == 25")
    series = {tuple(sorted(one["metric"].values())): one["value"][1] for one in await prometheus.query(total)}
    assert series == {("200", "GET"): "20", ("503", "POST"): "5"}
    (size,) = await prometheus.query("sum(http_server_request_body_size_bytes_sum)")
    assert size["value"][1] == "10000"


async def test_every_query_of_the_dashboard_gets_data(scraped: tuple[int, Prometheus]) -> None:
    _, prometheus = scraped
    expressions = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    assert len(expressions) >= 20
    for expression in expressions:
        await prometheus.until_data(filled_in(expression))


async def test_every_choice_of_the_dashboard_has_values(scraped: tuple[int, Prometheus]) -> None:
    _, prometheus = scraped
    queries = [one["query"]["query"] for one in DASHBOARD["templating"]["list"] if one["type"] == "query"]
    assert len(queries) == 2
    for query in queries:
        match = re.fullmatch(r"label_values\((.*), (\w+)\)", filled_in(query))
        assert match, query
        assert await prometheus.label_values(match[2], match[1]), query


def filled_in(expression: str) -> str:
    """As Grafana would: the server's side, every instance and port."""
    for name, value in {"$__rate_interval": "20s", "${side}": "server", "$instance": ".*", "$port": ".*"}.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


def test_the_dashboards_panels_have_room_and_words() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells: set[tuple[int, int]] = set()
    for panel in panels:
        assert panel["title"]
        assert panel["description"].endswith(".")
        place = panel["gridPos"]
        own = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not own & cells, panel["title"]
        cells |= own
