"""A spool that is damaged while several work with it: one new file, one error, and nobody takes the new for the old."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from spooling import FILE

from appliance.ledger import SinkLedger
from appliance.sinks.spool import Spool, SpoolError, SpoolOptions
from appliance.spool.delivery import Delivery

MIB = 1 << 20
MANY = 100  # of 40 KB: more than SQLite remembers


def delivery(name: str, size: int = 40_000) -> Delivery:
    return Delivery(name, b"x" * size, 1, ndjson=False)


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncIterator[tuple[Spool, SinkLedger]]:
    ledger = SinkLedger()
    spool = Spool(SpoolOptions(str(tmp_path), 64 * MIB, 3600), ledger)
    assert await spool.open()
    yield spool, ledger
    await spool.close()


async def put(spool: Spool, ledger: SinkLedger, *deliveries: Delivery) -> None:
    ledger.produce(len(deliveries))
    for one in deliveries:
        await spool.put([one])


async def in_hand_of_a_damaged_one(spool: Spool, ledger: SinkLedger, folder: Path) -> Delivery:
    """Its first delivery is on its way when the rest is overwritten."""
    await put(spool, ledger, *(delivery(f"old-{number}") for number in range(MANY)))
    taken = await spool.take(0)
    assert taken is not None
    with (folder / FILE).open("r+b") as file:
        file.seek(8192)
        file.write(b"\xa5" * ((folder / FILE).stat().st_size - 8192))
    return taken


def assert_balanced(ledger: SinkLedger, spool: Spool) -> None:
    assert ledger.spooled == spool.records
    assert ledger.produced == ledger.delivered + ledger.dropped.total() + ledger.queued + ledger.spooled


async def test_a_delivery_of_the_old_file_removes_nothing_of_the_new(
    tmp_path: Path, spool: tuple[Spool, SinkLedger]
) -> None:
    """Its row has the same number there."""
    store, ledger = spool
    taken = await in_hand_of_a_damaged_one(store, ledger, tmp_path)
    with pytest.raises(SpoolError):
        await store.take(0)
    await put(store, ledger, delivery("new"))
    again = await store.take(0)
    assert again is not None
    assert (again.key, again.row) == ("new", taken.row)
    assert await store.remove(taken) == 0
    assert store.records == 1
    assert ledger.dropped == {"spool_corrupt": MANY}
    assert_balanced(ledger, store)


async def test_damage_that_a_delivered_one_meets(tmp_path: Path, spool: tuple[Spool, SinkLedger]) -> None:
    """It is counted once, as what the disk lost."""
    store, ledger = spool
    taken = await in_hand_of_a_damaged_one(store, ledger, tmp_path)
    ledger.deliver_spooled(await store.remove(taken))
    await put(store, ledger, delivery("new"))
    assert ledger.dropped == {"spool_corrupt": MANY}
    assert_balanced(ledger, store)


async def test_several_meet_the_damage_at_once(
    tmp_path: Path, spool: tuple[Spool, SinkLedger], caplog: pytest.LogCaptureFixture
) -> None:
    store, ledger = spool
    await in_hand_of_a_damaged_one(store, ledger, tmp_path)
    ledger.produce(3)
    with caplog.at_level(logging.ERROR):
        await asyncio.gather(
            *(store.take(0) for _ in range(3)), *(store.put([delivery(f"new-{n}")]) for n in range(3)),
            return_exceptions=True,
        )  # fmt: skip
    assert [record.__dict__["event"] for record in caplog.records] == ["spool_failed"]
    await put(store, ledger, delivery("last"))
    found = [one.key for one in [await store.take(0) for _ in range(4)] if one is not None]
    assert found[-1] == "last"
    assert ledger.dropped == {"spool_corrupt": MANY + 4 - len(found)}
    assert_balanced(ledger, store)
