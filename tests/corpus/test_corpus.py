"""Real captures: every message that two independent readings agree on must be there, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

from comparison import Outcome, compare
from exceptions import EXCEPTIONS
from replay_engine import replay_files

UNLIMITED = {
    "maxBodySize": 1 << 30,
    "maxRecordSize": (1 << 31) - 1,
    "maxMemory": 1 << 32,
    "redactHeaders": [],
}


def test_corpus(library: Path, corpus: Path) -> None:
    assert library.exists()
    total = Outcome()
    unexplained: list[str] = []
    explained: set[tuple[str, int, str]] = set()
    for entry in json.loads((corpus / "manifest.json").read_text()):
        name = entry["file"]
        outcome = _replay(corpus, name)
        total.add(outcome)
        print(f"\n{name} ({entry['shows']}): {outcome}")
        for (frame, direction), difference in outcome.differences.items():
            reason = EXCEPTIONS.get((name, frame, direction))
            print(f"  frame {frame}, {direction}: {difference}" + (f"\n    excepted: {reason}" if reason else ""))
            if reason:
                explained.add((name, frame, direction))
            else:
                unexplained.append(f"{name}, frame {frame}, {direction}")
        for unknown in outcome.unknown:
            print(f"  only here: {unknown}")
    print(f"\nAll captures: {total}; {len(explained)} exceptions")
    assert not unexplained, "messages that are missing or differ:\n" + "\n".join(unexplained)
    stale = EXCEPTIONS.keys() - explained
    assert not stale, f"exceptions that are none any more: {stale}"


def _replay(corpus: Path, name: str) -> Outcome:
    lines = [json.loads(line) for line in (corpus / "expected" / f"{name}.jsonl").read_text().splitlines()]
    ports = sorted({int(line["server"].rsplit(":", 1)[1]) for line in lines})
    return compare(lines, replay_files([str(corpus / name)], {**UNLIMITED, "ports": ports}).records)
