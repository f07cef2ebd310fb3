"""The HTTP client of the POST sink: TLS, and connections the capture knows to be its own."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import aiohttp
from aiohttp.connector import AddrInfoType
from yarl import URL

from appliance.sinks.own import Exclude, excluded_socket

# Bytes of an answer's status line and of each of its headers. aiohttp allows 8190, which some gateways' answers exceed.
_MOST_HEADER = 64 << 10


class Use:
    """Of a connection by one POST, which gives it as `trace_request_ctx`."""

    kept = False  # it had carried another before


def open_session(
    *,
    exclude: Exclude,
    headers: dict[str, str],
    connections: int,
    tls: ssl.SSLContext | bool,
    keep: bool,
) -> aiohttp.ClientSession:
    """`keep`: connections are used again."""
    connector = aiohttp.TCPConnector(
        limit=connections, ssl=tls, force_close=not keep, socket_factory=lambda target: _own_socket(target, exclude)
    )
    return aiohttp.ClientSession(
        connector=connector,
        headers=headers,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        max_line_size=_MOST_HEADER,
        max_field_size=_MOST_HEADER,
        trace_configs=[_telling_use()],
    )


def _telling_use() -> aiohttp.TraceConfig:
    async def note(_session: object, context: Any, _params: object) -> None:
        context.trace_request_ctx.kept = True

    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(note)
    return trace


def without_user(url: str) -> tuple[str, str]:
    """The URL without its user and password, and the Authorization header that they make."""
    parsed = URL(url)
    if parsed.user is None:
        return url, ""
    auth = aiohttp.BasicAuth(parsed.user, parsed.password or "", encoding="utf-8")
    return str(parsed.with_user(None)), auth.encode()


def _own_socket(target: AddrInfoType, exclude: Exclude) -> socket.socket:
    family, kind, protocol, _, address = target
    return excluded_socket(family, kind, protocol, address, exclude)
