"""A record as a typed, frozen Python object. The shape stands in message.schema.json."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

# A value, or the values of a name that repeats. Names are in lower case.
Headers = Mapping[str, str | tuple[str, ...]]


class Endpoint(NamedTuple):
    ip: str
    port: int


class RequestReference(NamedTuple):
    """Which request a response answers."""

    method: str
    path: str


class Frames(NamedTuple):
    """The packets of a message in one file of the recording, both ends included."""

    sequence: int
    first_frame: int
    last_frame: int


class Source(NamedTuple):
    """Where the sniffer runs."""

    pod: str | None = None
    namespace: str | None = None
    node: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpMessage:
    """What requests and responses have in common. A field that does not apply is None, or False for a flag."""

    timestamp: datetime
    receiver: Endpoint
    destination: Endpoint
    direction: Literal["request", "response"]
    headers: Headers
    body: bytes = b""
    # "base64" where the record holds the body as base64; `body` is decoded here.
    body_encoding: str | None = None
    body_truncated: bool = False
    # redactFields could not be searched for: the body is withheld.
    body_redacted: bool = False
    # The content coding was undone: `body` is what came of it, `decoded_size` bytes.
    content_decoded: bool = False
    body_size: int
    decoded_size: int | None = None
    head_encoding: str | None = None
    headers_truncated: bool = False
    trailers: Headers = field(default_factory=lambda: MappingProxyType({}))
    trailers_encoding: str | None = None
    http_version: str | None = None
    connection_id: str | None = None
    exchange: int | None = None
    # Of the request's traceparent header: 32 and 16 hexadecimal digits.
    trace_id: str | None = None
    parent_span_id: str | None = None
    complete: bool
    incomplete_reason: str | None = None
    missing_bytes: int | None = None
    midstream: bool = False
    ambiguous_framing: bool = False
    conflicting_data: bool = False
    # More than one where the message crosses files; none where nothing is recorded, and in a replay.
    pcap: tuple[Frames, ...] = ()
    source: Source | None = None

    @property
    def text(self) -> str | None:
        """The body as text; None where it is none."""
        return None if self.body_encoding else self.body.decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest(HttpMessage):
    method: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse(HttpMessage):
    status_code: int | None = None
    reason: str | None = None
    latency_ms: float | None = None
    request: RequestReference | None = None
    interim: bool = False


def message_from_record(record: Mapping[str, Any]) -> HttpRequest | HttpResponse:
    values = {_snake_case(name): value for name, value in record.items()}
    for name, convert in _CONVERSIONS.items():
        if name in values:
            values[name] = convert(values[name])
    values["body"] = _body(record)
    return HttpResponse(**values) if record["direction"] == "response" else HttpRequest(**values)


def _snake_case(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)


def _headers(values: Mapping[str, Any]) -> Headers:
    return MappingProxyType({name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})


def _body(record: Mapping[str, Any]) -> bytes:
    body: str = record.get("body", "")
    return base64.b64decode(body) if record.get("bodyEncoding") == "base64" else body.encode()


_CONVERSIONS: dict[str, Any] = {
    "timestamp": datetime.fromisoformat,
    "receiver": lambda end: Endpoint(**end),
    "destination": lambda end: Endpoint(**end),
    "headers": _headers,
    "trailers": _headers,
    "pcap": lambda files: tuple(Frames(file["sequence"], file["firstFrame"], file["lastFrame"]) for file in files),
    "source": lambda source: Source(**source),
    "request": lambda request: RequestReference(request["method"], request["path"]),
}
