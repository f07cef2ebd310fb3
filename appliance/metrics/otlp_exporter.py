"""Measurements in OpenTelemetry's own types, and its SDK's exporter, which sends them.

The exporter reads the standard's OTEL_EXPORTER_OTLP_* variables: headers, certificates, compression, timeout.
Imported late, and only where metrics are to be sent: the SDK takes some megabytes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import export as otel
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from appliance.metrics.model import Family, Histogram, Sample
from appliance.metrics.own_session import open_session
from appliance.sinks.own import Exclude
from appliance.version import version

# Where the sniffer runs, by the semantic conventions' names.
_PLACES = {"pod": "k8s.pod.name", "namespace": "k8s.namespace.name", "node": "k8s.node.name"}
_CUMULATIVE = otel.AggregationTemporality.CUMULATIVE


class ExportError(Exception):
    """What the collector, or the way to it, said."""


class Exporter:
    """Belongs to no thread: one call at a time."""

    def __init__(self, url: str, *, exclude: Exclude, instance: str, placement: Mapping[str, str]) -> None:
        """The SDK says in the log what it makes of a variable that it cannot read; older ones raise ValueError."""
        self._scope = InstrumentationScope("tcp-sniffer", version())
        self._resource = _resource(instance, placement)
        self._exporter = OTLPMetricExporter(url, session=open_session(exclude=exclude, instance=instance))
        self._words = _LastWords(url)

    def export(self, families: Iterable[Family], since: int) -> None:
        """Blocks, with the exporter's retries, for its timeout at most. `since`: nanoseconds. Raises ExportError."""
        now = time.time_ns()
        metrics = [_metric(family, since, now) for family in families if family.samples]
        scope = otel.ScopeMetrics(self._scope, metrics, "")
        data = otel.MetricsData([otel.ResourceMetrics(self._resource, [scope], "")])
        if self._exporter.export(data) is not otel.MetricExportResult.SUCCESS:
            raise ExportError(self._words.last)

    def shutdown(self) -> None:
        """From any thread: an export that waits for its next try gives up."""
        self._exporter.shutdown()


class _LastWords(logging.Handler):
    """Keeps the SDK's messages from the log, where each try would be one, and remembers the last.

    Those of its HTTP client too, which hold the URL's query.
    """

    def __init__(self, url: str) -> None:
        super().__init__(logging.WARNING)
        self.last = "the collector refused"
        self._query = urlsplit(url).query
        for name in ("opentelemetry", "urllib3"):
            logger = logging.getLogger(name)
            logger.handlers = [self]
            logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        self.last = text.replace(self._query, "***") if self._query else text


def _resource(instance: str, placement: Mapping[str, str]) -> Resource:
    """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win over what is known here."""
    own = {"service.name": "tcp-sniffer", "service.version": version(), "service.instance.id": instance}
    places = {_PLACES[key]: name for key, name in placement.items()}
    return Resource.create({**own, **places}).merge(OTELResourceDetector().detect())


def _metric(family: Family, since: int, now: int) -> otel.Metric:
    return otel.Metric(family.name, family.description, family.unit, _data(family, since, now))


def _data(family: Family, since: int, now: int) -> otel.Sum | otel.Gauge | otel.Histogram:
    if family.kind == "histogram":
        return otel.Histogram([_classes(sample, since, now) for sample in family.samples], _CUMULATIVE)
    points = [_number(sample, since, now) for sample in family.samples]
    if family.kind == "gauge":
        return otel.Gauge(points)
    return otel.Sum(points, _CUMULATIVE, is_monotonic=True)


def _number(sample: Sample, since: int, now: int) -> otel.NumberDataPoint:
    assert isinstance(sample.value, int)  # noqa: S101 # a histogram is in a family of histograms
    return otel.NumberDataPoint(sample.attributes, since, now, sample.value)


def _classes(sample: Sample, since: int, now: int) -> otel.HistogramDataPoint:
    histogram = sample.value
    assert isinstance(histogram, Histogram)  # noqa: S101
    return otel.HistogramDataPoint(
        attributes=sample.attributes,
        start_time_unix_nano=since,
        time_unix_nano=now,
        count=histogram.count,
        sum=histogram.sum,
        bucket_counts=histogram.counts,
        explicit_bounds=histogram.bounds,
        min=None,  # type: ignore[arg-type] # optional in OTLP
        max=None,  # type: ignore[arg-type]
    )
