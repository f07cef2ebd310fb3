"""The spool on disk, without anybody who delivers."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from appliance.ledger import SinkLedger
from appliance.sinks.spool import Spool, SpoolOptions
from appliance.spool.database import FILE, NotOursError
from appliance.spool.delivery import Delivery
from appliance.spool.store import SpoolStore

MIB = 1 << 20


Open = Callable[..., SpoolStore]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Open]:
    """Opens the spool in the test's folder, as often as asked; each is closed at the end."""
    with ExitStack() as stack:

        def opened(*, max_bytes: int = MIB, max_age: float = 3600) -> SpoolStore:
            return stack.enter_context(closing(SpoolStore(str(tmp_path), max_bytes, max_age)))

        yield opened


def delivery(number: int, size: int = 100) -> Delivery:
    return Delivery(f"key-{number}", bytes([number % 256]) * size, 2, ndjson=True)


def drain(spool: SpoolStore) -> list[Delivery]:
    found = []
    while (one := spool.take(0, ())[0]) is not None:
        found.append(one)
        assert spool.remove(one.row, one.key) == one.records
    return found


def test_what_was_put_comes_back_oldest_first_after_a_restart(store: Open) -> None:
    spool = store()
    assert spool.put([delivery(1), delivery(2)]) == ([1, 2], [])
    spool.put([delivery(3)])
    spool.close()
    again = store()
    assert again.records == 6
    assert [(one.key, one.body, one.ndjson) for one in drain(again)] == [
        (f"key-{n}", bytes([n]) * 100, True) for n in (1, 2, 3)
    ]
    assert again.records == 0
    assert again.used < 8 * 4096


def test_a_kill_loses_nothing_that_was_put(tmp_path: Path, store: Open) -> None:
    """SIGKILL right after put() returned, without a checkpoint or a close."""
    code = (
        "import os, sys; from appliance.spool.store import SpoolStore; from appliance.spool.delivery import Delivery\n"
        "spool = SpoolStore(sys.argv[1], 1 << 20, 60)\n"
        "for n in range(50): spool.put([Delivery(f'key-{n}', b'x' * 1000, 1, False)])\n"
        "os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    assert [one.key for one in drain(store())] == [f"key-{n}" for n in range(50)]


def test_what_is_postponed_or_in_hand_lets_the_next_one_go(store: Open) -> None:
    spool = store()
    spool.put([delivery(1), delivery(2), delivery(3)])
    spool.postpone(1, "key-1", due=5)
    assert [spool.take(now, (2,))[0].row for now in (4.9, 5)] == [3, 1]  # type: ignore[union-attr]
    first = spool.take(5, ())[0]
    assert first is not None and first.attempts == 1


@pytest.mark.parametrize("size", [100, 5_000, 60_000])
def test_the_oldest_make_room_and_the_files_stay_within_their_bytes(tmp_path: Path, store: Open, size: int) -> None:
    spool = store()
    evicted = 0
    group = max(1, 10_000 // size)
    count = 3 * MIB // (size + 100) // group * group
    for first in range(0, count, group):
        _, lost = spool.put([delivery(number, size) for number in range(first, first + group)])
        evicted += sum(one.records for one in lost)
        assert {one.reason for one in lost} <= {"spool_evicted"}
        assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= MIB
    kept = [one.key for one in drain(spool)]
    assert kept == [f"key-{n}" for n in range(count - len(kept), count)]
    assert 2 * len(kept) + evicted == 2 * count
    assert evicted > 0
    assert len(kept) * size > 0.4 * MIB  # small ones share pages


def test_one_that_is_larger_than_an_eighth_is_refused(store: Open) -> None:
    spool = store()
    rows, lost = spool.put([delivery(1, MIB // 8 + 1), delivery(2)])
    assert rows == [0, 1]
    assert lost == [("spool_too_large", 2)]


def test_what_is_too_old_goes(store: Open) -> None:
    spool = store()
    spool.put([delivery(1)])
    spool.close()
    old = store(max_age=-1)
    assert old.take(0, ()) == (None, [("spool_expired", 2)])
    assert old.records == 0


def test_a_clock_that_is_set_makes_nothing_old(store: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = store(max_age=3600)
    spool.put([delivery(1)])
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + 7200)
    spool.put([delivery(2)])
    assert [one.key for one in drain(spool)] == ["key-1", "key-2"]


def test_a_body_that_the_disk_changed_is_not_delivered(tmp_path: Path, store: Open) -> None:
    spool = store()
    spool.put([delivery(1), delivery(2)])
    spool.close()
    with sqlite3.connect(tmp_path / FILE) as other:
        other.execute("UPDATE deliveries SET body = zeroblob(100) WHERE id = 1")
    other.close()
    found, lost = store().take(0, ())
    assert found is not None and found.key == "key-2"
    assert lost == [("spool_corrupt", 2)]


def test_nobody_else_may_read_it(tmp_path: Path, store: Open) -> None:
    spool = store()
    spool.put([delivery(1)])
    assert {(file.name, stat.S_IMODE(file.stat().st_mode)) for file in tmp_path.iterdir()} == {
        (FILE, 0o600),
        (f"{FILE}-wal", 0o600),
    }


def test_a_second_process_does_not_get_it(tmp_path: Path, store: Open) -> None:
    spool = store()
    code = "import sys; from appliance.spool.store import SpoolStore; SpoolStore(sys.argv[1], 1 << 20, 60)"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, capture_output=True, text=True)
    assert "database is locked" in done.stderr
    spool.put([delivery(1)])
    assert len(drain(spool)) == 1


def _text(path: Path) -> None:
    path.write_text("this is somebody's own file\n" * 1000)


def _other_database(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (a)")
    other.close()


def _damaged(path: Path) -> None:
    with closing(SpoolStore(str(path.parent), MIB, 3600)) as spool:
        spool.put([delivery(n, 5000) for n in range(20)])
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 40_000)


def _link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


@pytest.mark.parametrize("make", [_text, _other_database, _damaged, _link])
def test_a_file_that_is_no_spool_is_refused(tmp_path: Path, store: Open, make: object) -> None:
    make(tmp_path / FILE)  # type: ignore[operator]
    with pytest.raises(NotOursError):
        store()


def test_the_disk_is_given_back_when_all_is_delivered(tmp_path: Path, store: Open) -> None:
    spool = store(max_bytes=16 * MIB)
    for number in range(100):
        spool.put([delivery(number, 50_000)])
    drain(spool)
    spool.compact()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < MIB


def gone(folder: Path) -> None:
    for file in folder.glob(f"{FILE}*"):
        file.unlink()


def test_files_that_stay_are_left_alone(store: Open) -> None:
    """Whatever the spool does with them itself."""
    spool = store()
    for number in range(2000):
        spool.put([delivery(number, 1000)])
        assert spool.look()
    drain(spool)
    spool.compact()
    assert spool.look()
    spool.put([delivery(1)])
    assert spool.look()


@pytest.mark.parametrize("what", ["removed", "moved", "log removed", "other spool", "no spool"])
def test_files_that_are_not_those_that_were_opened(store: Open, tmp_path: Path, what: str) -> None:
    """All is in new ones, with the numbers by which deliveries on their way know it."""
    spool = store()
    rows, _ = spool.put([delivery(number) for number in range(50)])
    spool.remove(rows[0], "key-0")
    if what == "log removed":
        (tmp_path / f"{FILE}-wal").unlink()
    elif what == "moved":
        (tmp_path / FILE).rename(tmp_path / "elsewhere")
    else:
        gone(tmp_path)
    if what == "no spool":
        (tmp_path / FILE).write_bytes(b"x" * 10_000)
    elif what == "other spool":
        with closing(SpoolStore(str(tmp_path), MIB, 3600)) as other:
            other.put([delivery(99)])
    assert not spool.look()
    assert spool.look()
    assert spool.records == 98
    assert spool.remove(rows[1], "key-1") == 2
    spool.put([delivery(number) for number in range(50, 1000)])
    # As after a kill: what the files hold, read while the spool is open.
    (tmp_path / "killed").mkdir()
    for name in (FILE, f"{FILE}-wal"):
        (tmp_path / "killed" / name).write_bytes((tmp_path / name).read_bytes())
    with closing(SpoolStore(str(tmp_path / "killed"), MIB, 3600)) as found:
        assert [one.key for one in drain(found)] == [f"key-{number}" for number in range(2, 1000)]
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_files_that_another_process_has_are_left_to_it(store: Open, tmp_path: Path) -> None:
    spool = store()
    spool.put([delivery(1)])
    gone(tmp_path)
    code = f"""
from appliance.spool.store import SpoolStore
spool = SpoolStore({str(tmp_path)!r}, {MIB}, 3600)
print("open", flush=True)
input()
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(sqlite3.Error, match="locked"):
            spool.look()
        spool.put([delivery(2)])
        other.communicate("\n")
    assert not spool.look()
    assert [one.key for one in drain(spool)] == ["key-1", "key-2"]


def test_where_no_file_can_be_made_the_old_one_serves(store: Open, tmp_path: Path) -> None:
    spool = store()
    spool.put([delivery(1)])
    gone(tmp_path)
    (tmp_path / FILE).mkdir()
    (tmp_path / f"{FILE}.aside").mkdir()
    (tmp_path / f"{FILE}.aside" / "x").touch()
    with pytest.raises(OSError, match="not empty"):
        spool.look()
    spool.put([delivery(2)])
    assert [one.key for one in drain(spool)] == ["key-1", "key-2"]


async def test_what_is_put_in_hand_is_not_taken_by_who_waited_behind_it(tmp_path: Path) -> None:
    """Its POST is under way: another one beside it would send it twice."""
    spool = Spool(SpoolOptions(str(tmp_path), MIB, 3600), SinkLedger())
    assert await spool.open()
    ((row,), taken) = await asyncio.gather(spool.put([delivery(1)], in_hand=True), spool.take(time.monotonic()))
    assert taken is None
    await spool.release(delivery(1)._replace(row=row), due=0)
    assert await spool.take(time.monotonic()) is not None
    await spool.close()
