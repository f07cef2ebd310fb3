"""Seeds through the whole path; with PYTHONPATH=.:tests.

python -m truth.run --seed 17            one seed: prints what is wrong
python -m truth.run --seeds 0-20000      many; fails at the end, with the command for each that failed
... --loss 0.01 --reorder 0.05           these alone, instead of what the seed chooses
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from packets import Segment, pcap
from packets.files import SNAP_LENGTH, frames
from packets.links import RAW
from replay_engine import replay

from truth import network
from truth.checker import Score, UntruthError, check
from truth.simulator import Truth, world

CONFIG = {"outputConnections": True, "maxMemory": 32 << 20}
TOGETHER = 40  # seeds in one capture
APART_MS = 1_000_000  # from the first packet of one to that of the next: all of a seed has ended by then
HEADERS = 40  # IP and TCP, which are not cut off


@dataclass(frozen=True)
class Trial:
    """A seed's connections, and what the tap saw of them."""

    seed: int
    truths: list[Truth]
    captured: list[Segment]
    snap: int  # bytes of payload kept of a packet


Disturb = Callable[[list[Segment], Random], list[Segment]]


def chosen(segments: list[Segment], random: Random) -> list[Segment]:
    """What the seed chooses: disturbances that lose nothing, then perhaps some that do."""
    for disturbance in random.sample(network.HARMLESS, random.randint(0, 2)):
        segments = disturbance(segments, random)
    last = random.choice([None, None, network.reorder(0.05), network.lose(0.01), network.lose(0.05), network.cut_out])
    segments = last(segments, random) if last else segments
    return network.contradict(segments, random) if random.random() < 0.2 else segments


def only(loss: float, reorder: float, segments: list[Segment], random: Random) -> list[Segment]:
    return network.lose(loss)(network.reorder(reorder)(segments, random), random)


def trial(seed: int, disturb: Disturb, place: int) -> Trial:
    """`place`: in the capture."""
    truths = world(seed, f"10.0.{place >> 8}.{place & 0xFF}", place * APART_MS)
    random = Random(f"network {seed}")
    segments = sorted((one for truth in truths for one in truth.segments), key=lambda one: one.time)
    captured = disturb(segments, random)
    # Of what was cut nobody knows whether the checksum is right.
    cut = disturb is chosen and random.random() < 0.05 and all(one.checksum != "wrong" for one in captured)
    return Trial(seed, truths, captured, random.choice([60, 500]) if cut else SNAP_LENGTH)


def run(seeds: Sequence[int], disturb: Disturb) -> tuple[Score, list[str]]:
    """The score, and what is wrong."""
    trials = [trial(seed, disturb, place) for place, seed in enumerate(seeds)]
    capture = pcap(
        [frame for one in trials for frame in frames(one.captured, link=RAW, snap_length=one.snap + HEADERS)], link=RAW
    )
    with tempfile.TemporaryDirectory() as folder:
        # The schema costs ten times the rest: some records stand for all.
        told = replay(Path(folder), [capture], CONFIG, validated=seeds[0] % 1000 == 0)
        again = replay(Path(folder), [capture], CONFIG, validated=False)
    wrong = [] if again.raw == told.raw else [f"seeds {seeds}: another replay gave other bytes"]
    if told.stat("gauges.memoryPeak") > CONFIG["maxMemory"]:
        wrong.append(f"seeds {seeds}: more memory than maxMemory")
    total = Score()
    by_client: dict[str, list[dict[str, object]]] = {}
    for record in [*told.records, *told.connections]:
        by_client.setdefault(record["destination"]["ip"], []).append(record)
    for one in trials:
        records = by_client.pop(one.truths[0].client[0], [])
        try:
            total.add(check(one.truths, one.captured, one.snap, records))
        except UntruthError as error:
            wrong.append(f"python -m truth.run --seed {one.seed}: {str(error)[:1500]}")
    if by_client:
        wrong.append(f"seeds {seeds}: records of connections that there were not: {by_client}")
    if total.overtaken > told.stat("streams.unparsed_bytes") + told.stat("streams.not_http_bytes"):
        wrong.append(f"seeds {seeds}: {total.overtaken} bytes were passed over, of which not all were counted")
    return total, wrong


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seed", type=int)
    arguments.add_argument("--seeds", default="0-1000", help="the first and the one after the last: A-B")
    arguments.add_argument("--loss", type=float)
    arguments.add_argument("--reorder", type=float)
    arguments.add_argument("--jobs", type=int, default=os.cpu_count())
    given = arguments.parse_args()
    first, last = map(int, given.seeds.split("-"))
    seeds = range(first, last) if given.seed is None else range(given.seed, given.seed + 1)
    plain = given.loss is not None or given.reorder is not None
    disturb: Disturb = partial(only, given.loss or 0, given.reorder or 0) if plain else chosen
    total, failed = Score(), 0
    with ProcessPoolExecutor(given.jobs) as pool:
        groups = [seeds[at : at + TOGETHER] for at in range(0, len(seeds), TOGETHER)]
        for score, wrong in pool.map(run, groups, [disturb] * len(groups)):
            total.add(score)
            failed += len(wrong)
            print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
    print(f"{len(seeds)} seeds, {failed} failed; {total}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
