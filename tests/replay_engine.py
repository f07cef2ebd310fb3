"""Runs the engine on captures, in this process, and checks what must hold for every run."""

from __future__ import annotations

import json
import select
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from appliance.engine import CONNECTION, OK, RESPONSE, SELF_DELIVERY, Engine

ROOT = Path(__file__).parents[1]
DEADLINE_S = 60
CONFIG: dict[str, Any] = {"ports": [8080], "redactHeaders": []}


@dataclass(frozen=True)
class Replayed:
    """What came out of a run."""

    raw: bytes
    records: list[dict[str, Any]]  # messages
    connections: list[dict[str, Any]]
    flags: list[int]  # of `records`
    connection_flags: list[int]
    stats: dict[str, dict[str, int]]
    events: list[dict[str, Any]]
    exchanges: dict[str, Any]  # histograms, see sniffer_exchanges

    def stat(self, name: str) -> int:
        group, field = name.split(".")
        return self.stats[group][field]


Replay = Callable[..., Replayed]  # what the fixture `replay` gives


def replay(folder: Path, captures: Sequence[bytes], config: Mapping[str, Any], *, validated: bool = True) -> Replayed:
    files = []
    for number, capture in enumerate(captures):
        file = folder / f"{number}.pcap"
        file.write_bytes(capture)
        files.append(str(file))
    return replay_files(files, config, validated=validated)


def replay_files(files: Sequence[str], config: Mapping[str, Any], *, validated: bool = True) -> Replayed:
    """Replays the files and checks that the ledger balances, and, where `validated`, each record against the schema."""
    document = {**CONFIG, **config, "replay": {"files": list(files)}}
    with Engine.open(json.dumps(document)) as engine:
        engine.start()
        lines: list[tuple[int, bytes]] = []
        events: list[dict[str, Any]] = []
        status = None
        while status is None:
            if not select.select([engine.event_fd], [], [], DEADLINE_S)[0]:
                raise TimeoutError(f"the engine said nothing for {DEADLINE_S} s")
            engine.acknowledge()
            status = engine.finished()
            lines += _read(engine)
            events += engine.events()
        if status != OK:
            raise engine.error(status)
        stats, exchanges = engine.stats(), engine.exchanges()
    result = _result(lines, stats, events, exchanges)
    _check(result, len(lines), validated)
    return result


def _read(engine: Engine) -> list[tuple[int, bytes]]:
    lines = []
    while batch := engine.read():
        lines += [(place.flags, batch.record(place)) for place in batch.records()]
        batch.release()
    return lines


def _result(
    lines: list[tuple[int, bytes]],
    stats: dict[str, dict[str, int]],
    events: list[dict[str, Any]],
    exchanges: dict[str, Any],
) -> Replayed:
    messages = [(flags, json.loads(line)) for flags, line in lines if not flags & CONNECTION]
    return Replayed(
        raw=b"".join(line for _, line in lines),
        records=[record for _, record in messages],
        connections=[json.loads(line) for flags, line in lines if flags & CONNECTION],
        flags=[flags for flags, _ in messages],
        connection_flags=[flags for flags, _ in lines if flags & CONNECTION],
        stats=stats,
        events=events,
        exchanges=exchanges,
    )


def _check(result: Replayed, lines: int, validated: bool) -> None:
    assert result.raw.count(b"\n") == lines
    for record in [*result.records, *result.connections] if validated else []:
        assert_valid(record)
    for flags, record in zip(result.flags, result.records, strict=True):
        assert (record["direction"] == "response") == bool(flags & RESPONSE)
    assert_balanced(result.stats, lines)
    _check_exchanges(result)


def _check_exchanges(result: Replayed) -> None:
    """The engine's counts are those that one makes of the records."""
    answers = [
        record
        for flags, record in zip(result.flags, result.records, strict=True)
        if flags & RESPONSE and not flags & SELF_DELIVERY and not record.get("interim")
    ]
    series = result.exchanges["series"]
    assert sum(one["exchanges"] for one in series) == len(answers)
    assert sum(sum(one["latency"]["counts"]) for one in series) == sum("latencyMs" in answer for answer in answers)
    whole = [answer for answer in answers if answer["complete"]]
    assert sum(sum(one["responseSize"]["counts"]) for one in series) == len(whole)
    assert sum(one["responseSize"]["sum"] for one in series) == sum(answer["bodySize"] for answer in whole)


def assert_valid(record: dict[str, Any]) -> None:
    """That the record is what message.schema.json says."""
    error = jsonschema.exceptions.best_match(_validator().iter_errors(record))
    assert error is None, f"{error}\n{json.dumps(record)[:1000]}"


@cache
def _validator() -> jsonschema.Draft202012Validator:
    schema = json.loads((ROOT / "message.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


ENDS = ("fin", "reset", "evicted", "memory", "idle_timeout", "replaced", "capture_end")


def assert_balanced(stats: dict[str, dict[str, int]], lines: int) -> None:
    """That every packet, connection and message is accounted for under one reason."""
    packets = dict(stats["packets"])
    assert packets.pop("received") == sum(packets.values()), stats["packets"]
    connections = stats["connections"]
    assert connections["opened"] == sum(connections[end] for end in ENDS), connections
    messages = stats["messages"]
    assert messages["produced"] == messages["filtered"] + messages["queue_full"] + messages["delivered"], messages
    assert messages["delivered"] == lines, messages
    assert stats["gauges"]["memoryUsed"] <= stats["gauges"]["memoryPeak"], stats["gauges"]
