"""Measurements in Prometheus' text format, version 0.0.4.

Names as OpenTelemetry's translation makes them: http.server.request.duration in seconds is
http_server_request_duration_seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from appliance.metrics.model import OVERFLOW, Attributes, Family, Histogram, Sample

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_UNITS = {"s": "_seconds", "By": "_bytes"}
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
# The series of what is beyond the bound.
_OTHER = {"http.request.method": "other", "server.port": "other", "http.response.status_code": "other"}


def render(families: Iterable[Family]) -> str:
    return "".join(line + "\n" for family in families for line in _lines(family))


def _lines(family: Family) -> Iterator[str]:
    name = _name(family)
    yield f"# HELP {name} {family.description}"
    yield f"# TYPE {name} {family.kind}"
    for sample in family.samples:
        yield from _sample(name, sample)


def _name(family: Family) -> str:
    name = family.name.replace(".", "_")
    if not name.endswith(unit := _UNITS.get(family.unit, "")):
        name += unit
    return name + "_total" if family.kind == "counter" else name


def _sample(name: str, sample: Sample) -> Iterator[str]:
    labels = _labels(sample.attributes)
    if isinstance(sample.value, Histogram):
        yield from _histogram(name, labels, sample.value)
    else:
        yield f"{name}{_braces(labels)} {sample.value}"


def _histogram(name: str, labels: list[str], histogram: Histogram) -> Iterator[str]:
    """The classes hold those below them too, up to the one without a bound."""
    below = 0
    for bound, count in zip([*histogram.bounds, "+Inf"], histogram.counts, strict=True):
        below += count
        yield f"{name}_bucket{_braces([*labels, _label('le', bound)])} {below}"
    yield f"{name}_sum{_braces(labels)} {histogram.sum}"
    yield f"{name}_count{_braces(labels)} {below}"


def _labels(attributes: Attributes) -> list[str]:
    shown = _OTHER if attributes is OVERFLOW else attributes
    return [_label(name.replace(".", "_"), value) for name, value in shown.items()]


def _label(name: str, value: object) -> str:
    return f'{name}="{str(value).translate(_ESCAPES)}"'


def _braces(labels: list[str]) -> str:
    return f"{{{','.join(labels)}}}" if labels else ""
