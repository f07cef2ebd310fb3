"""What the tests of redaction have in common."""

from __future__ import annotations

HIDDEN = "[REDACTED]"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"


def post(kind: str, body: bytes, path: str = "/") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
