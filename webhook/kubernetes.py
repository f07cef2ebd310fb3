"""The few calls to the Kubernetes API that the webhook makes.

A client of its own of a hundred lines: the published ones load a class for every kind of object there is, some 50 MiB,
where the whole webhook is to live in 64.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import aiohttp

from webhook.kubeconfig import Access

Object = dict[str, Any]

# Of a list of nodes at a time; see Client.items.
_PAGE = 500
# Bytes. An answer that is longer is none that was asked for: one object is at most 1.5 MiB in etcd, of which JSON may
# write each character in six.
_MAX_OBJECT = 10 << 20
_MAX_PAGE = 32 << 20
# Answers up to this size are read side by side, larger ones a few at a time: memory is bounded.
_SMALL = 256 << 10
_LARGE_AT_ONCE = 2


def namespaced(namespace: str, *rest: str) -> str:
    """The path of a namespace, or of what lies in it. Each name stays one part of it, whatever is in it."""
    return "/".join(["/api/v1/namespaces", *(quote(part, safe="") for part in (namespace, *rest))])


class ApiError(Exception):
    """The API server refused, or could not be asked (`status` 0)."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status

    @property
    def is_conflict(self) -> bool:
        """Somebody else changed the object since it was read."""
        return self.status == 409


class Client:
    """Paths are those of the API, such as `/api/v1/namespaces/shop`. Every call raises ApiError, within `timeout` s."""

    def __init__(self, access: Access, *, timeout: float = 10.0) -> None:
        self._access = access
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=timeout),
            connector=aiohttp.TCPConnector(ssl=access.tls, limit=16),
            headers={"User-Agent": "tcp-sniffer-webhook", "Accept": "application/json"},
        )
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def get(self, path: str) -> Object:
        return await self._call("GET", path)

    async def find(self, path: str) -> Object | None:
        """None where there is no such object."""
        try:
            return await self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def replace(self, path: str, content: Object) -> Object:
        """With the resourceVersion that was read, so that no other's change is lost: a conflict is an ApiError."""
        return await self._call("PUT", path, content)

    async def items(self, path: str) -> AsyncIterator[Object]:
        """Everything in a collection; no more than a page of it is in memory."""
        following = ""
        while True:
            page = await self._call("GET", f"{path}?limit={_PAGE}&continue={quote(following)}", most=_MAX_PAGE)
            for item in page.get("items") or []:
                yield item
            following = (page.get("metadata") or {}).get("continue") or ""
            if not following:
                return

    async def _call(self, method: str, path: str, content: Object | None = None, *, most: int = _MAX_OBJECT) -> Object:
        try:
            headers = {"Authorization": f"Bearer {token}"} if (token := self._access.token()) else {}
            async with self._session.request(
                method,
                self._access.server + path,
                json=content,
                headers=headers,
                allow_redirects=False,
            ) as response:
                return _object(response.status, await self._body(response.content, most), f"{method} {path}")
        except TimeoutError as error:
            raise ApiError(0, f"{method} {path}: no answer in time") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ApiError(0, f"{method} {path}: {error or type(error).__name__}") from error

    async def _body(self, content: aiohttp.StreamReader, most: int) -> bytearray:
        """Raises aiohttp.ClientPayloadError where it is longer than `most`."""
        body = bytearray()
        if await _read(content, body, _SMALL):
            return body
        async with self._large:
            if await _read(content, body, most):
                return body
        raise aiohttp.ClientPayloadError(f"an answer of more than {most >> 20} MiB")


async def _read(content: aiohttp.StreamReader, body: bytearray, most: int) -> bool:
    """Adds what comes to the body; False where that is more than `most` and may go on."""
    async for part in content.iter_any():
        body += part
        if len(body) > most:
            return False
    return True


def _object(status: int, body: bytearray, call: str) -> Object:
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if 200 <= status < 300 and isinstance(content, dict):
        return content
    message = content.get("message") if isinstance(content, dict) else None
    raise ApiError(status, f"{call}: {status} {message or 'expected an answer of the Kubernetes API'}")
