"""The part of the Kubernetes API that the webhook uses, in memory over real HTTPS, for what a real one is too slow or
too healthy for. The real one stands in tests/cluster.
"""

from __future__ import annotations

import asyncio
import copy
import json
import ssl
from collections import Counter
from pathlib import Path
from typing import Any

from aiohttp import web

from webhook import memory_file
from webhook.authority import Lifetimes, Material, next_step, now

TOKEN = "token-of-the-tests"  # noqa: S105


class Api:
    """`objects` by path, each with a resourceVersion that every write counts up.

    Faults: `delay` (s), `broken` (answers garbage), `forbidden` paths, `endless` ones (9 MiB come and no end).
    """

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {"/version": {"major": "1", "minor": "34"}}
        self.calls: Counter[tuple[str, str]] = Counter()
        self.delay = 0.0
        self.broken = False
        self.forbidden: set[str] = set()
        self.endless: set[str] = set()
        self.url = ""
        self._material = certificate_for("127.0.0.1")
        self._runner: web.AppRunner | None = None

    def put(self, path: str, **content: Any) -> None:
        name = path.rpartition("/")[2]
        self.objects[path] = {
            **content,
            "metadata": {"name": name, "resourceVersion": "1", **content.get("metadata", {})},
        }

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        memory_file.load_cert_chain(context, self._material.certificate, self._material.key)
        await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        self.url = f"https://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    def kubeconfig(self, folder: Path, *, token: str = TOKEN) -> Path:
        (folder / "api-ca.pem").write_bytes(self._material.authorities)
        path = folder / "kubeconfig"
        content = {
            "current-context": "tests",
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "webhook"}}],
            "clusters": [
                {"name": "other", "cluster": {"server": "https://127.0.0.1:1"}},
                {"name": "tests", "cluster": {"server": self.url, "certificate-authority": "api-ca.pem"}},
            ],
            "users": [{"name": "webhook", "user": {"token": token}}],
        }
        path.write_text(json.dumps(content))
        return path

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.calls[request.method, request.path] += 1
        if self.delay:
            await asyncio.sleep(self.delay)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _status(401, "Unauthorized")
        if self.broken:
            return web.Response(text="garbage")
        if request.path in self.forbidden:
            return _status(403, f'"{request.path}" is forbidden')
        if request.path in self.endless:
            return await _endless(request)
        stored = self.objects.get(request.path)
        if stored is None:
            return _status(404, f'"{request.path}" not found')
        if request.method == "PUT":
            return self._replace(request.path, stored, await request.json())
        return web.json_response(stored)

    def _replace(self, path: str, stored: dict[str, Any], content: dict[str, Any]) -> web.Response:
        version = stored["metadata"]["resourceVersion"]
        if content["metadata"]["resourceVersion"] != version:
            return _status(409, "the object has been modified")
        changed = copy.deepcopy(content)
        changed["metadata"]["resourceVersion"] = str(int(version) + 1)
        self.objects[path] = changed
        return web.json_response(changed)


def certificate_for(*names: str) -> Material:
    return next_step(None, names, now(), Lifetimes())


async def _endless(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    await answer.write(b'{"metadata": "')
    for _ in range(9):
        await answer.write(b"#" * (1 << 20))
    await asyncio.sleep(30)
    return answer


def _status(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "apiVersion": "v1", "code": code, "message": message}, status=code)
