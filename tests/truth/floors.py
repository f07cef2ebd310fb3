"""How much is told at least, by what became of the packets: telling less after a loss is a fault too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from truth.checker import Score

SCARCE = "too little room"
ENOUGH = 10_000  # messages of a kind, from where on a share says something

# Of messages those told and complete, and of final responses those paired: what is reached, less a small margin.
FLOORS: dict[str, tuple[float, float, float]] = {
    "all seen": (1, 1, 1),
    "5% swapped": (0.999, 0.999, 0.999),
    "3% displaced": (0.999, 0.999, 0.999),
    "1% lost": (0.955, 0.935, 0.92),
    "5% lost": (0.86, 0.805, 0.755),
    "2% lost, 5% displaced": (0.925, 0.89, 0.875),
    "begun and ended midway": (0.26, 0.245, 0.145),
    "cut by a snap length": (0.645, 0.485, 0.565),
    SCARCE: (0.73, 0.6, 0.22),
}
# What a body said, told as messages, of all records.
MOST_MISTAKEN = 0.0003


def below_floors(scores: Mapping[str, Score]) -> Iterator[str]:
    """Says what is told too little, or too often."""
    for kind, score in scores.items():
        if score.messages >= ENOUGH:
            reached = score.told / score.messages, score.complete / score.messages, score.paired / score.responses
            if any(share < floor for share, floor in zip(reached, FLOORS[kind], strict=True)):
                yield f"{kind}: {reached} told, complete, paired; not {FLOORS[kind]}"
            if kind == SCARCE and not (score.evicted and score.cut):
                yield f"{kind}: there was room enough"
    told, mistaken = (sum(getattr(one, name) for one in scores.values()) for name in ("told", "mistaken"))
    if told >= ENOUGH and mistaken > MOST_MISTAKEN * told:
        yield f"{mistaken} of {told} records are what a body said"
