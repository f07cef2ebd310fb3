"""The ledger in Prometheus' text format: version 0.0.4."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def render(stats: Mapping[str, Any], *, capture_open: bool) -> str:
    lines = list(_gauge("tcp_sniffer_capture_open", int(capture_open)))
    for group, values in stats.items():
        if group == "gauges":
            for name, value in values.items():
                lines += _gauge(f"tcp_sniffer_{_snake_case(name)}", value)
        elif group == "sinks":
            lines += _sinks(values)
        else:
            lines += _counters(f"tcp_sniffer_{_snake_case(group)}_total", "reason", values)
    return "\n".join(lines) + "\n"


def _gauge(name: str, value: int) -> Iterator[str]:
    yield f"# TYPE {name} gauge"
    yield f"{name} {value}"


def _counters(name: str, label: str, values: Mapping[str, int]) -> Iterator[str]:
    yield f"# TYPE {name} counter"
    for key, value in values.items():
        yield f'{name}{{{label}="{_snake_case(key)}"}} {value}'


def _sinks(sinks: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for count in ("produced", "delivered"):
        yield from _counters(f"tcp_sniffer_sink_{count}_total", "sink", {s: v[count] for s, v in sinks.items()})
    yield "# TYPE tcp_sniffer_sink_queued gauge"
    for sink, values in sinks.items():
        yield f'tcp_sniffer_sink_queued{{sink="{sink}"}} {values["queued"]}'
    yield "# TYPE tcp_sniffer_sink_dropped_total counter"
    for sink, values in sinks.items():
        for reason, count in values["dropped"].items():
            yield f'tcp_sniffer_sink_dropped_total{{sink="{sink}",reason="{reason}"}} {count}'


def _snake_case(name: str) -> str:
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
