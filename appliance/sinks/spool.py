"""The spool as the event loop sees it: its work is done in a thread of its own, its records are in the ledger."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from appliance.ledger import SinkLedger
from appliance.spool import database
from appliance.spool.delivery import Delivery
from appliance.spool.store import Lost, SpoolStore

_log = logging.getLogger("tcp_sniffer.spool")

_Result = TypeVar("_Result")

# Seconds between errors about a disk that takes nothing.
_SAY_EVERY = 60.0
# Rows; on a full disk, where what was delivered cannot be deleted, no more than these.
_MOST_IN_HAND = 5000


@dataclass(frozen=True)
class SpoolOptions:
    directory: str
    max_bytes: int
    max_age: float  # seconds


class SpoolError(Exception):
    """The disk did not do what was asked; the log says why. Nothing was kept or changed."""


class SpoolGoneError(SpoolError):
    """The file was damaged, or all in it was delivered: what it held is counted, and another is in its place."""


class Spool:
    def __init__(self, options: SpoolOptions, ledger: SinkLedger) -> None:
        self._options = options
        self._ledger = ledger
        self._thread = ThreadPoolExecutor(1, "spool")
        self._store: SpoolStore
        # Rows that are being sent. Added to in the thread: what waits behind a put() knows what that put in hand.
        self._in_hand: set[int] = set()
        # Delivered, but a full disk could not let them go: records by row.
        self._stuck: dict[int, int] = {}
        self._said = -_SAY_EVERY
        self._replacing = asyncio.Lock()
        self.changed = asyncio.Event()

    async def open(self) -> bool:
        """False where there is none to be had, which is logged: then the sink goes on without."""
        try:
            self._store = await self._in_thread(self._open)
        except (OSError, sqlite3.Error, database.NotOursError) as error:
            self._say("the spool cannot be used: what the collector does not take is kept in memory", error)
            self._thread.shutdown(wait=False)
            return False
        self._ledger.recover(self._store.records)
        if self._store.records:
            _log.info(
                "the spool holds records of an earlier process",
                extra={"event": "spool_recovered", "records": self._store.records},
            )
        return True

    @property
    def records(self) -> int:
        return self._store.records

    @property
    def group(self) -> int:
        """Bytes that one put() should hold."""
        return self._store.group

    def fits(self, delivery: Delivery) -> bool:
        return len(delivery.body) <= self._store.largest

    async def put(self, deliveries: Sequence[Delivery], *, due: float = 0, in_hand: bool = False) -> list[int]:
        """Their rows. What is in hand take() leaves alone until release(). Raises SpoolError."""

        def put(store: SpoolStore) -> tuple[list[int], list[Lost]]:
            rows, lost = store.put(deliveries, due)
            if in_hand:
                self._in_hand.update(rows)
            return rows, lost

        try:
            rows, lost = await self._run(put)
        except SpoolGoneError:
            rows, lost = await self._run(put)
        self._ledger.spool(sum(delivery.records for delivery in deliveries))
        self._count(lost)
        self.changed.set()
        return rows

    async def take(self, now: float) -> Delivery | None:
        """The oldest that is due, in hand from now on. Raises SpoolError."""
        if len(self._in_hand) > _MOST_IN_HAND:
            return None

        def take(store: SpoolStore) -> tuple[Delivery | None, list[Lost]]:
            found, lost = store.take(now, tuple(self._in_hand))
            if found is not None:
                self._in_hand.add(found.row)
            return found, lost

        found, lost = await self._run(take)
        self._count(lost)
        return found

    async def release(self, delivery: Delivery, due: float) -> None:
        """It was not taken: another try, but not before `due`."""
        row, key = delivery.row, delivery.key
        try:
            await self._run(lambda store: store.postpone(row, key, due))
        except SpoolError:
            # A disk that cannot note it must not make it come again at once.
            loop = asyncio.get_running_loop()
            loop.call_at(due, self._in_hand.discard, row)
        else:
            self._in_hand.discard(row)
        self.changed.set()

    async def remove(self, delivery: Delivery) -> int:
        """How many records that were; 0 where the spool had lost them, which is counted.

        What a full disk cannot let go, for a deletion is written first, stays in hand: only the next start would
        send it again. Once nothing else is there the file itself goes, and the disk has room.
        """
        row, key = delivery.row, delivery.key
        if row not in self._in_hand:
            return 0  # it was in a file that is gone
        try:
            removed = await self._run(lambda store: store.remove(row, key))
        except SpoolGoneError:
            return 0
        except SpoolError:
            self._stuck[row] = delivery.records
            return await self._replace_if_all_stuck()
        self._in_hand.discard(row)
        return removed

    async def _replace_if_all_stuck(self) -> int:
        delivered = sum(self._stuck.values())
        store = self._store
        if delivered < store.records:
            return 0

        def replace() -> SpoolStore:
            if store.records > delivered:
                return store  # somebody was faster
            store.close()
            database.delete(self._options.directory)
            return self._open()

        try:
            self._store = await self._in_thread(replace)
        except (OSError, sqlite3.Error, database.NotOursError) as error:
            self._say("no new spool can be made", error)
            return 0
        if self._store is store:
            return 0
        self._in_hand.difference_update(self._stuck)
        self._stuck.clear()
        return delivered

    async def look(self) -> None:
        """Whether its files are still there: what is in removed ones would go with the process. Raises SpoolError."""
        if not await self._run(lambda store: store.look()):
            found = FileNotFoundError(f"{database.FILE} is not the file that was opened")
            self._say("the spool was removed or replaced: all that it held is written to a new one", found)

    async def compact(self) -> None:
        with contextlib.suppress(SpoolError):
            await self._run(lambda store: store.compact())

    async def close(self) -> None:
        await self._in_thread(self._store.close)
        self._thread.shutdown(wait=False)

    def _open(self) -> SpoolStore:
        options = self._options
        try:
            return SpoolStore(options.directory, options.max_bytes, options.max_age)
        except database.NotOursError as error:
            database.set_aside(options.directory)
            self._say(f"the spool was no spool any more: it was set aside as {database.ASIDE}", error)
            return SpoolStore(options.directory, options.max_bytes, options.max_age)

    async def _run(self, work: Callable[[SpoolStore], _Result]) -> _Result:
        store = self._store
        try:
            return await self._in_thread(lambda: work(store))
        except (sqlite3.Error, OSError, database.NotOursError) as error:
            if isinstance(error, sqlite3.Error) and database.is_damage(error):
                async with self._replacing:
                    await self._begin_anew(store, error)
                raise SpoolGoneError from error
            if store is not self._store:  # closed while this waited for its turn
                raise SpoolGoneError from error
            if time.monotonic() - self._said >= _SAY_EVERY:
                self._said = time.monotonic()
                self._say("the spool cannot be written", error)
            raise SpoolError from error

    async def _begin_anew(self, broken: SpoolStore, error: sqlite3.Error) -> None:
        if self._store is not broken:
            return  # somebody was faster

        def replace() -> SpoolStore:
            broken.close()
            database.set_aside(self._options.directory)
            return self._open()

        self._say(f"the spool is damaged: it is set aside as {database.ASIDE}", error)
        try:
            self._store = await self._in_thread(replace)
        except (OSError, sqlite3.Error, database.NotOursError) as fault:
            self._say("no new spool can be made", fault)
        # Only now nothing can reach the old one any more.
        self._ledger.drop_spooled("spool_corrupt", broken.records)
        broken.records = 0
        self._in_hand.clear()
        self._stuck.clear()

    def _count(self, lost: list[Lost]) -> None:
        for reason, records in lost:
            self._ledger.drop_spooled(reason, records)

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _say(self, sentence: str, error: Exception) -> None:
        fields = {"event": "spool_failed", "directory": self._options.directory, "error": str(error)}
        _log.error(sentence, extra=fields)
