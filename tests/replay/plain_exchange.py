"""The exchange that the cases of TCP carry, and the records that it comes out as."""

from __future__ import annotations

from expected import request, response

GET = b"GET / HTTP/1.1\r\n\r\n"
GOT = request("GET", "/")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"
FIELDS = {"content-length": "10"}
ANSWERED = response(200, to="GET /", headers=FIELDS, body="0123456789")
BODY_AT = len(OK) - 10
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"

ORDER_WHY = "the order of the packets is what the case is about"
