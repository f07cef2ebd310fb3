"""What is on disk goes out beside the new: at a bounded rate, on some of the connections, oldest first."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import web
from servers import Collector, Post, collecting, get
from sniffing import Sniffing, until
from spooling import assert_one_key_each, options

from appliance.spool.delivery import Delivery
from appliance.spool.store import MIB, SpoolStore

A_SECOND = 500  # of the old
WINDOW = 50  # POSTs
# On a busy machine they may be slower than that anyhow; not than this.
SLOWED = """
from appliance.sinks import spooled
from appliance.cli import main
spooled._AGAIN_A_SECOND = 50
raise SystemExit(main())
"""


class Rush(Collector):
    """After an outage: tells the POSTs that were on disk from the new ones, and how many of each come at once."""

    def __init__(self, delay: float = 0) -> None:
        super().__init__(delay=delay)
        self._at_once = {True: 0, False: 0}
        self.most = {True: 0, False: 0}  # of the old, of the new

    async def handle(self, request: web.Request) -> web.Response:
        old = is_old(request.headers["Idempotency-Key"])
        self._at_once[old] += 1
        self.most[old] = max(self.most[old], self._at_once[old])
        try:
            return await super().handle(request)
        finally:
            self._at_once[old] -= 1

    def those(self, *, old: bool) -> list[Post]:
        return [post for post in self.posts if is_old(post.headers["Idempotency-Key"]) == old]

    async def until_those(self, count: int, *, old: bool) -> None:
        await until(lambda: len(self.those(old=old)) >= count, f"{count} of the {'old' if old else 'new'}", 60)


def is_old(key: str) -> bool:
    return key.startswith("old-")


def fill(spool: Path, count: int) -> list[str]:
    """As an earlier process left it; the keys, oldest first."""
    left = [Delivery(f"old-{number}", json.dumps({"old": number}).encode(), 1, ndjson=False) for number in range(count)]
    with closing(SpoolStore(str(spool), 64 * MIB, 3600)) as store:
        store.put(left)
    return [delivery.key for delivery in left]


def assert_all_came(sniffing: Sniffing, collector: Rush, old: int, new: int) -> None:
    http = sniffing.sink("http")
    assert (http["recovered"], http["produced"], http["delivered"], http["dropped"]) == (old, new, old + new, {})
    assert len(collector.posts) == old + new, "none of them twice"
    assert_one_key_each(collector)


@pytest.mark.parametrize(("count", "a_second", "code"), [(1500, A_SECOND, None), (300, 50, SLOWED)])
async def test_the_old_go_at_a_bounded_rate_and_the_new_do_not_wait_for_them(
    tmp_path: Path, target: int, count: int, a_second: int, code: str | None
) -> None:
    keys = fill(tmp_path / "spool", count)
    # A quarter of the connections is one: what arrives is in the order in which it left.
    more = ["--output-concurrency", "4"]
    async with (
        collecting(Rush()) as collector,
        Sniffing(tmp_path / "s", *options(target, collector.port, tmp_path / "spool", *more), code=code) as sniffing,
    ):
        for number in range(1, 6):
            await collector.until_those(number * count // 10, old=True)
            await get(target)
            await collector.until_those(2 * number, old=False)
            assert len(collector.those(old=True)) < len(keys), "the new come before the last of the old"
        await collector.until_those(len(keys), old=True)
        assert await sniffing.stop() == 0
    assert_all_came(sniffing, collector, len(keys), 10)
    old = collector.those(old=True)
    assert [post.headers["Idempotency-Key"] for post in old] == keys
    # Each left after the one before was answered: only the first of those in the window may have been late.
    for first, last in zip(old, old[WINDOW:], strict=False):
        assert a_second * (last.time - first.time) >= WINDOW - 1


@pytest.mark.parametrize(("connections", "for_old"), [(1, 1), (8, 2), (64, 4)])
async def test_the_old_have_a_quarter_of_the_connections_and_four_at_most(
    tmp_path: Path, target: int, connections: int, for_old: int
) -> None:
    keys = fill(tmp_path / "spool", 40)
    more = ["--output-concurrency", str(connections)]
    async with (
        collecting(Rush(delay=0.1)) as collector,
        Sniffing(tmp_path / "s", *options(target, collector.port, tmp_path / "spool", *more)) as sniffing,
    ):
        await until(lambda: collector.posts, "the first of the old")
        await get(target, 20)
        await until(lambda: len(collector.posts) >= len(keys) + 40, "all of them")
        assert await sniffing.stop() == 0
    assert_all_came(sniffing, collector, len(keys), 40)
    assert collector.most[True] == for_old
    assert collector.most[False] <= max(1, connections - for_old)
