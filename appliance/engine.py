"""The boundary to the C++ engine, as sniffer.h declares it.

Imports nothing heavy: `run` opens the capture through it before anything else is loaded.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Self

from appliance.shared_library import Functions, SharedLibrary, load

# sniffer_status
OK, INTERNAL, CONFIG, NO_INTERFACE, REFUSED, STATE, FILE, LOST = range(8)

# Flags of a record.
RESPONSE, CONNECTION, SELF_DELIVERY = 1, 2, 4

_ERROR_CAPACITY = 4096
_EVENTS_CAPACITY = 1 << 16
_RECORD = struct.Struct("=QII")  # sniffer_record: offset, length, flags

# They never wait; see SharedLibrary.declare.
_QUICK = frozenset(("sniffer_read", "sniffer_release", "sniffer_read_events", "sniffer_finished"))

# Without a ctypes array: each size of one would be a new Python type.
_memory_at = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int)(
    ("PyMemoryView_FromMemory", ctypes.pythonapi)
)
_READ_ONLY = 0x100  # PyBUF_READ


class EngineError(Exception):
    """The engine's own refusal: a code of sniffer_status and its sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Record(NamedTuple):
    """Where one record stands in its batch."""

    offset: int
    length: int
    flags: int


class _RawBatch(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_uint64),
        ("records", ctypes.c_void_p),
        ("count", ctypes.c_uint64),
        ("flags", ctypes.c_uint32),
        ("owner", ctypes.c_void_p),
    )


class Batch:
    """Whole records, one JSON line each, in the engine's own memory.

    Made with one holder; who keeps it longer calls hold(). The last release() gives the memory
    back, after which `data` raises ValueError. Any thread may call hold() and release().
    """

    __slots__ = ("_engine", "_holders", "_lock", "_raw", "count", "data", "flags", "size")

    def __init__(self, engine: Engine, raw: _RawBatch) -> None:
        self._engine = engine
        self._raw = raw
        self._holders = 1
        self._lock = threading.Lock()
        self.count: int = raw.count
        self.flags: int = raw.flags
        self.size: int = raw.size
        self.data = _view(raw.data, raw.size)

    def records(self) -> Iterator[Record]:
        places = _view(self._raw.records, self.count * _RECORD.size)
        return map(Record._make, _RECORD.iter_unpack(places))

    def record(self, place: Record) -> bytes:
        """A copy of one record's line, the line feed included."""
        return bytes(self.data[place.offset : place.offset + place.length])

    def hold(self) -> None:
        with self._lock:
            self._holders += 1

    def release(self) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders:
                return
        self.data.release()
        self._engine._give_back(self._raw)


def _view(address: int | None, size: int) -> memoryview:
    if address is None or not size:
        return memoryview(b"")
    view: memoryview = _memory_at(address, size, _READ_ONLY)
    return view


def confine() -> None:
    """For good, for this thread and those to come: no privileges, few system calls; no core dumps. See sniffer_confine.

    EngineError where the system can't do that.
    """
    library = _library()
    error = ctypes.create_string_buffer(_ERROR_CAPACITY)
    if (status := library.sniffer_confine(error, _ERROR_CAPACITY)) != OK:
        raise EngineError(status, _text(error.value))


class Engine:
    """One capture, from open to close. Calls come from one thread at a time."""

    def __init__(self, library: SharedLibrary, handle: ctypes.c_void_p) -> None:
        self._library = library
        self._open_handle: ctypes.c_void_p | None = handle
        self._lock = threading.Lock()
        self._batches_out = 0
        self._closed = False
        self._events = ctypes.create_string_buffer(_EVENTS_CAPACITY)

    @classmethod
    def open(cls, config: str) -> Engine:
        """Opens the capture that `config` (JSON text, see sniffer_open) describes."""
        library = _library()
        handle = ctypes.c_void_p()
        error = ctypes.create_string_buffer(_ERROR_CAPACITY)
        status = library.sniffer_open(config.encode(), ctypes.byref(handle), error, _ERROR_CAPACITY)
        if status != OK:
            raise EngineError(status, _text(error.value) or _text(library.sniffer_status_text(status)))
        return cls(library, handle)

    def start(self) -> None:
        self._check(self._library.sniffer_start(self._handle))

    def exclude(self, address: str, port: int) -> Callable[[], None]:
        """From now on no connection with this local end is captured. The result is to be called before it closes."""
        self._check(self._library.sniffer_exclude(self._handle, address.encode(), port))
        return lambda: self._include(address, port)

    def _include(self, address: str, port: int) -> None:
        if not self._closed:
            self._check(self._library.sniffer_include(self._handle, address.encode(), port))

    @property
    def event_fd(self) -> int:
        """Readable when there is something to read; reset by reading 8 bytes."""
        fd: int = self._library.sniffer_event_fd(self._handle)
        return fd

    def acknowledge(self) -> None:
        """Resets the event fd; to be called before what it announced is read."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.event_fd, 8)

    def read(self) -> Batch | None:
        raw = _RawBatch()
        if not self._library.sniffer_read(self._handle, ctypes.byref(raw)):
            return None
        with self._lock:
            self._batches_out += 1
        return Batch(self, raw)

    def events(self) -> list[dict[str, Any]]:
        """What the engine has to say for the log since the last call."""
        events: list[dict[str, Any]] = []
        while written := self._library.sniffer_read_events(self._handle, self._events, _EVENTS_CAPACITY):
            events.extend(json.loads(line) for line in ctypes.string_at(self._events, written).splitlines())
        return events

    def stats(self) -> dict[str, dict[str, int]]:
        stats: dict[str, dict[str, int]] = json.loads(_sized(self._library.sniffer_stats, self._handle))
        return stats

    def exchanges(self) -> dict[str, Any]:
        """Counters and histograms by side, port, method and status: see sniffer_exchanges."""
        exchanges: dict[str, Any] = json.loads(_sized(self._library.sniffer_exchanges, self._handle))
        return exchanges

    def describe(self) -> dict[str, Any]:
        description: dict[str, Any] = json.loads(_sized(self._library.sniffer_describe, self._handle))
        return description

    def stop(self) -> None:
        """Asks the capture to end; finished() tells when it did."""
        self._check(self._library.sniffer_stop(self._handle))

    def finished(self) -> int | None:
        """None while the capture runs, else the status it ended with."""
        status = ctypes.c_int()
        if not self._library.sniffer_finished(self._handle, ctypes.byref(status)):
            return None
        return status.value

    def error(self, status: int) -> EngineError:
        """The error that belongs to a status of finished()."""
        text = _text(self._library.sniffer_last_error(self._handle))
        return EngineError(status, text or _text(self._library.sniffer_status_text(status)))

    def close(self) -> None:
        """Ends the capture and frees it; with batches still held, the last release does. Idempotent."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            held = self._batches_out > 0
        if held:
            self._library.sniffer_stop(self._open_handle)
        else:
            self._free()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def _handle(self) -> ctypes.c_void_p:
        if self._closed or self._open_handle is None:
            raise EngineError(STATE, "the capture is closed")
        return self._open_handle

    def _check(self, status: int) -> None:
        if status != OK:
            raise self.error(status)

    def _give_back(self, raw: _RawBatch) -> None:
        self._library.sniffer_release(self._open_handle, ctypes.byref(raw))
        with self._lock:
            self._batches_out -= 1
            last = self._closed and not self._batches_out
        if last:
            self._free()

    def _free(self) -> None:
        handle, self._open_handle = self._open_handle, None
        self._library.sniffer_close(handle)


def interfaces() -> list[dict[str, Any]]:
    """The machine's interfaces: name, up, loopback, addresses."""
    listed: list[dict[str, Any]] = json.loads(_sized(_library().sniffer_interfaces))
    return listed


def check(config: str) -> None:
    """Compiles the filters of `config` (JSON text, see sniffer_check). Raises EngineError where one is wrong."""
    error = ctypes.create_string_buffer(_ERROR_CAPACITY)
    status = _library().sniffer_check(config.encode(), error, _ERROR_CAPACITY)
    if status != OK:
        raise EngineError(status, _text(error.value))


def merge(request: dict[str, Any]) -> int:
    """Makes one capture file of several: see sniffer_merge. Returns the packets written; raises EngineError."""
    library = _library()
    packets, error = ctypes.c_ulonglong(), ctypes.create_string_buffer(_ERROR_CAPACITY)
    status = library.sniffer_merge(json.dumps(request).encode(), ctypes.byref(packets), error, _ERROR_CAPACITY)
    if status != OK:
        raise EngineError(status, _text(error.value))
    return packets.value


def _sized(call: Any, *arguments: Any) -> bytes:
    """Calls a function that says how many bytes it needs, until they were enough."""
    capacity = 1 << 14
    while True:
        buffer = ctypes.create_string_buffer(capacity)
        needed = call(*arguments, buffer, capacity)
        if needed <= capacity:
            return buffer.value
        capacity = 2 * needed


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode(errors="replace")


def _library() -> SharedLibrary:
    return load().declare(_functions, quick=_QUICK)


def _functions() -> Functions:
    handle, integer, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
    size, batch = ctypes.c_size_t, ctypes.POINTER(_RawBatch)
    return {
        "sniffer_open": (integer, (text, ctypes.POINTER(handle), text, size)),
        "sniffer_start": (integer, (handle,)),
        "sniffer_exclude": (integer, (handle, text, ctypes.c_uint16)),
        "sniffer_include": (integer, (handle, text, ctypes.c_uint16)),
        "sniffer_confine": (integer, (text, size)),
        "sniffer_event_fd": (integer, (handle,)),
        "sniffer_read": (integer, (handle, batch)),
        "sniffer_release": (None, (handle, batch)),
        "sniffer_read_events": (size, (handle, text, size)),
        "sniffer_stats": (size, (handle, text, size)),
        "sniffer_exchanges": (size, (handle, text, size)),
        "sniffer_stop": (integer, (handle,)),
        "sniffer_finished": (integer, (handle, ctypes.POINTER(integer))),
        "sniffer_last_error": (text, (handle,)),
        "sniffer_status_text": (text, (integer,)),
        "sniffer_describe": (size, (handle, text, size)),
        "sniffer_check": (integer, (text, text, size)),
        "sniffer_interfaces": (size, (text, size)),
        "sniffer_close": (None, (handle,)),
        "sniffer_merge": (integer, (text, ctypes.POINTER(ctypes.c_ulonglong), text, size)),
    }
