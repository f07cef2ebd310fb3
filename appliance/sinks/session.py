"""The HTTP client of the POST sink: TLS, and connections the capture knows to be its own."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

import aiohttp
from aiohttp.connector import AddrInfoType
from yarl import URL

from appliance.sinks.own import Exclude, excluded_socket


def open_session(
    *, exclude: Exclude, headers: dict[str, str], connections: int, timeout: float, tls: ssl.SSLContext | bool
) -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(
        limit=connections, ssl=tls, socket_factory=lambda target: _own_socket(target, exclude)
    )
    return aiohttp.ClientSession(
        connector=connector,
        headers=headers,
        timeout=aiohttp.ClientTimeout(total=timeout),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )


def tls_context(ca_file: str | None, cert_file: str | None, key_file: str | None) -> ssl.SSLContext:
    """Verifies by the system's authorities and `ca_file`'s. An OSError names the file (`filename`)."""
    context = ssl.create_default_context()
    if ca_file:
        _naming(ca_file, lambda: context.load_verify_locations(cafile=ca_file))
    if cert_file:
        _naming(cert_file, lambda: context.load_cert_chain(cert_file, key_file))
    return context


def _naming(file: str, load: Callable[[], object]) -> None:
    try:
        load()
    except ssl.SSLError as error:
        raise OSError(0, error.reason or "not a PEM file", file) from error
    except OSError as error:
        raise OSError(error.errno, error.strerror, file) from error


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
