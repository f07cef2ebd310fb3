"""Deliveries on disk, oldest first, bounded in bytes and age. Blocks: it belongs to one thread."""

from __future__ import annotations

import contextlib
import sqlite3
import time
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from appliance.spool import database
from appliance.spool.delivery import Delivery

MIB = 1 << 20
# What a row may take beside its body: its columns in the rest of a page, and the end of its last page.
_OVERHEAD = 2 * database.PAGE


class Lost(NamedTuple):
    """Records that the spool gave up, by reason."""

    reason: str
    records: int


class SpoolStore:
    """At any moment its files take at most `max_bytes`, what was set aside not counted.

    Three quarters are for the deliveries, the rest for the log that is written first (WAL): that holds a sixteenth
    before it is folded in, and one transaction, which is one delivery of at most an eighth or less than 1 MiB.
    """

    def __init__(self, directory: str, max_bytes: int, max_age: float) -> None:
        """Opens it. Raises database.NotOursError, OSError, sqlite3.Error."""
        self._directory = directory
        self._room = max_bytes // 4 * 3
        self.largest = max_bytes // 8  # bytes of one body
        self._max_age = max_age
        self._epoch = time.time() - time.monotonic()  # a clock that is set later makes nothing old
        self.group = min(MIB, max_bytes // 8)  # bytes that one put() should hold
        self._wal_pages = max(1, min(MIB, max_bytes // 16) // database.PAGE)
        self._connect()
        try:
            self._db.execute("UPDATE deliveries SET due = 0 WHERE due != 0")  # an earlier process's clock
            self.records: int
            (self.records,) = self._db.execute("SELECT coalesce(sum(records), 0) FROM deliveries").fetchone()
        except sqlite3.Error as error:
            self._db.close()
            if database.is_damage(error):
                raise database.NotOursError(str(error)) from error
            raise

    def _connect(self) -> None:
        self._db = database.connect(self._directory, wal_pages=self._wal_pages)
        self._inodes = database.inodes(self._directory)

    def look(self) -> bool:
        """False where somebody had removed or replaced the files: all that they held is in new ones, row by row.

        Raises sqlite3.Error, OSError or NotOursError where there are none to be had: then it goes on in the old ones.
        """
        file, log = database.inodes(self._directory)
        if (file, log) == self._inodes:
            return True
        old = self._db
        if file == self._inodes[0]:  # the log alone is gone: it is folded in
            old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            old.close()
            self._connect()
            return False
        if file is not None:
            with contextlib.suppress(database.NotOursError):  # but an error where another process has it
                database.connect(self._directory, wal_pages=self._wal_pages).close()
        database.set_aside(self._directory)
        database.copy(old, self._directory)
        self._connect()
        old.close()
        return False

    @property
    def used(self) -> int:
        """Bytes of the file's pages that hold something: many small rows share one."""
        pages: int
        free: int
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        return (pages - free) * database.PAGE

    def put(self, deliveries: Sequence[Delivery], due: float = 0) -> tuple[list[int], list[Lost]]:
        """Keeps all, in one transaction: their rows (0 for one that is too large), and what had to go for them."""
        lost: list[Lost] = []
        rows: list[int] = []
        before = self.records
        try:
            with self._transaction():
                for delivery in deliveries:
                    if len(delivery.body) > self.largest:
                        rows.append(0)
                        lost.append(Lost("spool_too_large", delivery.records))
                        continue
                    if evicted := self._make_room(len(delivery.body) + _OVERHEAD):
                        lost.append(Lost("spool_evicted", evicted))
                    rows.append(self._insert(delivery, due))
        except BaseException:
            self.records = before
            raise
        return rows, lost

    def take(self, now: float, but: Sequence[int]) -> tuple[Delivery | None, list[Lost]]:
        """The oldest that is due and none of `but`. It stays in the spool until remove()."""
        lost = self.expire()
        while True:
            found = self._db.execute(
                "SELECT id, attempts, records, ndjson, crc, key, body FROM deliveries"
                f" WHERE due <= ? AND id NOT IN ({','.join(map(str, but))}) ORDER BY id LIMIT 1",
                (now,),
            ).fetchone()
            if found is None:
                return None, lost
            row, attempts, records, ndjson, crc, key, body = found
            if zlib.crc32(body) == crc:
                return Delivery(key, body, records, bool(ndjson), row, attempts), lost
            self.remove(row, key)
            lost.append(Lost("spool_corrupt", records))

    def expire(self) -> list[Lost]:
        """Gives up what is too old. Only the oldest can be, so most often this looks at one row."""
        records = 0
        limit = self._now() - self._max_age
        while (oldest := self._oldest()) is not None and oldest[1] < limit:
            records += self._remove_known(*oldest)
        return [Lost("spool_expired", records)] if records else []

    def postpone(self, row: int, key: str, due: float) -> None:
        self._db.execute(
            "UPDATE deliveries SET due = ?, attempts = attempts + 1 WHERE id = ? AND key = ?", (due, row, key)
        )

    def remove(self, row: int, key: str) -> int:
        """How many records that were; 0 where it had been evicted, or was in a file that this one replaced."""
        found = self._db.execute(
            "SELECT id, created, records FROM deliveries WHERE id = ? AND key = ?", (row, key)
        ).fetchone()
        return 0 if found is None else self._remove_known(*found)

    def compact(self) -> None:
        """Gives the disk back, once all is delivered: then there is nothing to copy."""
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        if self.records == 0 and pages * database.PAGE > MIB:
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self._db.close()

    def _make_room(self, size: int) -> int:
        records = 0
        while self.used + size > self._room and (oldest := self._oldest()) is not None:
            records += self._remove_known(*oldest)
        return records

    def _oldest(self) -> tuple[int, float, int] | None:
        found: tuple[int, float, int] | None = self._db.execute(
            "SELECT id, created, records FROM deliveries ORDER BY id LIMIT 1"
        ).fetchone()
        return found

    def _insert(self, delivery: Delivery, due: float) -> int:
        body = delivery.body
        crc = zlib.crc32(body)
        done = self._db.execute(
            "INSERT INTO deliveries (created, due, attempts, records, ndjson, crc, key, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (self._now(), due, delivery.attempts, delivery.records, delivery.ndjson, crc, delivery.key, body),
        )
        self.records += delivery.records
        return done.lastrowid or 0

    def _remove_known(self, row: int, _created: float, records: int) -> int:
        self._db.execute("DELETE FROM deliveries WHERE id = ?", (row,))
        self.records -= records
        return records

    def _now(self) -> float:
        return self._epoch + time.monotonic()

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db)


class _Transaction:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._db.execute("COMMIT")
        elif self._db.in_transaction:  # some errors have rolled it back already
            self._db.execute("ROLLBACK")
