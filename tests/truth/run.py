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
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from packets import pcap
from packets.files import frames
from packets.links import RAW
from replay_engine import Replayed, replay

from truth.checker import Score, UntruthError, check
from truth.command import check_command
from truth.damage import Damage, Tapped, chosen, only, with_one_clock
from truth.floors import SCARCE, below_floors
from truth.simulator import Truth, world

CONFIG = {"outputConnections": True, "maxMemory": 32 << 20}
TOGETHER = 40  # seeds in one capture
APART_MS = 1_000_000  # from the first packet of one to that of the next: all of a seed has ended by then
HEADERS = 40  # IP and TCP, which are not cut off
# Of so many groups one has its seeds all at once and too little room, and one also goes through the command.
SCARCE_EVERY, COMMAND_EVERY = 10, 25


@dataclass(frozen=True)
class Trial:
    """A seed's connections, and what the tap saw of them."""

    seed: int
    truths: list[Truth]
    tapped: Tapped


def trial(seed: int, damage: Damage, place: int, apart_ms: float = APART_MS) -> Trial:
    """`place`: in the capture."""
    truths = world(seed, f"10.0.{place >> 8}.{place & 0xFF}", place * apart_ms)
    segments = sorted((one for truth in truths for one in truth.segments), key=lambda one: one.time)
    return Trial(seed, truths, damage(segments, Random(f"network {seed}")))


def captured(trials: Sequence[Trial], at_once: bool) -> bytes:
    packets = [
        frame
        for one in trials
        for frame in frames(one.tapped.segments, link=RAW, snap_length=one.tapped.snap + HEADERS)
    ]
    return pcap(sorted(packets, key=lambda frame: frame.time) if at_once else packets, link=RAW)


def little_room(number: int) -> dict[str, int]:
    """For a group's connections, some 70 at once."""
    random = Random(f"room {number}")
    memory = random.choice([384, 448, 512, 1024])  # KiB, of which the batches of records have most
    return {"maxMemory": memory << 10, "maxConcurrentConnections": random.choice([20, 30, 40, 1000])}


def run(seeds: Sequence[int], damage: Damage) -> tuple[dict[str, Score], list[str]]:
    """The scores by kind of damage, and what is wrong."""
    number = seeds[0] // TOGETHER
    scarce = damage is chosen and len(seeds) > 1 and number % SCARCE_EVERY == SCARCE_EVERY - 1
    if scarce:
        trials = [trial(seed, with_one_clock, place, apart_ms=0) for place, seed in enumerate(seeds)]
    else:
        trials = [trial(seed, damage, place) for place, seed in enumerate(seeds)]
    config = {**CONFIG, **(little_room(number) if scarce else {})}
    capture = captured(trials, at_once=scarce)
    with tempfile.TemporaryDirectory() as folder:
        # The schema costs ten times the rest: some records stand for all.
        told = replay(Path(folder), [capture], config, validated=seeds[0] % 1000 == 0)
        again = replay(Path(folder), [capture], config, validated=False)
        by_command = check_command(Path(folder), capture, told.raw) if number % COMMAND_EVERY == 0 else []
    scores, wrong = _checked(trials, told, scarce)
    wrong += by_command
    if again.raw != told.raw:
        wrong.append("another replay gave other bytes")
    if told.stat("gauges.memoryPeak") > config["maxMemory"]:
        wrong.append("more memory than maxMemory")
    if told.stat("streams.gap_bytes") != sum(sum(one["missingBytes"].values()) for one in told.connections):
        wrong.append("the ledger counts other gaps than the connections' records")
    passed_over = sum(score.overtaken for score in scores.values())
    if passed_over > told.stat("streams.unparsed_bytes") + told.stat("streams.not_http_bytes"):
        wrong.append(f"{passed_over} bytes were passed over, of which not all were counted")
    return scores, [f"python -m truth.run --seeds {seeds[0]}-{seeds[-1] + 1}: {one}" for one in wrong]


def _checked(trials: Sequence[Trial], told: Replayed, scarce: bool) -> tuple[dict[str, Score], list[str]]:
    scores: dict[str, Score] = defaultdict(Score)
    wrong: list[str] = []
    by_client: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in [*told.records, *told.connections]:
        by_client[record["destination"]["ip"]].append(record)
    for one in trials:
        records = by_client.pop(one.truths[0].client[0], [])
        try:
            score = check(one.truths, one.tapped.segments, one.tapped.snap, records, scarce=scarce)
            scores[SCARCE if scarce else one.tapped.kind].add(score)
        except UntruthError as error:
            wrong.append(f"seed {one.seed}, {one.tapped.kind}: {str(error)[:1500]}")
    if scarce:
        given_up = told.stat("connections.evicted") + told.stat("connections.memory")
        scores[SCARCE].add(Score(evicted=given_up, cut=told.stat("streams.bodies_cut")))
    if by_client:
        wrong.append(f"records of connections that there were not: {dict(by_client)}")
    return scores, wrong


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
    damage: Damage = partial(only, given.loss or 0, given.reorder or 0) if plain else chosen
    total: dict[str, Score] = defaultdict(Score)
    failed = 0
    with ProcessPoolExecutor(given.jobs) as pool:
        groups = [seeds[at : at + TOGETHER] for at in range(0, len(seeds), TOGETHER)]
        for scores, wrong in pool.map(run, groups, [damage] * len(groups)):
            for kind, score in scores.items():
                total[kind].add(score)
            failed += len(wrong)
            print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
    below = [] if plain else list(below_floors(total))
    print(*(f"{kind}: {score}" for kind, score in sorted(total.items())), *below, sep="\n")
    print(f"{len(seeds)} seeds, {failed} failed, {len(below)} floors missed")
    return 1 if failed or below else 0


if __name__ == "__main__":
    sys.exit(main())
