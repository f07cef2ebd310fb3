"""A collector with a memory, run by itself: python -m bench.collector PORT FILE.

A line of FILE for each POST: its Idempotency-Key, then each of its records as connection/exchange/direction.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from aiohttp import web

_MOST = 64 << 20  # bytes of a POST


def identity(record: dict[str, Any]) -> str:
    return f"{record['connectionId']}/{record['exchange']}/{record['direction']}"


def captured(record: dict[str, Any]) -> float:
    """When, in seconds since the epoch."""
    return datetime.fromisoformat(record["timestamp"]).timestamp()


def _application(file: IO[str]) -> web.Application:
    async def take(request: web.Request) -> web.Response:
        # One record, or a batch of them, one a line.
        records = map(json.loads, (await request.read()).splitlines())
        print(request.headers["Idempotency-Key"], *map(identity, records), file=file, flush=True)
        return web.Response()

    app = web.Application(client_max_size=_MOST)
    app.router.add_post("/", take)
    return app


def main(port: str, path: str) -> None:
    with Path(path).open("a") as file:
        web.run_app(_application(file), host="127.0.0.1", port=int(port), print=None, access_log=None)


if __name__ == "__main__":
    main(*sys.argv[1:])
