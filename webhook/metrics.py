"""What the webhook counts, for Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

from appliance.metrics.model import Family, Histogram, Sample

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    def __init__(self) -> None:
        self._reviews: Counter[tuple[str, str]] = Counter()
        self._classes = [0] * (len(_BOUNDS) + 1)
        self._seconds = 0.0

    def reviewed(self, outcome: str, reason: str, seconds: float) -> None:
        """`outcome`: injected, skipped, denied, or failed, where no answer could be given."""
        self._reviews[outcome, reason] += 1
        self._classes[bisect_left(_BOUNDS, seconds)] += 1
        self._seconds += seconds

    def families(self, lookup_failures: Mapping[str, int], expires: datetime | None) -> Iterator[Family]:
        reviews = [
            Sample({"outcome": outcome, "reason": reason}, count) for (outcome, reason), count in self._reviews.items()
        ]
        yield Family(
            "tcp_sniffer_webhook.reviews", "counter", "1", "Admission reviews, by what was answered and why.", reviews
        )
        latency = Histogram(_BOUNDS, tuple(self._classes), self._seconds)
        yield Family(
            "tcp_sniffer_webhook.review.duration", "histogram", "s", "How long a review took.", [Sample({}, latency)]
        )
        failures = [Sample({"what": what}, count) for what, count in lookup_failures.items()]
        yield Family(
            "tcp_sniffer_webhook.lookup.failures", "counter", "1", "Questions to the API server in vain.", failures
        )
        if expires is not None:
            yield Family(
                "tcp_sniffer_webhook.certificate.expiry",
                "gauge",
                "s",
                "When the certificate that is served expires, in Unix time.",
                [Sample({}, int(expires.timestamp()))],
            )
