"""Creates pods at a steady rate, ten at once, until SIGTERM: rollout.py KUBECONFIG NAMESPACE RATE.

As a Deployment that scales up does; so many at once also need more connections than one, to more replicas than one.

Then prints what became of them, as JSON: how many were `created`, how many of those `bare`, and the `failures`.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp

from webhook import kubeconfig

BURST = 10
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"generateName": "rollout-", "labels": {"tcp-sniffer/inject": "true"}},
    "spec": {"containers": [{"name": "app", "image": "app:1", "ports": [{"containerPort": 8080}]}]},
}


async def main(access: kubeconfig.Access, namespace: str, rate: float) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    url = f"{access.server}/api/v1/namespaces/{namespace}/pods"
    headers = {"Authorization": f"Bearer {access.token()}"}
    connector = aiohttp.TCPConnector(ssl=access.tls)
    counts: Counter[str] = Counter()
    failures: list[str] = []
    async with aiohttp.ClientSession(headers=headers, connector=connector) as client, asyncio.TaskGroup() as pods:
        print("creating", flush=True)
        due = time.monotonic()
        while not stop.is_set():
            for _ in range(BURST):
                pods.create_task(_create(client, url, counts, failures))
            # Each burst at its time, however long the others take.
            due += BURST / rate
            await asyncio.sleep(due - time.monotonic())
    print(json.dumps({"created": counts["created"], "bare": counts["bare"], "failures": failures[:5]}), flush=True)


async def _create(client: aiohttp.ClientSession, url: str, counts: Counter[str], failures: list[str]) -> None:
    try:
        async with client.post(url, json=POD) as answer:
            made: dict[str, Any] = await answer.json()
    except aiohttp.ClientError as error:
        failures.append(repr(error))
        return
    if answer.status == 201:
        counts["created"] += 1
        counts["bare"] += "initContainers" not in made["spec"]
    else:
        failures.append(made["message"])


if __name__ == "__main__":
    asyncio.run(main(kubeconfig.from_file(Path(sys.argv[1])), sys.argv[2], float(sys.argv[3])))
