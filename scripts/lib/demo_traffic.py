"""The demo's traffic: a small HTTP service, and a client that calls it a few times over one connection."""

from __future__ import annotations

import json
import sys
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"
REQUESTS = [
    ("GET", "/orders?page=1", None),
    ("POST", "/orders", {"item": "coffee", "count": 2}),
    ("GET", "/orders/404", None),
]


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/orders/404":
            self._answer(404, {"error": "no such order"})
        else:
            self._answer(200, {"orders": [{"id": 17, "item": "tea"}]})

    def do_POST(self) -> None:
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(201, {"id": 18, **order})

    def _answer(self, status: int, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Silent: what is shown comes from the sniffer."""


def call(port: int) -> None:
    connection = HTTPConnection(HOST, port)
    for method, path, document in REQUESTS:
        body = None if document is None else json.dumps(document)
        connection.request(method, path, body, {"Authorization": "Bearer demo", "Content-Type": "application/json"})
        connection.getresponse().read()
    connection.close()


if __name__ == "__main__":
    role, port = sys.argv[1], int(sys.argv[2])
    if role == "server":
        ThreadingHTTPServer((HOST, port), Service).serve_forever()
    else:
        call(port)
