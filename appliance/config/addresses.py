"""The addresses in `outputUrl` and `statusListen`."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from appliance.config.ports import MAX_PORT

# RFC 1035, section 2.3.4, in characters.
_MOST_HOST, _MOST_LABEL = 253, 63


def split_url(url: str) -> SplitResult | None:
    """The URL's parts; None where it names no host that can be looked up, or an impossible port."""
    try:
        parts = urlsplit(url)
        port = parts.port  # raises where it is no number up to 65535
    except ValueError:
        return None
    if "\\" in parts.netloc:
        return None  # to some it ends the host, to others it is a part of the user (RFC 3986 allows it nowhere)
    return parts if _is_host(parts.hostname or "") and port != 0 else None


def _is_host(name: str) -> bool:
    """An address, or labels of 1 to 63 bytes (RFC 1035, section 2.3.4): a resolver refuses others before it asks."""
    if len(name) > _MOST_HOST:
        return False
    try:
        labels = name.encode("idna").removesuffix(b".").split(b".")
    except UnicodeError:
        return False
    return all(1 <= len(label) <= _MOST_LABEL for label in labels)


def is_loopback(host: str) -> bool:
    """`localhost` and what is below it always mean this machine (RFC 6761, section 6.3)."""
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def split_address(text: str) -> tuple[str, int]:
    """`127.0.0.1:9090` and `[::1]:9090` as host and port. Raises ValueError for what is neither."""
    host, _, port = text.rpartition(":")
    if host.startswith("["):
        host = host[1:-1]
        ip_address(host)
    if not 1 <= int(port) <= MAX_PORT:
        raise ValueError(f"{port} is no port")
    return host, int(port)
