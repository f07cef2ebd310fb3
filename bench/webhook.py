"""The webhook under a rollout: reviews at a steady rate, the server on one core."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from aiohttp import web

from bench.process import Child
from bench.report import Report
from bench.tools import CACHE, ROOT

VEGETA = "github.com/tsenart/vegeta/v12@v12.12.0"
RATE = 200  # reviews/s
WARM_UP = 2.0  # seconds
CONNECTIONS = 16
# As many Deployments, in as many namespaces, make the pods.
DEPLOYMENTS, NAMESPACES = 50, 10
P99_MS, RESIDENT_MIB = 10.0, 64.0

CONFIG_MAP = {"sniffer.yaml": "ports: [8080, 9090]\noutputUrl: https://collector.observability/messages\n"}


def run(report: Report, *, seconds: float) -> None:
    report.heading(f"Webhook: {RATE} reviews/s for {seconds:g} s on one core, {DEPLOYMENTS} Deployments")
    latencies, resident, cpu = asyncio.run(_measure(seconds))
    latencies.sort()
    p50, p99 = (latencies[int(len(latencies) * share)] * 1000 for share in (0.5, 0.99))
    each = cpu * 1000 / (len(latencies) + WARM_UP * RATE)  # the start's included
    report.table(
        ("reviews", "p50 ms", "p99 ms", "most ms", "CPU ms", "resident MiB"),
        [
            (
                f"{len(latencies):,}",
                f"{p50:.2f}",
                f"{p99:.2f}",
                f"{latencies[-1] * 1000:.2f}",
                f"{each:.2f}",
                f"{resident:.1f}",
            )
        ],
    )
    report.at_most("webhook: p99 of a review", p99, P99_MS, " ms")
    report.at_most("webhook: resident memory", resident, RESIDENT_MIB, " MiB")


async def _measure(seconds: float) -> tuple[list[float], float, float]:
    """Every review's latency in s; the server's most resident memory in MiB, and its CPU in s."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        api = await _api(folder)
        _write_certificates(folder)
        log = folder / "log"
        with log.open("wb") as file:
            child = Child(
                [sys.executable, "-m", "webhook", "serve", "--listen=127.0.0.1:0", "--drain=0s",
                 f"--kubeconfig={folder / 'kubeconfig'}", f"--certificates={folder}"],
                stderr=file,
                environment={"PYTHONPATH": str(ROOT)},
            )  # fmt: skip
        try:
            _share_cores(child.pid)
            url = f"https://{await asyncio.to_thread(_listening, log)}"
            latencies = await _load(url, folder, seconds)
            resident = child.resident("VmHWM") / (1 << 20)
            cpu = child.stop().cpu
        finally:
            child.close()
            await api.cleanup()
    return latencies, resident, cpu


def _share_cores(server: int) -> None:
    """One is the server's own, where there are several: what asks it has the rest."""
    first, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(server, {first})
    os.sched_setaffinity(0, others or {first})


async def _load(url: str, folder: Path, seconds: float) -> list[float]:
    """At its rate whatever the answers take, as in a rollout; Vegeta is a client in Go, as the API server's is."""
    total = int((seconds + WARM_UP) * RATE)
    targets, results = folder / "targets", folder / "results"
    targets.write_text("".join(_target(url, number) + "\n" for number in range(total)))
    await _ran(
        str(await _vegeta()), "attack", "-format=json", f"-targets={targets}", f"-output={results}", f"-rate={RATE}/1s",
        f"-duration={total / RATE}s", f"-root-certs={folder / 'authority'}", "-http2=false",
        f"-connections={CONNECTIONS}", f"-max-connections={CONNECTIONS}",
    )  # fmt: skip
    encoded = await _ran(str(await _vegeta()), "encode", "--to=json", str(results))
    found = sorted(map(json.loads, encoded.splitlines()), key=lambda result: int(result["seq"]))
    for result in found:
        _check(result)
    return [result["latency"] / 1e9 for result in found[int(WARM_UP * RATE) :]]


def _target(url: str, number: int) -> str:
    body = base64.b64encode(json.dumps(_body(number)).encode()).decode()
    header = {"Content-Type": ["application/json"]}
    return json.dumps({"method": "POST", "url": f"{url}/mutate/namespace?timeout=5s", "header": header, "body": body})


def _check(result: dict[str, Any]) -> None:
    if result["code"] != 200:
        raise RuntimeError(f"expected a review, got {result['code']}: {result['error']}")
    response = json.loads(base64.b64decode(result["body"]))["response"]
    # Where there is no sidecar a warning says why.
    if "patch" not in response or "warnings" in response or response["uid"] != f"uid-{result['seq']}":
        raise RuntimeError(f"expected the sidecar for uid-{result['seq']}, got {response}")


async def _vegeta() -> Path:
    """Built once, from Go modules."""
    program = CACHE / "vegeta"
    if not program.exists():
        if shutil.which("go") is None:
            raise RuntimeError("Go is needed to build Vegeta, which asks the webhook")
        await _ran("go", "install", VEGETA, GOBIN=str(CACHE))
    return program


async def _ran(*command: str, **environment: str) -> bytes:
    """What it printed, while this process answers for the API server."""
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, env={**os.environ, **environment})
    printed, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return printed


def _body(number: int) -> dict[str, Any]:
    deployment = number % DEPLOYMENTS
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"web-{deployment}-7d4b9c-",
            "labels": {"app": f"web-{deployment}", "pod-template-hash": "7d4b9c"},
            "annotations": {"tcp-sniffer/ports": str(8000 + deployment), "tcp-sniffer/max-body-size": "4096"},
        },
        "spec": {
            "containers": [
                {
                    "name": name,
                    "image": f"registry.example/{name}:1",
                    "ports": [{"containerPort": 8000 + deployment}],
                    "env": [{"name": f"VARIABLE_{one}", "value": "x" * 40} for one in range(20)],
                }
                for name in ("app", "proxy")
            ]
        },
    }
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": f"uid-{number}",
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": f"shop-{deployment % NAMESPACES}",
            "operation": "CREATE",
            "object": pod,
        },
    }


async def _api(folder: Path) -> web.AppRunner:
    """What the webhook asks for, answered at once."""
    app = web.Application()
    app.router.add_get("/version", _answer({"major": "1", "minor": "34"}))
    app.router.add_get("/api/v1/namespaces/{name}", _answer({"metadata": {"labels": {"team": "shop"}}}))
    app.router.add_get("/api/v1/namespaces/{name}/configmaps/tcp-sniffer", _answer({"data": CONFIG_MAP}))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    kubeconfig = {
        "current-context": "bench",
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        "clusters": [{"name": "bench", "cluster": {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}}],
        "users": [{"name": "bench", "user": {"token": "bench"}}],
    }
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    return runner


def _answer(content: dict[str, Any]) -> Any:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response(content)

    return handler


def _write_certificates(folder: Path) -> None:
    from webhook.authority import Lifetimes, next_step, now

    material = next_step(None, ["127.0.0.1"], now(), Lifetimes())
    (folder / "tls.crt").write_bytes(material.certificate)
    (folder / "tls.key").write_bytes(material.key)
    (folder / "authority").write_bytes(material.authorities)


def _listening(log: Path) -> str:
    """The address, once certificate and socket are there."""
    for _ in range(600):
        text = log.read_text()
        if (found := re.search(r'"addresses": \["([^"]+)"', text)) and "certificate_loaded" in text:
            return found[1]
        time.sleep(0.1)
    raise RuntimeError(f"the webhook does not serve: {log.read_text()}")
