"""A measurement between where it is taken and how it is shown. Names and attributes are OpenTelemetry's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

# `http.request.method` and the like; a series that has none of them has an empty mapping.
Attributes = Mapping[str, str | int | bool]

# What OpenTelemetry calls the series that takes what is beyond the bound.
OVERFLOW: Attributes = {"otel.metric.overflow": True}


@dataclass(frozen=True, slots=True)
class Histogram:
    bounds: Sequence[float]  # upper ones, each in its class
    counts: Sequence[int]  # by class, one more than the bounds
    sum: float

    @property
    def count(self) -> int:
        return sum(self.counts)


class Sample(NamedTuple):
    attributes: Attributes
    value: int | Histogram


class Family(NamedTuple):
    """All series of one name. Counters and histograms count from the capture's start."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str  # of UCUM: "s", "By", or what is counted, in braces
    description: str
    samples: Sequence[Sample]
