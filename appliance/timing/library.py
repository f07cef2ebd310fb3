"""The boundary to the engine's sniffer_timing.h: capture files in, Arrow tables out.

The structures are those of that header, field by field.
"""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa

from appliance.engine import OK, EngineError
from appliance.shared_library import Functions, SharedLibrary, load

NONE = -(1 << 63)  # SNIFFER_TIMING_NONE
_WITH_PACKETS = 1
_ERROR_CAPACITY = 4096

_PACKET = np.dtype(
    [
        ("time", "i8"),
        ("delay", "i8"),
        ("connection_delay", "i8"),
        ("number", "u8"),
        ("connection", "u8"),
        ("file", "u4"),
        ("interface", "u4"),
        ("length", "u4"),
        ("payload", "u4"),
        ("flags", "u1"),
        ("from_client", "u1"),
        ("nothing_new", "u1"),
    ],
    align=True,
)
_TURN = np.dtype(
    [
        ("connection", "u8"),
        ("request_first", "i8"),
        ("request_last", "i8"),
        ("response_first", "i8"),
        ("response_last", "i8"),
        ("request_bytes", "u8"),
        ("response_bytes", "u8"),
        ("request_packets", "u4"),
        ("response_packets", "u4"),
        ("turn", "u4"),
        ("status", "u2"),
    ],
    align=True,
)
_CONNECTION = np.dtype(
    [
        ("connection", "u8"),
        ("first", "i8"),
        ("last", "i8"),
        ("client_packets", "u8"),
        ("server_packets", "u8"),
        ("client_bytes", "u8"),
        ("server_bytes", "u8"),
        ("client_nothing_new", "u8"),
        ("server_nothing_new", "u8"),
        ("first_number", "u8"),
        ("first_file", "u4"),
        ("turns", "u4"),
        ("client_port", "u2"),
        ("server_port", "u2"),
        ("protocol", "u1"),
        ("flags", "u1"),
        ("evicted", "u1"),
    ],
    align=True,
)
# Of these some rows have none.
_NULLABLE = {"delay", "connection_delay", "request_first", "request_last", "response_first", "response_last"}


class _RawBatch(ctypes.Structure):
    _fields_ = (
        ("packets", ctypes.c_void_p),
        ("turns", ctypes.c_void_p),
        ("connections", ctypes.c_void_p),
        ("packet_count", ctypes.c_uint64),
        ("turn_count", ctypes.c_uint64),
        ("connection_count", ctypes.c_uint64),
        ("request_text", ctypes.c_void_p),
        ("request_offsets", ctypes.c_void_p),
        ("address_text", ctypes.c_void_p),
        ("address_offsets", ctypes.c_void_p),
    )


COUNTS = (
    "received",
    "used",
    "other_port",
    "filtered",
    "not_ip",
    "other_protocol",
    "malformed",
    "fragment",
    "loopback_copy",
    "evicted",
)


class _RawCounts(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in COUNTS)


@dataclass(frozen=True)
class Rows:
    """A batch: a table of each kind, in memory of its own. Times are ns since the Unix epoch or null."""

    packets: pa.Table
    turns: pa.Table  # and `request`: "METHOD target", or empty
    connections: pa.Table  # and `addresses`: "client server"

    def __bool__(self) -> bool:
        return bool(self.packets.num_rows or self.turns.num_rows or self.connections.num_rows)


class Extractor:
    """The packets of capture files, taken as one stream in the order given.

    `ports`: as in the configuration; `packets`: whether Rows.packets are wanted. Raises EngineError
    where a file cannot be read or the filter does not compile.
    """

    def __init__(
        self, files: Sequence[str], *, ports: Sequence[int | str], capture_filter: str | None, packets: bool
    ) -> None:
        config = {"ports": list(ports), "captureFilter": capture_filter, "replay": {"files": list(files), "speed": 0}}
        self._library = _library()
        handle, error = ctypes.c_void_p(), ctypes.create_string_buffer(_ERROR_CAPACITY)
        status = self._library.sniffer_timing_open(
            json.dumps(config).encode(), _WITH_PACKETS if packets else 0, ctypes.byref(handle), error, _ERROR_CAPACITY
        )
        if status != OK:
            raise EngineError(status, error.value.decode(errors="replace"))
        self._handle: ctypes.c_void_p | None = handle

    def rows(self) -> Iterator[Rows]:
        """The batches, one after the other."""
        raw = _RawBatch()
        while True:
            status = self._library.sniffer_timing_read(self._handle, ctypes.byref(raw))
            if status != OK:
                text: bytes = self._library.sniffer_timing_error(self._handle)
                raise EngineError(status, text.decode(errors="replace"))
            batch = _rows(raw)
            if not batch:
                return
            yield batch

    def counts(self) -> dict[str, int]:
        """Packets by what became of them; see sniffer_timing_counts."""
        raw = _RawCounts()
        self._library.sniffer_timing_count(self._handle, ctypes.byref(raw))
        return {name: getattr(raw, name) for name in COUNTS}

    def interfaces(self) -> list[str]:
        """The names behind Rows.packets' `interface`, of 1 and on; 0 stands for none. Behind the last of rows()."""
        names: list[str] = []
        while (name := self._library.sniffer_timing_interface(self._handle, len(names) + 1)) is not None:
            names.append(name.decode(errors="replace"))
        return names

    def close(self) -> None:
        handle, self._handle = self._handle, None
        self._library.sniffer_timing_close(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def first_packet_time(file: str) -> int | None:
    """ns since the Unix epoch; None where the file holds no packet. Raises EngineError."""
    time, error = ctypes.c_int64(), ctypes.create_string_buffer(_ERROR_CAPACITY)
    status = _library().sniffer_timing_begin(file.encode(), ctypes.byref(time), error, _ERROR_CAPACITY)
    if status != OK:
        raise EngineError(status, error.value.decode(errors="replace"))
    return None if time.value == NONE else time.value


def cut(
    file: str, flows: Iterable[str], target: str, *, ports: Sequence[int | str], capture_filter: str | None
) -> None:
    """Writes to `target` what is needed of the file's packets of some flows; see sniffer_timing_cut."""
    config = {"ports": list(ports), "captureFilter": capture_filter, "replay": {"files": [file], "speed": 0}}
    error = ctypes.create_string_buffer(_ERROR_CAPACITY)
    status = _library().sniffer_timing_cut(
        json.dumps(config).encode(), "\n".join(flows).encode(), target.encode(), error, _ERROR_CAPACITY
    )
    if status != OK:
        raise EngineError(status, error.value.decode(errors="replace"))


def _rows(raw: _RawBatch) -> Rows:
    return Rows(
        _table(_PACKET, raw.packets, raw.packet_count),
        _table(_TURN, raw.turns, raw.turn_count, request=(raw.request_text, raw.request_offsets)),
        _table(_CONNECTION, raw.connections, raw.connection_count, addresses=(raw.address_text, raw.address_offsets)),
    )


def _table(kind: np.dtype[Any], address: int | None, count: int, **texts: tuple[int | None, int | None]) -> pa.Table:
    rows = np.frombuffer(_copy(address, count * kind.itemsize), dtype=kind)
    columns = {name: _column(name, np.ascontiguousarray(rows[name])) for name in kind.names or ()}
    for name, (text, offsets) in texts.items():
        columns[name] = _strings(count, text, offsets)
    return pa.table(columns)


def _column(name: str, values: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array(values, mask=values == NONE if name in _NULLABLE else None)


def _strings(count: int, text: int | None, offsets: int | None) -> pa.Array:
    ends = _copy(offsets, 4 * (count + 1)) or bytes(4)
    size = int.from_bytes(ends[-4:], sys.byteorder)
    return pa.Array.from_buffers(pa.utf8(), count, [None, pa.py_buffer(ends), pa.py_buffer(_copy(text, size))])


def _copy(address: int | None, size: int) -> bytes:
    """Out of the engine's memory, which is the engine's again with the next read."""
    return ctypes.string_at(address, size) if address and size else b""


def _library() -> SharedLibrary:
    return load().declare(_functions)


def _functions() -> Functions:
    handle, integer, text, size = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t
    return {
        "sniffer_timing_open": (integer, (text, ctypes.c_uint32, ctypes.POINTER(handle), text, size)),
        "sniffer_timing_cut": (integer, (text, text, text, text, size)),
        "sniffer_timing_begin": (integer, (text, ctypes.POINTER(ctypes.c_int64), text, size)),
        "sniffer_timing_read": (integer, (handle, ctypes.POINTER(_RawBatch))),
        "sniffer_timing_count": (None, (handle, ctypes.POINTER(_RawCounts))),
        "sniffer_timing_interface": (text, (handle, ctypes.c_uint32)),
        "sniffer_timing_error": (text, (handle,)),
        "sniffer_timing_close": (None, (handle,)),
    }
