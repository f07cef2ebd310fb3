"""One POST, and what its outcome means."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import NamedTuple

import aiohttp

from appliance.sinks import retry
from appliance.sinks.session import Use
from appliance.spool.delivery import Delivery

_log = logging.getLogger("tcp_sniffer.http")

# A collector's answer is read to its end, or else the connection could not be used again; not a long one.
_MOST_ANSWER = 64 << 10
# Seconds; none would be no limit.
_LEAST_TIMEOUT = 0.001

# Whether connections are kept in it.
OpenSession = Callable[[bool], aiohttp.ClientSession]


class Failure(NamedTuple):
    error: str
    again: bool
    retry_after: str | None = None


class Poster:
    def __init__(self, open_session: OpenSession, url: str, shown_url: str, timeout: float) -> None:
        """`shown_url` is without user, password and query; `timeout`: seconds for one POST, connecting included."""
        self._session = open_session(True)
        self._fresh = open_session(False)
        self._url = url
        self.shown_url = shown_url
        self._timeout = timeout

    async def post(self, delivery: Delivery) -> Failure | None:
        """None where the collector took it."""
        use = Use()
        loop = asyncio.get_running_loop()
        end = loop.time() + self._timeout
        try:
            try:
                return await self._send(self._session, delivery, use, self._timeout)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError):
                # A kept connection that ends when it is used again says nothing of the collector. Another may, too.
                if not use.kept:
                    raise
                return await self._send(self._fresh, delivery, Use(), max(end - loop.time(), _LEAST_TIMEOUT))
        except TimeoutError:
            return Failure("timeout", again=True)
        except (aiohttp.ClientError, OSError) as error:
            # Not a certificate's failure alone: it may be renewed while this waits.
            return Failure(f"{type(error).__name__}: {_said(error)}", again=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, it costs these records and not the output
            return Failure(f"{type(error).__name__}: {error}", again=False)

    async def _send(
        self, session: aiohttp.ClientSession, delivery: Delivery, use: Use, seconds: float
    ) -> Failure | None:
        headers = {
            "Content-Type": "application/x-ndjson" if delivery.ndjson else "application/json",
            # The same on each try: a collector that got an earlier one can tell.
            "Idempotency-Key": delivery.key,
        }
        async with session.post(
            self._url,
            data=delivery.body,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=seconds),
            trace_request_ctx=use,
        ) as answer:
            if retry.is_success(answer.status):
                await _read_some(answer)
                return None
            retry_after = answer.headers.get("Retry-After")
            await _read_some(answer)
            return Failure(f"status {answer.status}", retry.is_worth_retrying(answer.status), retry_after)

    def say_failed(self, failure: Failure, attempts: int, records: int) -> None:
        _log.error(
            "a POST failed for good",
            extra={
                "event": "post_failed",
                "url": self.shown_url,
                "error": failure.error,
                "attempts": attempts,
                "records": records,
            },
        )

    async def close(self) -> None:
        await self._session.close()
        await self._fresh.close()


def _said(error: Exception) -> str:
    """Of an answer that is no HTTP aiohttp says where it came from, query and all; that may hold a secret."""
    return error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)


async def _read_some(answer: aiohttp.ClientResponse) -> None:
    """What goes wrong here only costs the connection: the status has said what became of the records."""
    left = _MOST_ANSWER
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        while left > 0 and (part := await answer.content.read(left)):
            left -= len(part)
