"""Which URLs the administrator's settings let messages go to."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import SplitResult, unquote, urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def is_allowed(url: str, allowed: Iterable[str]) -> bool:
    """Compares parts, not text: `https://logs.example` does not allow `https://logs.example.evil`."""
    return any(pattern == "*" or _fits(urlsplit(url), urlsplit(pattern)) for pattern in allowed)


def _fits(url: SplitResult, pattern: SplitResult) -> bool:
    return (
        url.scheme == pattern.scheme
        and _host_fits(url.hostname or "", pattern.hostname or "")
        and _port(url) == _port(pattern)
        and _path_fits(unquote(url.path), pattern.path.rstrip("/"))
    )


def _host_fits(host: str, pattern: str) -> bool:
    host = host.rstrip(".")
    return host.endswith(pattern[1:]) if pattern.startswith("*.") else host == pattern


def _port(url: SplitResult) -> int | None:
    return url.port or _DEFAULT_PORTS.get(url.scheme)


def _path_fits(path: str, pattern: str) -> bool:
    """A `..` could lead out of the pattern's path again."""
    return ".." not in path.split("/") and (path == pattern or path.startswith(pattern + "/") or not pattern)
