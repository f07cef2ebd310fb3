"""The ledger's counts as measurements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from appliance.metrics.model import Family, Sample

_DESCRIPTIONS = {
    "packets": "What became of the packets that were captured.",
    "capture": "The kernel's own counts of packets.",
    "connections": "Connections that were opened, and how they ended.",
    "messages": "What became of the HTTP messages.",
    "recording": "What became of the packets that were to be recorded.",
    "streams": "What was found in the byte streams beside messages.",
}

_OF_SOME_SINKS: dict[str, tuple[Literal["counter", "gauge"], str]] = {
    "recovered": ("counter", "Records that an earlier process left in the spool."),
    "spooled": ("gauge", "Records that wait in the spool."),
    "circuitOpen": ("gauge", "Whether the collector is only probed, for it takes nothing."),
}


def ledger_families(stats: Mapping[str, Any], *, capture_open: bool) -> Iterator[Family]:
    opened = [Sample({}, int(capture_open))]
    yield Family("tcp_sniffer.capture_open", "gauge", "1", "Whether the capture is open.", opened)
    for group, values in stats.items():
        if group == "gauges":
            yield from _gauges(values)
        elif group == "sinks":
            yield from _sinks(values)
        else:
            yield _counts(group, values)


def _gauges(values: Mapping[str, int]) -> Iterator[Family]:
    for name, value in values.items():
        snake = _snake_case(name)
        words = snake.replace("_", " ")
        unit = "By" if name.startswith("memory") or name.endswith("Bytes") else "1"
        yield Family(f"tcp_sniffer.{snake}", "gauge", unit, f"The engine's {words}.", [Sample({}, value)])


def _counts(group: str, values: Mapping[str, int]) -> Family:
    name = _snake_case(group)
    description = _DESCRIPTIONS.get(group, f"Counts of {name.replace('_', ' ')}.")
    samples = [Sample({"reason": _snake_case(reason)}, count) for reason, count in values.items()]
    return Family(f"tcp_sniffer.{name}", "counter", "1", description, samples)


def _sinks(sinks: Mapping[str, Mapping[str, Any]]) -> Iterator[Family]:
    produced = [Sample({"sink": sink}, values["produced"]) for sink, values in sinks.items()]
    delivered = [Sample({"sink": sink}, values["delivered"]) for sink, values in sinks.items()]
    queued = [Sample({"sink": sink}, values["queued"]) for sink, values in sinks.items()]
    dropped = [
        Sample({"sink": sink, "reason": reason}, count)
        for sink, values in sinks.items()
        for reason, count in values["dropped"].items()
    ]
    yield Family("tcp_sniffer.sink.produced", "counter", "1", "Records that an output was offered.", produced)
    yield Family("tcp_sniffer.sink.delivered", "counter", "1", "Records that an output delivered.", delivered)
    yield Family("tcp_sniffer.sink.queued", "gauge", "1", "Records that wait for an output.", queued)
    for name, (kind, description) in _OF_SOME_SINKS.items():
        samples = [Sample({"sink": sink}, values[name]) for sink, values in sinks.items() if name in values]
        if samples:
            yield Family(f"tcp_sniffer.sink.{_snake_case(name)}", kind, "1", description, samples)
    yield Family("tcp_sniffer.sink.dropped", "counter", "1", "Records that an output lost, by reason.", dropped)


def _snake_case(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
