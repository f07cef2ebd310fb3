"""The app of a labelled pod, and, with /records, a collector: server.py PORT..., until SIGTERM.

GET /hello           a few bytes            GET /big?BYTES      that many bytes of text
POST /records        keeps the lines        GET /records        gives them back, as NDJSON
"""

from __future__ import annotations

import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

RECORDS: list[bytes] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/records":
            self._answer(b"\n".join(RECORDS))
        elif url.path == "/big":
            self._answer(b"0123456789abcdef" * (int(url.query.split("&")[0]) // 16))
        else:
            self._answer(f"you said {self.path}\n".encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        RECORDS.extend(line for line in body.splitlines() if line)
        self._answer(b"")

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128


# To be waited for by sigwait, in every thread.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
servers = [Server(("", int(port)), Handler) for port in sys.argv[1:]]
for one in servers:
    threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.05}).start()
signal.sigwait({signal.SIGTERM, signal.SIGINT})
for one in servers:
    one.shutdown()
