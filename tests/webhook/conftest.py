"""The webhook's server as a process of its own, and an API for it to ask."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from api import Api, certificate_for

from webhook.authority import Material

NAMESPACE = "/api/v1/namespaces/shop"
CONFIGURATION = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/tcp-sniffer-webhook"


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    api = Api()
    api.put(NAMESPACE, kind="Namespace", metadata={"labels": {"team": "shop"}})
    await api.start()
    yield api
    await api.stop()


class Serving:
    """A running `tcp-sniffer-webhook serve`. What it logs is in `log`, a dictionary for each line."""

    def __init__(self, process: asyncio.subprocess.Process, material: Material, folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.log: list[dict[str, Any]] = []
        self.url = ""
        self.trusted = material.authorities
        self._reader = asyncio.create_task(self._read_log())
        self._changed = asyncio.Event()

    async def logged(self, event: str, *, times: int = 1) -> dict[str, Any]:
        """The line of that event, the last of so many; waits for it."""
        async with asyncio.timeout(60):
            while True:
                lines = [line for line in self.log if line.get("event") == event]
                if len(lines) >= times:
                    return lines[times - 1]
                if self._reader.done():
                    raise AssertionError(f"the server ended before {event}: {self.log}")
                self._changed.clear()
                await self._changed.wait()

    async def ready(self) -> None:
        async with self.client() as client:
            await eventually(lambda: _is_ok(client))

    async def trust_stored(self, api: Api) -> bool:
        """As the API server does: what stands in the caBundle."""
        bundle = api.objects[CONFIGURATION]["webhooks"][0]["clientConfig"].get("caBundle")
        self.trusted = base64.b64decode(bundle or "")
        return bool(self.trusted)

    def lay_certificate(self, material: Material) -> None:
        lay_certificate(self.folder, material)

    def client(self, **options: Any) -> aiohttp.ClientSession:
        context = ssl.create_default_context(cadata=self.trusted.decode())
        connector = aiohttp.TCPConnector(ssl=context, **options)
        return aiohttp.ClientSession(self.url, connector=connector, timeout=aiohttp.ClientTimeout(total=60))

    async def stop(self) -> int:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        code = await self.process.wait()
        await self._reader
        return code

    async def _read_log(self) -> None:
        assert self.process.stderr
        async for line in self.process.stderr:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.log.append({"message": line.decode()})
            self._changed.set()
        self._changed.set()


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Asks until it holds: the machine may be busy."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110 nobody there could set an event
            await asyncio.sleep(0.05)


async def _is_ok(client: aiohttp.ClientSession) -> bool:
    async with client.get("/readyz") as answer:
        return answer.status == 200


def lay_certificate(folder: Path, material: Material) -> None:
    """As the kubelet does: the folder's files change all at once, by a link that is swapped."""
    version = folder / f"..{len(list(folder.iterdir()))}"
    version.mkdir()
    (version / "tls.crt").write_bytes(material.certificate)
    (version / "tls.key").write_bytes(material.key)
    following = folder / "..data_tmp"
    following.symlink_to(version.name)
    following.rename(folder / "..data")
    for name in ("tls.crt", "tls.key"):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")


Serve = Callable[..., Any]


@pytest.fixture
async def serve(api: Api, tmp_path: Path) -> AsyncIterator[Serve]:
    """Starts servers on free ports, and ends them."""
    started: list[Serving] = []

    async def start(*options: str, settings: str = "onInvalid: skip\n", managed: bool = False) -> Serving:
        folder = tmp_path / f"tls-{len(started)}"
        folder.mkdir()
        material = certificate_for("127.0.0.1")
        lay_certificate(folder, material)
        settings_file = tmp_path / f"settings-{len(started)}.yaml"
        settings_file.write_text(settings)
        chosen = ["--manage-certificates", "--name=127.0.0.1"] if managed else [f"--certificates={folder}"]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "webhook", "serve", "--listen=127.0.0.1:0", "--drain=0s"),
            *(f"--kubeconfig={api.kubeconfig(tmp_path)}", f"--settings={settings_file}", *chosen, *options),
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONWARNINGS": "error"},
        )
        serving = Serving(process, material, folder)
        started.append(serving)
        listening = await serving.logged("listening")
        await serving.logged("certificate_loaded")
        serving.url = f"https://{listening['addresses'][0]}"
        if managed:
            await eventually(lambda: serving.trust_stored(api))
        await serving.ready()
        return serving

    yield start
    for serving in started:
        if serving.process.returncode is None:
            serving.process.kill()
        await serving.stop()


def review_of(
    pod: dict[str, Any], *, uid: str = "705ab4f5-6393", namespace: str = "shop", **request: Any
) -> dict[str, Any]:
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": uid,
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": namespace,
            "operation": "CREATE",
            "object": pod,
            **request,
        },
    }
