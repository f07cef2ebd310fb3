"""Whoever asks, and however badly: the server's memory has bounds, and reviews go on."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import socket
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from api import Api
from conftest import Serve, Serving, review_of
from sniffing import until
from test_server import mutate, pod

from webhook import quantity
from webhook.admission import MAX_SMALL

pytestmark = pytest.mark.timeout(300)

DEPLOYMENT = yaml.safe_load((Path(__file__).parents[2] / "config" / "base" / "deployment.yaml").read_text())
(CONTAINER,) = DEPLOYMENT["spec"]["template"]["spec"]["containers"]
LIMIT = int(quantity.parse(CONTAINER["resources"]["limits"]["memory"]) or 0)
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(serving: Serving) -> Connection:
    url = urlsplit(serving.url)
    return await asyncio.open_connection(url.hostname, url.port, ssl=ssl._create_unverified_context())


def is_closed(reader: asyncio.StreamReader) -> bool:
    return reader.at_eof() or reader.exception() is not None


def most_memory(serving: Serving) -> int:
    """Bytes; the most that were resident."""
    status = Path(f"/proc/{serving.process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def open_sockets(serving: Serving) -> int:
    count = 0
    for descriptor in Path(f"/proc/{serving.process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            count += str(descriptor.readlink()).startswith("socket:")
    return count


def head(length: int, timeout: int = 5) -> bytes:
    return (
        b"POST /mutate/pod?timeout=%ds HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % (timeout, length)
    )


async def is_answered(asking: Connection) -> bool:
    reader, writer = asking
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    return head.startswith(b"HTTP/1.1 200 ") and await reader.readexactly(3) == b"ok\n"


async def test_connections_that_ask_nothing_make_room(serve: Serve) -> None:
    serving = await serve()
    asking = await connect(serving)
    assert await is_answered(asking)
    idle = [await connect(serving) for _ in range(600)]
    # Theirs went first: who asked is still connected. And a new one comes through.
    assert await is_answered(asking)
    assert "patch" in await mutate(serving, review_of(pod()))
    await until(lambda: sum(not is_closed(reader) for reader, _ in idle) < 128, "the closed connections")
    assert sum(not is_closed(reader) for reader, _ in idle) > 100
    assert most_memory(serving) < LIMIT
    for _, writer in [asking, *idle]:
        writer.close()


async def test_who_says_no_farewell_makes_room_too(serve: Serve) -> None:
    """Clients that read nothing after their handshake, so that no end of TLS is ever acknowledged."""
    serving = await serve()
    url = urlsplit(serving.url)
    tls = ssl._create_unverified_context()
    silent = []
    for _ in range(400):
        plain = socket.create_connection((url.hostname or "", url.port or 0), timeout=30)
        silent.append(tls.wrap_socket(plain))
    assert "patch" in await mutate(serving, review_of(pod()))
    await until(lambda: open_sockets(serving) < 140, "the closed connections")
    for client in silent:
        client.close()


async def test_bodies_that_do_not_come(serve: Serve) -> None:
    serving = await serve()
    senders = [await connect(serving) for _ in range(100)]
    for _, writer in senders:
        writer.write(head(3_000_000) + b"[" * 2_900_000)
    small = await mutate(serving, review_of(pod()))
    assert "patch" in small, "what is small does not wait for what is large"
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.gather(*(writer.drain() for _, writer in senders), return_exceptions=True), 3)
    assert most_memory(serving) < LIMIT
    for _, writer in senders:
        writer.transport.abort()


@pytest.mark.parametrize("stalls", ["client", "API server"])
async def test_waits_add_up_to_one_deadline(serve: Serve, api: Api, stalls: str) -> None:
    """For the slot, the body and the decision together: the API server has left by then, and others want the slot."""
    serving = await serve()
    before, (reader, writer) = await connect(serving), await connect(serving)
    before[1].write(head(3_000_000, timeout=4))  # has the slot for 3.6 s
    await asyncio.sleep(0.5)
    body = json.dumps(review_of(pod(), namespace="slow")).encode().ljust(100_000)
    api.delay = 30
    began = time.monotonic()
    writer.write(head(len(body), timeout=5) + body[:-1])  # may take 4.5 s
    await asyncio.wait_for(before[0].readuntil(b"\r\n\r\n"), 30)
    assert time.monotonic() - began > 2
    if stalls == "API server":
        writer.write(body[-1:])
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    took = time.monotonic() - began
    assert answer.split()[1] == (b"408" if stalls == "client" else b"500")
    assert took < 5.5, "another three seconds and more for what it waits for last"
    for connection in (before[1], writer):
        connection.transport.abort()


async def test_config_maps_as_large_as_they_may_be(serve: Serve, api: Api) -> None:
    """Of many namespaces: what is remembered of each is what the decision reads, were the rest a mebibyte."""
    serving = await serve()
    large = {"sniffer.yaml": "#" * 500_000, "another.yaml": "#" * 500_000}
    for number in range(300):
        api.put(f"/api/v1/namespaces/large-{number}", kind="Namespace")
        api.put(f"/api/v1/namespaces/large-{number}/configmaps/tcp-sniffer", data=large)
    told = 0
    async with serving.client(limit=8) as client:

        async def send(number: int) -> None:
            nonlocal told
            async with client.post("/mutate/pod", json=review_of(pod(), namespace=f"large-{number}")) as answer:
                told += "at most 65536 characters" in await answer.text()

        await asyncio.gather(*map(send, range(300)))
    assert told > 100, "where the machine is so slow that it does not come in time, that is told instead"
    assert most_memory(serving) < LIMIT / 2


async def test_large_answers_of_the_api_server(serve: Serve, api: Api) -> None:
    """Sixteen at once, that are held for as long as anybody waits for a namespace."""
    serving = await serve()
    names = [f"endless-{number}" for number in range(16)]
    api.endless = {f"/api/v1/namespaces/{name}" for name in names}
    async with serving.client() as client:

        async def send(name: str) -> int:
            async with client.post("/mutate/pod?timeout=9s", json=review_of(pod(), namespace=name)) as answer:
                return answer.status

        assert set(await asyncio.gather(*map(send, names))) == {500}
    assert most_memory(serving) < LIMIT * 2 / 3
    assert "patch" in await mutate(serving, review_of(pod()))


async def test_many_that_wait_for_the_api_server(serve: Serve, api: Api) -> None:
    """As many as may connect, each as large as may be beside others, and of what becomes largest in memory."""
    serving = await serve()
    api.delay = 3
    grown = {**pod(), "grown": [[]] * 8000}
    bodies = [json.dumps(review_of(grown, namespace=f"waiting-{number}")) for number in range(120)]
    assert MAX_SMALL * 0.9 < len(bodies[-1]) <= MAX_SMALL
    async with serving.client(limit=120) as client:

        async def send(body: str) -> int:
            headers = {"Content-Type": "application/json"}
            async with client.post("/mutate/pod", data=body, headers=headers) as answer:
                return answer.status

        assert set(await asyncio.gather(*map(send, bodies))) <= {200, 500}
    assert most_memory(serving) < LIMIT * 2 / 3


async def test_json_that_grows(serve: Serve) -> None:
    """Three MiB of text that become sixty in memory, ten times at once."""
    serving = await serve()
    body = b"[" + b"[]," * 1_000_000 + b"[]]"
    async with serving.client() as client:

        async def send() -> int:
            headers = {"Content-Type": "application/json"}
            async with client.post("/mutate/pod?timeout=30s", data=io.BytesIO(body), headers=headers) as answer:
                return answer.status

        assert set(await asyncio.gather(*(send() for _ in range(10)))) <= {400, 503}
    assert most_memory(serving) < LIMIT
    assert "patch" in await mutate(serving, review_of(pod()))


async def test_a_large_pod_is_reviewed(serve: Serve) -> None:
    serving = await serve()
    large = pod(annotations={"notes": "x" * 200_000})
    assert len(json.dumps(large)) > 200_000
    responses = await asyncio.gather(*(mutate(serving, review_of(large)) for _ in range(8)))
    assert all("patch" in response for response in responses)
