"""A reader of the engine's records that is late: what comes meanwhile takes no more room than it is large."""

from __future__ import annotations

import asyncio
import http.client
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sniffing import until

from appliance import HttpMessage, create_sniffer

LATE = 3.0  # seconds
REQUESTS = 60


class Hello(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        pass


def ask(port: int, during: float) -> None:
    """So many requests, evenly."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for _ in range(REQUESTS):
        connection.request("GET", "/")
        connection.getresponse().read()
        time.sleep(during / REQUESTS)
    connection.close()


async def test_a_callback_that_takes_seconds_costs_no_record() -> None:
    """A few kilobytes come while nobody reads, some at a time, and the engine's queue holds a megabyte."""
    messages: list[HttpMessage] = []

    def slow(message: HttpMessage) -> None:
        if not messages:
            time.sleep(LATE)
        messages.append(message)

    with ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        sniffer = create_sniffer({"interface": "lo", "ports": [port], "maxMemory": 8 << 20}, on_http_message=slow)
        await sniffer.start()
        await asyncio.to_thread(ask, port, LATE * 0.9)
        await until(lambda: len(messages) >= 2 * REQUESTS, "the messages")
        await sniffer.stop()
        server.shutdown()
    assert sniffer.stats()["messages"]["queue_full"] == 0
