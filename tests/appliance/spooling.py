"""What the tests of `outputSpool` share: its options, what a record is known by, and the keys that must fit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from servers import Collector

FILE = "spool.sqlite"

Identity = tuple[Any, ...]


def options(target: int, port: int, spool: Path, *more: str) -> list[str]:
    found = ["--ports", str(target), "--output-url", f"http://127.0.0.1:{port}/", "--output-stdout"]
    return [*found, "--output-spool-directory", str(spool), *more]


def identity(record: dict[str, Any]) -> Identity:
    return (record["connectionId"], record["exchange"], record["direction"])


def identities(records: Iterable[dict[str, Any]]) -> list[Identity]:
    return [identity(record) for record in records]


def assert_one_key_each(collector: Collector) -> None:
    """At least once: what came twice came with the same key, and a key stands for the same bytes."""
    bodies = defaultdict(set)
    keys = defaultdict(set)
    for post in collector.posts:
        bodies[post.headers["Idempotency-Key"]].add(post.body)
        keys[post.body].add(post.headers["Idempotency-Key"])
    assert all(len(found) == 1 for found in bodies.values())
    assert all(len(found) == 1 for found in keys.values())
