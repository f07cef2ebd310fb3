"""A Prometheus as a process, which scrapes a sniffer's `/metrics`."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from aiohttp import ClientError, ClientSession
from servers import unused_port
from sniffing import until

_CONFIG = """\
global: {{scrape_interval: 500ms, scrape_timeout: 400ms}}
scrape_configs:
  - job_name: tcp-sniffer
    static_configs: [{{targets: ["127.0.0.1:{target}"]}}]
"""
_PATIENCE = 30.0


class Prometheus:
    def __init__(self, port: int, session: ClientSession) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._session = session

    async def ready(self) -> bool:
        try:
            async with self._session.get(f"{self._url}/-/ready") as answer:
                return answer.status == 200
        except ClientError:
            return False

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """Series with a number: `{"metric": labels, "value": [time, text]}`."""
        result: list[dict[str, Any]] = (await self._get("query", query=expression))["result"]
        return [series for series in result if series["value"][1] != "NaN"]

    async def label_values(self, name: str, selector: str) -> list[str]:
        return [str(value) for value in await self._get(f"label/{name}/values", **{"match[]": selector})]

    async def target_health(self) -> tuple[str, str]:
        (target,) = (await self._get("targets"))["activeTargets"]
        return target["health"], target["lastError"]

    async def _get(self, path: str, **parameters: str) -> Any:
        async with self._session.get(f"{self._url}/api/v1/{path}", params=parameters) as answer:
            body = json.loads(await answer.text())
        assert body["status"] == "success", (parameters, body)
        return body["data"]

    async def until_data(self, expression: str) -> list[dict[str, Any]]:
        """A rate needs two scrapes."""
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        while not (data := await self.query(expression)):
            assert asyncio.get_running_loop().time() < deadline, f"no data for {expression}"
            await asyncio.sleep(0.2)
        return data


@contextlib.asynccontextmanager
async def scraping(folder: Path, target: int) -> AsyncIterator[Prometheus]:
    port = unused_port()
    config, log = folder / "prometheus.yaml", folder / "prometheus.log"
    config.write_text(_CONFIG.format(target=target))
    options = (
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec("prometheus", *options, stdout=out, stderr=out)
    try:
        async with ClientSession() as session:
            prometheus = Prometheus(port, session)
            await _until_ready(prometheus, process, log)
            yield prometheus
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _until_ready(prometheus: Prometheus, process: asyncio.subprocess.Process, log: Path) -> None:
    def over() -> bool:
        return "ready to receive web requests" in log.read_text() or process.returncode is not None

    await until(over, "Prometheus")
    assert process.returncode is None, f"Prometheus ended; see {log}"
    async with asyncio.timeout(_PATIENCE):
        while not await prometheus.ready():  # noqa: ASYNC110 # another process: nothing tells
            await asyncio.sleep(0.05)
