"""POST: what a collector gets, what is tried again, and what a slow or hostile one can do."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from servers import Collector, collecting, get, listening, serving, unused_port
from sniffing import Sniffing, options, until


async def posted(
    folder: Path, target: int, collector: Collector, *more: str, requests: int = 1, **how: Any
) -> Sniffing:
    """One run with so many requests, to its end."""
    async with Sniffing(folder, *options(target, collector.url, *more), **how) as sniffing:
        await get(target, requests)
        await until(lambda: len(collector.records) >= 2 * requests, "the records")
        assert await sniffing.stop() == 0
    return sniffing


async def test_one_record_a_post(tmp_path: Path, target: int, collector: Collector) -> None:
    sniffing = await posted(
        tmp_path / "s", target, collector, "--output-stdout", requests=5, env={"OUTPUT_URL_AUTH_TOKEN": "t0ken"}
    )
    for post in collector.posts:
        assert post.headers["Content-Type"] == "application/json"
        assert post.headers["Authorization"] == "Bearer t0ken"
        assert len(post.records) == 1
    assert len({post.headers["Idempotency-Key"] for post in collector.posts}) == 10
    assert len({post.headers["Tcp-Sniffer-Delivery"] for post in collector.posts}) == 1
    by_key = sorted(collector.records, key=lambda record: (record["exchange"], record["direction"]))
    assert by_key == sorted(sniffing.records, key=lambda record: (record["exchange"], record["direction"]))
    assert sniffing.sink("http")["delivered"] == 10
    assert "t0ken" not in sniffing.log_text


async def test_batches(tmp_path: Path, target: int, collector: Collector) -> None:
    """NDJSON, at most so many in one; what is left goes after the delay."""
    more = ["--output-batch-max-messages", "8", "--output-batch-max-delay-ms", "300"]
    sniffing = await posted(tmp_path / "s", target, collector, *more, requests=10)
    assert {post.headers["Content-Type"] for post in collector.posts} == {"application/x-ndjson"}
    assert sorted(len(post.records) for post in collector.posts) == [4, 8, 8]
    assert all(post.body.endswith(b"\n") for post in collector.posts)
    assert sniffing.sink("http")["delivered"] == 20


async def test_batches_are_limited_in_bytes(tmp_path: Path, target: int, collector: Collector) -> None:
    """The limit holds for whole records, and none is lost or doubled by it."""
    more = ["--output-batch-max-messages", "100", "--output-batch-max-bytes", "1500"]
    await posted(tmp_path / "s", target, collector, *more, requests=10)
    assert len(collector.posts) > 3
    assert all(len(post.body) <= 1500 for post in collector.posts)
    assert len({(record["exchange"], record["direction"]) for record in collector.records}) == 20


async def test_keep_alive_and_concurrency(tmp_path: Path, target: int) -> None:
    """outputConcurrency connections at most, each used again."""
    async with collecting(Collector(delay=0.05)) as collector:
        await posted(tmp_path / "s", target, collector, "--output-concurrency", "3", requests=15)
        assert len({post.peer for post in collector.posts}) == 3
        began, ended = collector.posts[0].time, collector.posts[-1].time
        assert ended - began >= 30 / 3 * 0.05 * 0.8


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_these_answers_are_retried(tmp_path: Path, target: int, status: int) -> None:
    """After about a second, with the same key."""
    async with (
        collecting(Collector(lambda number: web.Response(status=status if number < 2 else 200))) as collector,
        Sniffing(tmp_path / "s", *options(target, collector.url)) as sniffing,
    ):
        await get(target)
        await until(lambda: len(collector.posts) == 4, "the retries")
        assert await sniffing.stop() == 0
    keys = [post.headers["Idempotency-Key"] for post in collector.posts]
    assert sorted(keys[:2]) == sorted(keys[2:])
    for key in set(keys):
        first, second = (post for post in collector.posts if post.headers["Idempotency-Key"] == key)
        assert first.body == second.body
        assert 0.7 <= second.time - first.time <= 2.5
    assert sniffing.sink("http")["delivered"] == 2


async def test_retry_after_is_obeyed(tmp_path: Path, target: int) -> None:
    def answer(number: int) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "3"}) if number == 0 else web.Response()

    async with (
        collecting(Collector(answer)) as collector,
        Sniffing(tmp_path / "s", *options(target, collector.url)) as sniffing,
    ):
        await get(target)
        await until(lambda: len(collector.posts) == 3, "the retry")
        assert await sniffing.stop() == 0
    first, *others = collector.posts  # the other record's goes out before the retry, or waits with it
    (again,) = [post for post in others if post.headers["Idempotency-Key"] == first.headers["Idempotency-Key"]]
    assert 2.9 <= again.time - first.time <= 5


NO_COLLECTOR_DOES_THIS = """
import aiohttp
def post(*_, **__):
    raise RuntimeError("of no kind that we know")
aiohttp.ClientSession.post = post
from appliance.cli import main
raise SystemExit(main())
"""


@pytest.mark.parametrize("spooled", [False, True])
async def test_an_error_of_any_kind_costs_its_records_alone(tmp_path: Path, target: int, spooled: bool) -> None:
    """More of them than there are workers: each is told and counted, and the output goes on."""
    more = ["--output-spool-directory", str(tmp_path / "spool")] if spooled else []
    command = options(target, "http://127.0.0.1:9/", "--output-concurrency", "2", *more)
    async with Sniffing(tmp_path / "s", *command, code=NO_COLLECTOR_DOES_THIS) as sniffing:
        await get(target, 3)
        await until(lambda: len(sniffing.events("post_failed")) == 6, "the failures")
        assert await sniffing.stop() == 0
    assert {event["error"] for event in sniffing.events("post_failed")} == {"RuntimeError: of no kind that we know"}
    assert sniffing.sink("http")["dropped"] == {"post_failed": 6}


async def test_an_answer_that_is_no_http_is_told_without_the_url(tmp_path: Path, target: int) -> None:
    """aiohttp's own words hold it, query and all, and there a token may be."""

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        await writer.drain()

    async with listening(nonsense) as port:
        url = f"http://user:passw0rd@127.0.0.1:{port}/?token=s3cret"
        async with Sniffing(tmp_path / "s", *options(target, url, "--shutdown-timeout-ms", "100")) as sniffing:
            await get(target, 5)
            told = await sniffing.until_event("circuit_open")
            assert await sniffing.stop() == 6
    assert told["error"].startswith("ClientResponseError: Bad status line")
    assert "s3cret" not in sniffing.log_text
    assert "passw0rd" not in sniffing.log_text


async def test_three_retries_then_the_record_is_given_up(tmp_path: Path, target: int) -> None:
    """After about 1, 2 and 4 seconds; logged and counted, and the capture goes on."""
    async with collecting(Collector(lambda _: web.Response(status=503))) as collector:
        more = ["--output-batch-max-messages", "10"]
        async with Sniffing(tmp_path / "s", *options(target, collector.url, *more)) as sniffing:
            await get(target)
            failed = await sniffing.until_event("post_failed")
            assert await sniffing.stop() == 0
    times = [post.time for post in collector.posts]
    waits = [after - before for before, after in itertools.pairwise(times)]
    assert [round(wait, 1) for wait in waits] == [pytest.approx(wait, rel=0.35) for wait in (1, 2, 4)]
    assert failed["error"] == "status 503"
    assert (failed["attempts"], failed["records"]) == (4, 2)
    assert sniffing.sink("http")["dropped"] == {"post_failed": 2}


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404])
async def test_these_answers_are_final(tmp_path: Path, target: int, collector: Collector, status: int) -> None:
    """A redirect is not followed either."""

    async def refuse(request: web.Request) -> web.Response:
        await request.read()
        refused.append(request.path)
        return web.Response(status=status, headers={"Location": collector.url})

    refused: list[str] = []
    async with (
        serving(refuse) as port,
        Sniffing(tmp_path / "s", *options(target, f"http://127.0.0.1:{port}/")) as sniffing,
    ):
        await get(target)
        await until(lambda: len(sniffing.events("post_failed")) == 2, "the failures")
        assert await sniffing.stop() == 0
    assert len(refused) == 2
    assert collector.posts == []
    assert sniffing.sink("http")["dropped"] == {"post_failed": 2}


async def test_connection_errors_are_retried(tmp_path: Path, target: int) -> None:
    """The collector comes up only after the first attempt."""
    port = unused_port()
    collector = Collector()
    async with Sniffing(tmp_path / "s", *options(target, f"http://127.0.0.1:{port}/")) as sniffing:
        await get(target)
        await asyncio.sleep(0.5)
        runner = web.AppRunner(_app(collector), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await until(lambda: len(collector.records) == 2, "the records")
        assert await sniffing.stop() == 0
        await runner.cleanup()
    assert sniffing.sink("http")["delivered"] == 2


def _app(collector: Collector) -> web.Application:
    app = web.Application()
    app.router.add_post("/", collector.handle)
    return app


async def test_timeouts_are_retried(tmp_path: Path, target: int) -> None:
    async with collecting(Collector(delay=1)) as collector:
        more = ["--output-timeout-ms", "300", "--output-batch-max-messages", "10"]
        async with Sniffing(tmp_path / "s", *options(target, collector.url, *more)) as sniffing:
            await get(target)
            await until(lambda: len(collector.posts) >= 2, "the retry")
            collector._delay = 0
            assert await sniffing.stop() == 0
    assert len({post.headers["Idempotency-Key"] for post in collector.posts}) == 1
    assert sniffing.sink("http")["delivered"] == 2


@pytest.mark.parametrize(("status", "dropped"), [(200, {}), (400, {"post_failed": 2})])
async def test_an_answer_counts_though_its_body_does_not_come(
    tmp_path: Path, target: int, status: int, dropped: dict[str, int]
) -> None:
    """Ten bytes are announced and none follows, until the connection is closed or the time is over."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 10\r\n\r\n" % status)
        posts.append(writer)
        if len(posts) > 1:
            writer.close()

    posts: list[asyncio.StreamWriter] = []
    async with await asyncio.start_server(answer, "127.0.0.1", port := unused_port()):
        more = ["--output-timeout-ms", "1000"]
        async with Sniffing(tmp_path / "s", *options(target, f"http://127.0.0.1:{port}/", *more)) as sniffing:
            await get(target)
            await until(lambda: len(posts) == 2, "the posts")
            assert await sniffing.stop() == 0
        posts[0].close()
        await asyncio.gather(*(post.wait_closed() for post in posts), return_exceptions=True)
    assert (sniffing.sink("http")["produced"], sniffing.sink("http")["dropped"]) == (2, dropped)
    assert len(posts) == 2


async def test_an_answer_with_a_long_header_counts(tmp_path: Path, target: int) -> None:
    """A gateway's cookie or policy: the collector has taken the record."""
    long = lambda _: web.Response(headers={"Content-Security-Policy": "x" * 60_000})  # noqa: E731
    async with collecting(Collector(long)) as collector:
        sniffing = await posted(tmp_path / "s", target, collector)
    assert len(collector.posts) == 2
    assert sniffing.sink("http")["delivered"] == 2


async def test_an_endless_header_is_no_answer(tmp_path: Path, target: int) -> None:
    """What is kept of it is bounded."""
    long = lambda _: web.Response(headers={"X-Long": "x" * 200_000})  # noqa: E731
    more = ["--shutdown-timeout-ms", "100"]
    async with (
        collecting(Collector(long)) as collector,
        Sniffing(tmp_path / "s", *options(target, collector.url, *more)) as sniffing,
    ):
        await get(target)
        await until(lambda: len(collector.posts) == 2, "the posts")
        assert await sniffing.stop() == 6
    assert sniffing.sink("http")["delivered"] == 0


async def test_a_slow_collector_slows_nothing_else(tmp_path: Path, target: int) -> None:
    """Stdout has every record at once; the collector's queue is bounded, and what is over it is counted."""
    async with collecting(Collector(delay=30)) as collector:
        more = ["--output-stdout", "--output-queue-size", "65536", "--shutdown-timeout-ms", "300"]
        async with Sniffing(tmp_path / "s", *options(target, collector.url, *more)) as sniffing:
            for round_ in range(1, 11):  # each fits into the queue, all of them together do not
                await get(target, 20)
                await sniffing.until_records(40 * round_)
            assert await sniffing.stop() == 6
    http = sniffing.sink("http")
    assert http["dropped"]["queue_full"] > 0
    assert http["dropped"]["drain_timeout"] > 0
    assert sniffing.sink("stdout")["delivered"] == 400


async def test_retries_are_cut_to_the_time_that_is_left(tmp_path: Path, target: int) -> None:
    """At the end a collector that recovers still gets everything within shutdownTimeoutMs."""
    recovered = asyncio.Event()
    answer = lambda _: web.Response(status=200 if recovered.is_set() else 503)  # noqa: E731
    async with collecting(Collector(answer)) as collector:
        more = ["--shutdown-timeout-ms", "2000", "--output-batch-max-messages", "10"]
        async with Sniffing(tmp_path / "s", *options(target, collector.url, *more)) as sniffing:
            await get(target)
            await until(lambda: len(collector.posts) == 3, "two retries: four seconds to the third")
            recovered.set()
            began = asyncio.get_running_loop().time()
            assert await sniffing.stop() == 0
            assert asyncio.get_running_loop().time() - began < 3
    assert sniffing.sink("http")["delivered"] == 2


async def test_delivery_on_sigterm(tmp_path: Path, target: int) -> None:
    """What is queued when the signal comes is delivered first."""
    async with (
        collecting(Collector(delay=0.02)) as collector,
        Sniffing(tmp_path / "s", *options(target, collector.url, "--output-concurrency", "2")) as sniffing,
    ):
        await sniffing.until_event("start")
        await get(target, 100)
        assert await sniffing.stop() == 0
    assert len(collector.records) == 200
    assert sniffing.sink("http")["delivered"] == 200


async def test_a_proxy_of_the_environment_is_not_used(tmp_path: Path, target: int, collector: Collector) -> None:
    nowhere = f"http://127.0.0.1:{unused_port()}"
    env = {"HTTP_PROXY": nowhere, "http_proxy": nowhere, "NO_PROXY": "", "no_proxy": ""}
    sniffing = await posted(tmp_path / "s", target, collector, env=env)
    assert sniffing.sink("http")["delivered"] == 2
