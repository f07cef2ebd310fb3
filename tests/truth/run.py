"""Seeds through the whole path; with PYTHONPATH=.:tests.

python -m truth.run --seed 17            one seed: prints what is wrong
python -m truth.run --seeds 0-20000      many; fails at the end, with the command for each that failed
... --loss 0.01 --reorder 0.05                 these alone, instead of what the seed chooses; prints the figures
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from random import Random

from packets import Segment, pcap
from packets.files import frames
from replay_engine import replay

from truth import network
from truth.checker import Score, UntruthError, check
from truth.simulator import conversations

CONFIG = {"outputConnections": True}


def disturbed(segments: list[Segment], random: Random, lossless: bool) -> list[Segment]:
    """What the seed chooses: disturbances that lose nothing, then, unless `lossless`, perhaps one that does."""
    for disturbance in random.sample(network.HARMLESS, random.randint(0, 2)):
        segments = disturbance(segments, random)
    if lossless:
        return network.reorder(0.05)(segments, random) if random.random() < 0.5 else segments
    last = random.choice([None, None, network.reorder(0.05), network.lose(0.01), network.lose(0.05), network.cut_out])
    return last(segments, random) if last else segments


def run(seed: int, loss: float | None = None, reorder: float | None = None, *, lossless: bool, twice: bool) -> Score:
    """Raises UntruthError or AssertionError where what is told is not the truth."""
    random = Random(seed)
    truths = conversations(random)
    segments = sorted((one for truth in truths for one in truth.segments), key=lambda one: one.time)
    if loss is None and reorder is None:
        segments = disturbed(segments, random, lossless)
    else:
        segments = network.lose(loss or 0)(network.reorder(reorder or 0)(segments, random), random)
    capture = pcap(frames(segments))
    with tempfile.TemporaryDirectory() as folder:
        told = replay(Path(folder), [capture], CONFIG)
        if twice and replay(Path(folder), [capture], CONFIG).raw != told.raw:
            raise UntruthError("another replay gave other bytes")
    return check(truths, segments, told.records)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seed", type=int)
    arguments.add_argument("--seeds", default="0-1000", help="the first and the one after the last: A-B")
    arguments.add_argument("--loss", type=float)
    arguments.add_argument("--reorder", type=float)
    arguments.add_argument("--lossless", action="store_true", help="the tap misses no packet: all must be told")
    given = arguments.parse_args()
    first, last = map(int, given.seeds.split("-"))
    seeds = range(first, last) if given.seed is None else [given.seed]
    total, failed = Score(), 0
    for seed in seeds:
        try:
            total.add(run(seed, given.loss, given.reorder, lossless=given.lossless, twice=seed % 10 == 0))
        except AssertionError as error:
            failed += 1
            print(f"python -m truth.run --seed {seed}: {type(error).__name__}: {str(error)[:1500]}", file=sys.stderr)
    print(f"{len(seeds)} seeds, {failed} failed; {total}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
