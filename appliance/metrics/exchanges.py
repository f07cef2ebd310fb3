"""The engine's histograms of HTTP exchanges under the names of OpenTelemetry's semantic conventions.

https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from appliance.metrics.model import OVERFLOW, Attributes, Family, Histogram, Sample


class _Instrument(NamedTuple):
    name: str  # with the side in place of {}
    unit: str
    description: str
    bounds: str  # in the engine's JSON, as the values
    values: str


_HISTOGRAMS = (
    _Instrument(
        "http.{}.request.duration",
        "s",
        "From a request's first byte to its response's last.",
        "duration",
        "duration",
    ),
    _Instrument("http.{}.request.body.size", "By", "Bytes of request bodies.", "size", "requestSize"),
    _Instrument("http.{}.response.body.size", "By", "Bytes of response bodies.", "size", "responseSize"),
    # No convention has a name for this one.
    _Instrument(
        "tcp_sniffer.http.{}.latency",
        "s",
        "From a request's last byte to its response's first.",
        "latency",
        "latency",
    ),
)
_SIDES = ("server", "client")


def exchange_families(exchanges: Mapping[str, Any]) -> Iterator[Family]:
    """`exchanges`: what sniffer_exchanges gives. A side that saw nothing has no families."""
    for side in _SIDES:
        series = [one for one in exchanges.get("series", ()) if one["side"] == side]
        if series:
            yield _counter(side, series)
            yield from (_histogram(instrument, side, series, exchanges["bounds"]) for instrument in _HISTOGRAMS)


def _counter(side: str, series: list[Mapping[str, Any]]) -> Family:
    samples = [Sample(_attributes(one), one["exchanges"]) for one in series]
    description = "Final responses, whole or not, also those whose request was not seen."
    return Family(f"tcp_sniffer.http.{side}.exchanges", "counter", "{exchange}", description, samples)


def _histogram(
    instrument: _Instrument, side: str, series: list[Mapping[str, Any]], all_bounds: Mapping[str, list[float]]
) -> Family:
    bounds = all_bounds[instrument.bounds]
    samples = [
        Sample(_attributes(one), Histogram(bounds, one[instrument.values]["counts"], one[instrument.values]["sum"]))
        for one in series
    ]
    return Family(instrument.name.format(side), "histogram", instrument.unit, instrument.description, samples)


def _attributes(series: Mapping[str, Any]) -> Attributes:
    if series.get("other"):
        return OVERFLOW
    attributes: dict[str, str | int] = {
        "http.request.method": series["method"],
        "url.scheme": "http",
        "server.port": series["port"],
    }
    if status := series.get("status"):
        attributes["http.response.status_code"] = status
        # A client's fault is no error of the server that says so.
        if status >= (500 if series["side"] == "server" else 400):
            attributes["error.type"] = str(status)
    return attributes
