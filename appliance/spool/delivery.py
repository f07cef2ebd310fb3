"""One POST: what the spool keeps and what it gives back."""

from __future__ import annotations

from typing import NamedTuple


class Delivery(NamedTuple):
    """The body as it is sent, how many records it holds, and the key that stays the same on each try."""

    key: str
    body: bytes
    records: int
    ndjson: bool
    # Where it is in the spool, and how often it was tried: 0 for one that is not there.
    row: int = 0
    attempts: int = 0
