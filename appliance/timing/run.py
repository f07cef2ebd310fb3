"""What the command does, once its imports are there: extract, derive, write."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.timing.anonymize import anonymizer
from appliance.timing.export import whole, write_csv, write_json, write_parquet
from appliance.timing.files import in_time_order
from appliance.timing.library import Extractor
from appliance.timing.store import Store
from appliance.timing.text import write_tables


def run(args: Namespace) -> int:
    """`args`: those of appliance/cli/timing.py. Raises what is said there."""
    rename = anonymizer() if args.anonymize else None
    files = in_time_order(args.files)
    with Store(args.memory, burst_ms=args.burst_ms, burst_requests=args.burst_requests, folder=args.temp) as store:
        counts = _extract(store, files, args)
        if rename:
            store.rename_addresses(rename)
        store.derive()
        _write(store, counts, files, args)
    return 0


def _extract(store: Store, files: list[str], args: Namespace) -> dict[str, int]:
    if args.cluster:
        from appliance.timing.cluster import extract

        return extract(args.cluster, store, files, ports=args.ports, capture_filter=args.filter)
    store.name_files(files)
    packets = args.packets or args.html is not None
    with Extractor(files, ports=args.ports, capture_filter=args.filter, packets=packets) as extractor:
        for rows in extractor.rows():
            store.add(rows)
        store.name_interfaces(extractor.interfaces())
        return extractor.counts()


def _write(store: Store, counts: dict[str, int], files: list[str], args: Namespace) -> None:
    about: dict[str, Any] = {"files": files, "counts": counts}
    outputs: list[tuple[object, Callable[[], None]]] = [
        (args.csv, lambda: write_csv(store, Path(args.csv), packets=args.packets)),
        (args.parquet, lambda: write_parquet(store, Path(args.parquet), packets=args.packets)),
        (args.json, lambda: write_json(store, about, sys.stdout, packets=args.packets)),
        (args.html, lambda: _write_html(store, counts, files, Path(args.html))),
    ]
    wanted = [write for wish, write in outputs if wish]
    for write in wanted:
        write()
    if not wanted:
        write_tables(store, counts, sys.stdout, top=args.top)


def _write_html(store: Store, counts: dict[str, int], files: list[str], file: Path) -> None:
    from appliance.timing.page import write_page

    with whole(file) as new:
        write_page(store, counts, files, new)
