"""Collectors that fail, each in its way: what the log says, and that all is delivered once they are well again.

The table in docs/delivery.md has a row for each.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from certificates import Authority
from servers import Collector, collecting, get, serving, unused_port
from sniffing import Sniffing, until

LARGE = 600_000
Fault = Callable[[web.Request], Awaitable[web.Response]]


class Faulty(Collector):
    """Does what `fault` does until it is `well`."""

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self.fault = fault
        self.well = False
        self.tries: list[float] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.tries.append(time.monotonic())
        if self.well:
            return await super().handle(request)
        return await self.fault(request)


@contextlib.asynccontextmanager
async def faulty(fault: Fault) -> AsyncIterator[Faulty]:
    collector = Faulty(fault)
    async with serving(collector.handle) as collector.port:
        yield collector


async def hang(_: web.Request) -> web.Response:
    await asyncio.sleep(3600)
    return web.Response()


async def cut_off(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.write(b"HTTP/1.1 20")
    request.transport.close()
    return web.Response()


async def cut_off_upload(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def cut_off_a_large_upload(request: web.Request) -> web.Response:
    """A third of it came."""
    assert request.content_length is not None
    if request.content_length > LARGE:
        await request.content.readexactly(LARGE // 3)
    return await cut_off_upload(request)


async def error_500(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=500)


async def patience(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=429, headers={"Retry-After": "3"})


def options(target: int, url: str, spool: Path | None, *more: str) -> list[str]:
    found = ["--ports", str(target), "--output-url", url, "--output-timeout-ms", "1000", *more]
    return found + (["--output-spool-directory", str(spool)] if spool else [])


def assert_all_delivered(sniffing: Sniffing, collector: Collector, records: int) -> None:
    """The ledger balances (sink() checks), and the collector saw what it counts as delivered."""
    http = sniffing.sink("http")
    assert (http["delivered"], http["dropped"], http["spooled"]) == (records, {}, 0)
    seen = {(record["connectionId"], record["exchange"], record["direction"]) for record in collector.records}
    assert len(seen) == records


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (hang, "timeout"),
        (cut_off, "ServerDisconnectedError"),
        (cut_off_upload, "ServerDisconnectedError"),
        (error_500, "status 500"),
        (patience, "status 429"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_what_fails_waits_on_disk(tmp_path: Path, target: int, fault: Fault, error: str) -> None:
    async with (
        faulty(fault) as collector,
        Sniffing(tmp_path / "s", *options(target, collector.url, tmp_path / "spool")) as sniffing,
    ):
        await get(target, 3)
        warning = await sniffing.until_event("post_spooled")
        assert warning["error"].startswith(error)
        assert warning["url"] == collector.url
        collector.well = True
        await until(lambda: len(collector.records) >= 6, "the records")
        assert await sniffing.stop() == 0
    assert len(sniffing.events("post_spooled")) == 1, "one line, not one for each"
    assert_all_delivered(sniffing, collector, 6)


async def large(_: web.Request) -> web.Response:
    return web.Response(body=b"x" * LARGE)


async def test_a_large_upload_that_is_cut_off_midway(tmp_path: Path) -> None:
    async with (
        serving(large) as target,
        faulty(cut_off_a_large_upload) as collector,
        Sniffing(
            tmp_path / "s", *options(target, collector.url, tmp_path / "spool"),
            f"--max-body-size={2 * LARGE}", f"--max-record-size={4 * LARGE}",
        ) as sniffing,
    ):  # fmt: skip
        await get(target, 3)
        warning = await sniffing.until_event("post_spooled")
        assert warning["error"].startswith(("ServerDisconnectedError", "ClientOSError: [Errno 104]"))
        await until(lambda: len(collector.tries) >= 6, "each of them")
        collector.well = True
        await until(lambda: len(collector.records) >= 6, "the records")
        assert await sniffing.stop() == 0
    assert_all_delivered(sniffing, collector, 6)
    answers = [record for record in collector.records if record["direction"] == "response"]
    assert {len(record["body"]) for record in answers} == {LARGE}


class HalfAnswers(Collector):
    """Takes what is posted, and goes away in the midst of its answer, whose status has come."""

    async def handle(self, request: web.Request) -> web.Response:
        answer = await super().handle(request)
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 %d So\r\nContent-Length: 100\r\n\r\nhalf of" % answer.status)
        request.transport.close()
        return answer


async def test_an_answer_that_is_cut_off_after_its_status_is_one(tmp_path: Path, target: int) -> None:
    """The first is a 500: that record alone comes again."""
    posts = HalfAnswers(lambda number: web.Response(status=200 if number else 500))
    async with (
        collecting(posts) as collector,
        Sniffing(tmp_path / "s", *options(target, collector.url, tmp_path / "spool")) as sniffing,
    ):
        await get(target, 3)
        await until(lambda: len(collector.posts) >= 7, "the records")
        assert await sniffing.stop() == 0
    assert sniffing.events("post_spooled")[0]["error"] == "status 500"
    assert len(collector.posts) == 7
    assert_all_delivered(sniffing, collector, 6)


async def test_patience_that_is_asked_for(tmp_path: Path, target: int) -> None:
    """429 with Retry-After: nobody comes before it is over, what is new waits on disk too."""
    async with (
        faulty(patience) as collector,
        Sniffing(tmp_path / "s", *options(target, collector.url, tmp_path / "spool")) as sniffing,
    ):
        await get(target)
        opened = await sniffing.until_event("circuit_open")
        assert (opened["error"], opened["probeSeconds"]) == ("status 429", 3.0)
        before = len(collector.tries)
        collector.well = True
        await get(target, 10)
        await until(lambda: len(collector.records) >= 22, "the records")
        assert await sniffing.stop() == 0
    assert collector.tries[before] - collector.tries[0] >= 2.3  # less the jitter
    assert_all_delivered(sniffing, collector, 22)


async def test_a_slow_collector_gets_everything(tmp_path: Path, target: int) -> None:
    """Slower than the patience of memory: what it has not answered is on disk meanwhile, and sent once."""
    async with (
        collecting(Collector(delay=0.6)) as collector,
        Sniffing(tmp_path / "s", *options(target, collector.url, tmp_path / "spool")) as sniffing,
    ):
        await get(target, 10)
        await until(lambda: len(collector.records) >= 20, "the records")
        assert await sniffing.stop() == 0
    assert len(collector.records) == 20
    assert not sniffing.events("post_spooled")
    assert_all_delivered(sniffing, collector, 20)


async def test_every_other_answer_is_500(tmp_path: Path, target: int) -> None:
    posts = Collector(lambda number: web.Response(status=500 if number % 2 else 200))
    async with (
        collecting(posts) as collector,
        Sniffing(tmp_path / "s", *options(target, collector.url, tmp_path / "spool")) as sniffing,
    ):
        await get(target, 4)
        taken = lambda: [post for number, post in enumerate(collector.posts) if number % 2 == 0]  # noqa: E731
        await until(lambda: len({post.headers["Idempotency-Key"] for post in taken()}) == 8, "each one", 60)
        assert await sniffing.stop() == 0
    assert sniffing.events("post_spooled")[0]["error"] == "status 500"
    assert len(taken()) == 8, "none of them twice"
    assert_all_delivered(sniffing, collector, 8)


async def test_a_redirect_is_final(tmp_path: Path, target: int, collector: Collector) -> None:
    async def elsewhere(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=307, headers={"Location": collector.url})

    async with (
        faulty(elsewhere) as first,
        Sniffing(tmp_path / "s", *options(target, first.url, tmp_path / "spool")) as sniffing,
    ):
        await get(target)
        await until(lambda: len(sniffing.events("post_failed")) == 2, "the errors")
        assert await sniffing.stop() == 0
    assert {event["error"] for event in sniffing.events("post_failed")} == {"status 307"}
    assert collector.posts == []
    assert sniffing.sink("http")["dropped"] == {"post_failed": 2}


@contextlib.asynccontextmanager
async def listening(collector: Collector, port: int, tls: Any = None) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_post("/{path:.*}", collector.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def test_a_wrong_certificate_gets_nothing_until_it_is_right(tmp_path: Path, target: int) -> None:
    for name in ("wrong", "right"):
        (tmp_path / name).mkdir()
    wrong, right = Authority(tmp_path / "wrong"), Authority(tmp_path / "right")
    port, refused, collector = unused_port(), Collector(), Collector()
    more = ["--output-ca-file", str(right.certificate)]
    url = f"https://127.0.0.1:{port}/"
    async with Sniffing(tmp_path / "s", *options(target, url, tmp_path / "spool", *more)) as sniffing:
        async with listening(refused, port, wrong.server()):
            await get(target, 3)
            warning = await sniffing.until_event("post_spooled")
            assert "certificate verify failed" in warning["error"].lower()
        async with listening(collector, port, right.server()):
            await until(lambda: len(collector.records) >= 6, "the records")
            assert await sniffing.stop() == 0
    assert refused.posts == []
    assert_all_delivered(sniffing, collector, 6)


class Departing(Collector):
    """Closes each connection, so that the next POST asks for its address again."""

    async def handle(self, request: web.Request) -> web.Response:
        answer = await super().handle(request)
        answer.force_close()
        return answer


async def test_a_name_that_is_gone_and_comes_back(tmp_path: Path, target: int) -> None:
    """It goes while records are delivered. /etc/hosts is the name service, in a mount namespace of its own."""
    hosts, servers, collector = tmp_path / "hosts", tmp_path / "resolv.conf", Departing()
    there, gone = "127.0.0.1 localhost collector.test\n", "127.0.0.1 localhost\n"
    hosts.write_text(there)
    servers.write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
    script = f'mount --bind {hosts} /etc/hosts && mount --bind {servers} /etc/resolv.conf && exec "$@"'
    prefix = ["unshare", "--mount", "sh", "-c", script, "sh"]
    async with collecting(collector):
        url = f"http://collector.test:{collector.port}/"
        more = options(target, url, tmp_path / "spool", "--allow-insecure-output-url")
        async with Sniffing(tmp_path / "s", *more, prefix=prefix) as sniffing:
            await get(target, 3)
            await until(lambda: len(collector.records) >= 6, "the records while it is there")
            assert not sniffing.events("post_spooled")
            hosts.write_text(gone)
            requests = 3
            while not sniffing.events("post_spooled"):  # an address is remembered for ten seconds
                await get(target)
                requests += 1
                await asyncio.sleep(0.1)
            (warning,) = sniffing.events("post_spooled")
            assert warning["error"].startswith("ClientConnectorDNSError: Cannot connect to host collector.test")
            assert len(collector.records) < 2 * requests
            hosts.write_text(there)
            await until(lambda: len(collector.records) >= 2 * requests, "the records")
            assert await sniffing.stop() == 0
    assert_all_delivered(sniffing, collector, 2 * requests)


@pytest.mark.parametrize("spooled", [True, False], ids=["spool", "memory"])
async def test_a_dead_collector_is_probed_not_hammered(tmp_path: Path, target: int, spooled: bool) -> None:
    """Once the circuit is open, one POST after 1 s, one after 2 s more; the first answer closes it."""
    async with (
        faulty(error_500) as collector,
        Sniffing(tmp_path / "s", *options(target, collector.url, tmp_path / "spool" if spooled else None)) as sniffing,
    ):
        await get(target, 20)
        opened = await sniffing.until_event("circuit_open")
        assert opened["error"] == "status 500"
        await until(lambda: time.monotonic() - collector.tries[-1] > 0.5, "those on their way")
        tries, since = len(collector.tries), time.monotonic()
        await get(target, 20)
        await until(lambda: len(collector.tries) >= tries + 2, "two probes")
        assert time.monotonic() - since > 1
        assert len(collector.tries) == tries + 2
        collector.well = True
        closed = await sniffing.until_event("circuit_closed")
        assert closed["seconds"] > 1
        assert await sniffing.stop() == 0
    http = sniffing.sink("http")
    assert http["circuitOpen"] == 0
    assert http["delivered"] + sum(http["dropped"].values()) + http.get("spooled", 0) == 80
