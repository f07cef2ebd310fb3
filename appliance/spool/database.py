"""The spool's file: opened, checked, or set aside. Everything here blocks and belongs to one thread."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from pathlib import Path

FILE = "spool.sqlite"
ASIDE = f"{FILE}.aside"
PAGE = 4096

_APPLICATION = 0x7473_7370  # "tssp", what file(1) and this program know the file by
_VERSION = 1
# WAL: a commit is one append, and a killed process loses nothing that was committed (sqlite.org/wal.html). NORMAL
# leaves out the fsync of each commit, so a machine that loses power may lose the last ones, never the file.
_PRAGMAS = (
    "locking_mode=EXCLUSIVE",  # one process; no file of shared memory either
    f"page_size={PAGE}",
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "temp_store=MEMORY",
    "cache_size=-1024",  # KiB
    "cell_size_check=ON",
)
_SCHEMA = """
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, created REAL NOT NULL, due REAL NOT NULL, attempts INTEGER NOT NULL,
    records INTEGER NOT NULL, ndjson INTEGER NOT NULL, crc INTEGER NOT NULL,
    key TEXT NOT NULL, body BLOB NOT NULL
) STRICT;
"""


# Device and number; None where there is no file.
Inode = tuple[int, int] | None


class NotOursError(Exception):
    """A file of that name which is damaged, or not a spool."""


def connect(directory: str, *, wal_pages: int) -> sqlite3.Connection:
    """Opens or makes the spool. Raises NotOursError, OSError, or sqlite3.Error where another process has it."""
    path = Path(directory, FILE)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _make_private(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(f"PRAGMA wal_autocheckpoint={wal_pages}")
        _check_schema(connection)
    except sqlite3.Error as error:
        connection.close()
        if is_damage(error):
            raise NotOursError(str(error)) from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def inodes(directory: str) -> tuple[Inode, Inode]:
    """Of the file and its log (WAL), as they stand there. SQLite goes on in those that it opened, wherever they are."""
    return _inode(Path(directory, FILE)), _inode(Path(directory, FILE + "-wal"))


def _inode(path: Path) -> Inode:
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def copy(connection: sqlite3.Connection, directory: str) -> None:
    """All that it holds, to where its file was. A kill in the midst of it leaves a damaged one."""
    path = Path(directory, FILE)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _make_private(path)
    try:
        connection.execute("VACUUM INTO ?", (str(path),))
    except BaseException:
        delete(directory)
        raise


def set_aside(directory: str) -> None:
    """Keeps the file for whoever wants to look. One alone, in place of an earlier one, so that the disk is bounded."""
    path = Path(directory, FILE)
    with contextlib.suppress(FileNotFoundError):
        path.replace(Path(directory, ASIDE))
    for suffix in ("-wal", "-shm", "-journal"):
        Path(directory, FILE + suffix).unlink(missing_ok=True)


def delete(directory: str) -> None:
    """What was in it is delivered."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(directory, FILE + suffix).unlink(missing_ok=True)


def is_damage(error: sqlite3.Error) -> bool:
    # The low byte is the primary code (sqlite.org/rescode.html).
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _make_private(path: Path) -> None:
    """For its owner alone. SQLite makes files as the umask allows, and a WAL with the rights of its file."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        return
    if not stat.S_ISREG(found.st_mode):
        raise NotOursError("not a regular file")
    if stat.S_IMODE(found.st_mode) != 0o600:
        path.chmod(0o600)


def _check_schema(connection: sqlite3.Connection) -> None:
    # Takes the lock of EXCLUSIVE mode: until the connection closes no other process writes or reads.
    connection.execute("BEGIN IMMEDIATE")
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (application, version, tables) == (0, 0, 0):
        connection.execute(_SCHEMA)
        connection.execute(f"PRAGMA application_id={_APPLICATION}")
        connection.execute(f"PRAGMA user_version={_VERSION}")
    elif (application, version) != (_APPLICATION, _VERSION):
        raise NotOursError(
            f"a database of another program or version (application_id {application}, version {version})"
        )
    connection.execute("COMMIT")
