"""What happens in a soak, and when: drawn by a seed, so that it can be had again."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from bench.soak.collector import MOODS

_SHORTEST, _LONGEST = 10.0, 120.0
_PHASES = 60
ENDINGS = ("", "", "", "SIGTERM", "SIGKILL")  # of the sniffer; most often it goes on
_UNENDED = 1 / 3  # of the time, the last: in a life as long as that memory has time to grow


class Phase(NamedTuple):
    mood: str
    seconds: float
    ending: str


def course(seconds: float, seed: int) -> Iterator[Phase]:
    """All moods come before one comes again, each followed by a well collector."""
    chance = random.Random(seed)
    each = min(max(seconds / _PHASES, _SHORTEST), _LONGEST)
    left = seconds
    moods: list[str] = []
    while left > 0:
        if not moods:
            moods = [mood for bad in chance.sample(MOODS[1:], len(MOODS) - 1) for mood in (bad, "well")]
        ending = chance.choice(ENDINGS)
        yield Phase(moods.pop(0), min(each, left), ending if left > seconds * _UNENDED else "")
        left -= each
