"""Expected records, short to write: what a case does not name has the value that most have."""

from __future__ import annotations

import base64
from typing import Any

Record = dict[str, Any]

SERVER = {"ip": "10.0.0.1", "port": 8080}
CLIENT = {"ip": "10.0.0.2", "port": 40000}

# Of time and of the connection; tests of their own look at them.
VOLATILE = ("timestamp", "latencyMs", "connectionId")


def request(
    method: str, path: str, *, headers: dict[str, Any] | None = None, body: str | bytes = "", **more: Any
) -> Record:
    return _record({"direction": "request", "method": method, "path": path}, headers, body, more)


def response(
    status: int,
    reason: str = "OK",
    *,
    to: str | None = None,
    headers: dict[str, Any] | None = None,
    body: str | bytes = "",
    **more: Any,
) -> Record:
    """`to`: method and path of its request; none: it is not paired."""
    start: Record = {"direction": "response", "statusCode": status}
    if reason:
        start["reason"] = reason
    if to is not None:
        method, path = to.split(" ", 1)
        start["request"] = {"method": method, "path": path}
    return _record(start, headers, body, more)


def _record(start: Record, headers: dict[str, Any] | None, body: str | bytes, more: Record) -> Record:
    """`body` as bytes is one that is no UTF-8. A None in `more` takes a field away."""
    raw = body if isinstance(body, bytes) else body.encode()
    record: Record = {
        "receiver": SERVER,
        "destination": CLIENT,
        "httpVersion": "1.1",
        "headers": headers or {},
        "bodySize": len(raw),
        "exchange": 0,
        "complete": "incompleteReason" not in more,
        **start,
    }
    if isinstance(body, bytes):
        record |= {"body": base64.b64encode(body).decode(), "bodyEncoding": "base64"}
    elif body:
        record["body"] = body
    return {name: value for name, value in (record | more).items() if value is not None}


def comparable(record: Record) -> Record:
    return {name: value for name, value in record.items() if name not in VOLATILE}
