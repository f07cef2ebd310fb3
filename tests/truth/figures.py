"""How much is told, by what the tap lost or reordered, beside tshark on the same packets; a table for docs/fidelity.md.

PYTHONPATH=.:tests python -m truth.figures [SEEDS]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

from packets import pcap
from packets.files import frames
from packets.links import RAW
from replay_engine import replay

from truth.checker import Score, UntruthError, check
from truth.run import CONFIG, Trial, only, trial
from truth.simulator import Message

LOSS = (0.0, 0.001, 0.01, 0.05)
REORDER = (0.01, 0.05)
TSHARK = ["tshark", "-o", "tcp.reassemble_out_of_order:TRUE", "-T", "pdml", "-J", "http", "-Y", "http", "-r"]


def main() -> int:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print("| packets | messages | told | complete | paired | wrong | tshark: told | paired | wrong |")
    print("|---|---|---|---|---|---|---|---|---|")
    for loss, reorder in [*((rate, 0.0) for rate in LOSS), *((0.0, rate) for rate in REORDER)]:
        trials = [trial(seed, partial(only, loss, reorder), seed) for seed in range(seeds)]
        with tempfile.TemporaryDirectory() as folder:
            capture = Path(folder) / "all.pcap"
            capture.write_bytes(pcap([one for each in trials for one in frames(each.captured, link=RAW)], link=RAW))
            score, untrue = _ours(Path(folder), trials, capture.read_bytes())
            told, paired, wrong = _tshark(trials, capture)
        name = f"{loss:.1%} lost" if loss or not reorder else f"{reorder:.0%} of neighbours swapped"
        shares = [score.told / score.messages, score.complete / score.messages, score.paired / score.responses]
        ours = " | ".join(f"{share:.2%}" for share in shares)
        theirs = f"{told / score.messages:.2%} | {paired / score.responses:.2%} | {wrong}"
        print(f"| {name} | {score.messages} | {ours} | {untrue} | {theirs} |", flush=True)
    return 0


def _ours(folder: Path, trials: list[Trial], capture: bytes) -> tuple[Score, int]:
    """The score, and of how many seeds something was told wrongly."""
    told = replay(folder, [capture], {**CONFIG, "maxMemory": 256 << 20}, validated=False)
    total, untrue = Score(), 0
    for one in trials:
        ip = one.truths[0].client[0]
        mine = [record for record in [*told.records, *told.connections] if record["destination"]["ip"] == ip]
        try:
            total.add(check(one.truths, one.captured, one.snap, mine))
        except UntruthError as error:
            untrue += 1
            print(f"python -m truth.run --seed {one.seed}: {error}", file=sys.stderr)
    return total, untrue


def _tshark(trials: list[Trial], capture: Path) -> tuple[int, int, int]:
    """Messages of the truth that it names, final responses that it pairs rightly, and those wrongly."""
    known = {(m.direction, m.name): m for one in trials for truth in one.truths for m in truth.messages}
    told: set[tuple[str, str]] = set()
    paired = wrong = 0
    with subprocess.Popen([*TSHARK, str(capture)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        for request, name, asked in _messages(process.stdout):
            key = ("request" if request else "response", name)
            told |= {key} & known.keys()
            if not request and asked:
                right = asked.endswith(name.partition("#")[0])
                paired += right and key in known and _final(known[key])
                wrong += not right
    return len(told), paired, wrong


def _final(message: Message) -> bool:
    return message.status != 103


def _messages(output: IO[bytes]) -> Iterator[tuple[bool, str, str]]:
    """Of each HTTP message: whether it is a request, what it names, and the request that it is said to answer."""
    for _, element in ElementTree.iterparse(output):
        if element.tag == "packet":
            for message in element.iter("proto"):
                if message.get("name") == "http":
                    yield _message(message)
            element.clear()


def _message(message: ElementTree.Element) -> tuple[bool, str, str]:
    shown = {field.get("name"): field.get("show", "") for field in message.iter("field")}
    lines = [field.get("show", "") for field in message.iter("field") if field.get("name") == "http.response.line"]
    name = next((line.partition(":")[2].strip() for line in lines if line.lower().startswith("x-for")), "")
    name = name.removesuffix("\\r\\n")
    if "http.request.uri" in shown and "http.response.code" not in shown:
        return True, shown["http.request.uri"], ""
    return False, name, shown.get("http.response_for.uri", "")


if __name__ == "__main__":
    sys.exit(main())
