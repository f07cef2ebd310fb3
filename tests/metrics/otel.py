"""An OpenTelemetry Collector as a process, and what comes out of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from aiohttp import web
from servers import serving, unused_port
from sniffing import until

PROGRAM = Path(__file__).parents[2] / ".cache" / "collector" / "otelcol"

# OTLP over HTTP in, the same as JSON out; nothing about itself.
_CONFIG = """\
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}}}
exporters: {{otlp_http: {{endpoint: "http://127.0.0.1:{onward}", encoding: json, compression: none}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines: {{metrics: {{receivers: [otlp], exporters: [otlp_http]}}}}
"""


class Receiver:
    """Takes OTLP as JSON and keeps what came, in its own words."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.Response:
        assert (request.method, request.path) == ("POST", "/v1/metrics")
        self.requests.append(json.loads(await request.read()))
        return web.json_response({})

    @property
    def resource(self) -> dict[str, Any]:
        """The last one's attributes."""
        (last,) = self.requests[-1]["resourceMetrics"]
        return attributes(last["resource"])

    @property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """The last of each, by name."""
        return {metric["name"]: metric for request in self.requests for metric in _metrics(request)}

    def points(self, name: str) -> list[dict[str, Any]]:
        """The last ones of this name."""
        metric = self.metrics.get(name, {})
        data: dict[str, Any] = next((metric[kind] for kind in ("histogram", "sum", "gauge") if kind in metric), {})
        return list(data.get("dataPoints", ()))


def _metrics(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in request["resourceMetrics"]:
        for scope in resource["scopeMetrics"]:
            assert scope["scope"]["name"] == "tcp-sniffer"
            yield from scope["metrics"]


def attributes(holder: dict[str, Any]) -> dict[str, Any]:
    """`{"http.request.method": "GET", …}`; JSON has 64-bit numbers as text."""
    pairs = ((pair["key"], *pair["value"].items()) for pair in holder.get("attributes", ()))
    return {key: int(value) if kind == "intValue" else value for key, (kind, value) in pairs}


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with serving(receiver.handle) as receiver.port:
        yield receiver


@contextlib.asynccontextmanager
async def collecting(folder: Path, onward: Receiver) -> AsyncIterator[int]:
    """The real one. Gives the port that takes OTLP over HTTP."""
    assert PROGRAM.exists(), "scripts/collector builds the OpenTelemetry Collector"
    port = unused_port()
    config = folder / "collector.yaml"
    config.write_text(_CONFIG.format(port=port, onward=onward.port))
    log = folder / "collector.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(PROGRAM, "--config", f"file:{config}", stdout=out, stderr=out)
    try:
        await until(lambda: "Everything is ready" in log.read_text() or process.returncode is not None, "the collector")
        assert process.returncode is None, log.read_text()
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
