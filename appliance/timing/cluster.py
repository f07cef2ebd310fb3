"""The same extraction on a Dask cluster, a file a task, with connections that cross files made whole.

A file alone tells all of a flow that is in no other. Of the others each worker cuts the few bytes that
matter out of its file, and one pass over these pieces, in the files' order, sees what one process
would have seen.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from distributed import Client, as_completed

from appliance.engine import EngineError
from appliance.timing.failures import ClusterError
from appliance.timing.library import Extractor, Rows, cut
from appliance.timing.store import Store, query

_CONNECT_SECONDS = 30
Options = dict[str, Any]


def extract(address: str, store: Store, files: Sequence[str], **options: Any) -> dict[str, int]:
    """Fills the store; returns the packets' counts. `options`: ports and capture_filter of Extractor.

    Raises ClusterError where the scheduler is not there, or a worker cannot read a file.
    """
    with _client(address) as client:
        paths = [str(Path(file).resolve()) for file in files]
        counts = _each_file(client, store, paths, options)
        crossing = _take_crossing(store)
        if crossing:
            _whole(client, store, paths, crossing, options)
    return dict(counts)


@contextmanager
def _client(address: str) -> Iterator[Client]:
    try:
        client = Client(address, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise ClusterError(f"{address}: no Dask scheduler answers: {error}") from error
    with client:
        yield client


def _each_file(client: Client, store: Store, files: Sequence[str], options: Options) -> Counter[str]:
    counts: Counter[str] = Counter()
    parts = {client.submit(read_file, file, options, pure=False): part for part, file in enumerate(files)}
    for future in as_completed(list(parts)):
        rows, found = _result(future)
        store.add(rows, parts[future])
        counts.update(found)
        future.release()  # the worker need not keep it
    return counts


def _take_crossing(store: Store) -> dict[int, list[str]]:
    """By part the flows that other parts have too; their rows are removed."""
    store.database.execute(query("part_flows"))
    crossing: dict[int, list[str]] = defaultdict(list)
    for row in store.rows(query("crossing")):
        for part in row["parts"]:
            crossing[part].append(row["flow"])
    store.database.execute(query("remove_crossing"))
    return crossing


def _whole(
    client: Client, store: Store, files: Sequence[str], crossing: dict[int, list[str]], options: Options
) -> None:
    futures = {
        part: client.submit(cut_file, files[part], flows, options, pure=False) for part, flows in crossing.items()
    }
    with tempfile.TemporaryDirectory(prefix="tcp-sniffer-timing-") as folder:
        pieces = []
        for part in sorted(futures):
            piece = Path(folder, f"{part:08}.pcap")
            piece.write_bytes(_result(futures[part]))
            futures[part].release()
            pieces.append(str(piece))
        with Extractor(pieces, **options, packets=False) as extractor:
            for rows in extractor.rows():
                store.add(rows, len(files))


def _result(future: Any) -> Any:
    try:
        return future.result()
    except OSError as error:
        raise ClusterError(f"a worker says: {error}") from error


@contextmanager
def _plain_errors() -> Iterator[None]:
    """The engine's errors as one that goes from process to process whole."""
    try:
        yield
    except EngineError as error:
        raise OSError(str(error)) from None


def read_file(file: str, options: Options) -> tuple[Rows, dict[str, int]]:
    """On a worker: all turns and connections of a file, and its counts."""
    with _plain_errors(), Extractor([file], **options, packets=False) as extractor:
        batches = list(extractor.rows())
        counts = extractor.counts()
    if not batches:
        return Rows(pa.table({}), pa.table({}), pa.table({})), counts
    turns, connections = ([getattr(batch, kind) for batch in batches] for kind in ("turns", "connections"))
    return Rows(batches[0].packets, pa.concat_tables(turns), pa.concat_tables(connections)), counts


def cut_file(file: str, flows: Sequence[str], options: Options) -> bytes:
    """On a worker: what matters of the flows' packets in a file, as a capture file."""
    with _plain_errors(), tempfile.TemporaryDirectory(prefix="tcp-sniffer-timing-") as folder:
        target = Path(folder, "cut.pcap")
        cut(file, flows, str(target), **options)
        return target.read_bytes()
