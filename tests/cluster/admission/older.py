"""What the webhook learns of the nodes where the API server says that it is of 1.31: older.py --kubeconfig=FILE.

Prints the oldest kubelet's version, or `unknown`.
"""

from __future__ import annotations

import asyncio
import sys

from webhook import kubeconfig
from webhook.kubernetes import Client, Object
from webhook.lookup import Lookup


class Older(Client):
    async def get(self, path: str) -> Object:
        return {"major": "1", "minor": "31"} if path == "/version" else await super().get(path)


async def main(file: str) -> None:
    async with Older(kubeconfig.find(file)) as client:
        lookup = Lookup(client)
        watching = asyncio.create_task(lookup.watch_cluster())
        while not lookup.is_ready:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        watching.cancel()
    oldest = lookup.cluster.oldest_kubelet
    print(f"{oldest.major}.{oldest.minor}" if oldest else "unknown")


asyncio.run(main(sys.argv[1].removeprefix("--kubeconfig=")))
