"""How much is told, by what the tap lost or reordered, beside tshark on the same packets; a table for docs/fidelity.md.

PYTHONPATH=.:tests python -m truth.figures [SEEDS]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

from replay_engine import replay

from truth.checker import Key, Score, UntruthError, check
from truth.damage import only
from truth.run import CONFIG, Trial, captured, trial

LOSS = (0.0, 0.001, 0.01, 0.05)
REORDER = (0.01, 0.05)
TSHARK = ["tshark", "-o", "tcp.reassemble_out_of_order:TRUE", "-T", "pdml", "-J", "http", "-Y", "http", "-r"]


@dataclass
class Shown:
    """Of the truth's messages those that tshark names, and those with their body; of its final responses those with
    their request, and all with another's."""

    told: set[Key] = field(default_factory=set)
    complete: set[Key] = field(default_factory=set)
    paired: set[Key] = field(default_factory=set)
    wrong: int = 0


def main() -> int:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 2300
    columns = ["told", "complete", "paired", "wrong"]
    print(_row("packets", "exchanges", *columns, *(f"tshark: {one}" for one in columns)))
    print("|---" * 10 + "|")
    untrue = 0
    for loss, reorder in [*((rate, 0.0) for rate in LOSS), *((0.0, rate) for rate in REORDER)]:
        trials = [trial(seed, partial(only, loss, reorder), seed) for seed in range(seeds)]
        with tempfile.TemporaryDirectory() as folder:
            capture = Path(folder) / "all.pcap"
            capture.write_bytes(captured(trials, at_once=False))
            score, wrong, failed = _ours(Path(folder), trials, capture.read_bytes())
            shown = _tshark(trials, capture)
        untrue += failed
        name = f"{loss:.1%} lost" if loss or not reorder else f"{reorder:.0%} of neighbours swapped"
        ours = _shares(score, score.told, score.complete, score.paired)
        theirs = _shares(score, len(shown.told), len(shown.complete), len(shown.paired))
        print(_row(name, score.responses, *ours, wrong, *theirs, shown.wrong), flush=True)
    return 1 if untrue else 0


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _shares(score: Score, told: int, complete: int, paired: int) -> list[str]:
    parts = (told, score.messages), (complete, score.messages), (paired, score.responses)
    return [f"{part / whole:.2%}" for part, whole in parts]


def _ours(folder: Path, trials: list[Trial], capture: bytes) -> tuple[Score, int, int]:
    """The score, how many responses have another's request, and of how many seeds anything is untrue."""
    told = replay(folder, [capture], {**CONFIG, "maxMemory": 256 << 20}, validated=False)
    by_client: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in [*told.records, *told.connections]:
        by_client[record["destination"]["ip"]].append(record)
    total, untrue = Score(), 0
    for one in trials:
        try:
            total.add(check(one.truths, one.tapped.segments, one.tapped.snap, by_client[one.truths[0].client[0]]))
        except UntruthError as error:
            untrue += 1
            print(f"python -m truth.run --seed {one.seed}: {error}", file=sys.stderr)
    named = [record for record in told.records if "request" in record and "x-for" in record["headers"]]
    wrong = sum(answer["request"]["path"] != _asked(answer["headers"]["x-for"]) for answer in named)
    return total, wrong, untrue


def _asked(name: str) -> str:
    return name.partition("#")[0]


def _tshark(trials: list[Trial], capture: Path) -> Shown:
    known = {(m.direction, m.name): m for one in trials for truth in one.truths for m in truth.messages}
    shown = Shown()
    with subprocess.Popen([*TSHARK, str(capture)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        for key, asked, body in _messages(process.stdout):
            message = known.get(key)
            if message:
                shown.told.add(key)
                if body == message.body:
                    shown.complete.add(key)
            if asked and not asked.endswith(_asked(key[1])):
                shown.wrong += 1
            elif asked and message and message.status != 103:
                shown.paired.add(key)
    return shown


def _messages(output: IO[bytes]) -> Iterator[tuple[Key, str, bytes]]:
    """Of each HTTP message: what it names, the request that it is said to answer, and its body."""
    for _, element in ElementTree.iterparse(output):
        if element.tag == "packet":
            for message in element.iter("proto"):
                if message.get("name") == "http":
                    yield _message(message)
            element.clear()


def _message(message: ElementTree.Element) -> tuple[Key, str, bytes]:
    shown = {field.get("name"): field.get("show", "") for field in message.iter("field")}
    bodies = [field.get("value", "") for field in message.iter("field") if field.get("name") == "http.file_data"]
    body = bytes.fromhex("".join(bodies))
    lines = [field.get("show", "") for field in message.iter("field") if field.get("name") == "http.response.line"]
    name = next((line.partition(":")[2].strip() for line in lines if line.lower().startswith("x-for")), "")
    name = name.removesuffix("\\r\\n")
    if "http.request.uri" in shown and "http.response.code" not in shown:
        return ("request", shown["http.request.uri"]), "", body
    return ("response", name), shown.get("http.response_for.uri", ""), body


if __name__ == "__main__":
    sys.exit(main())
