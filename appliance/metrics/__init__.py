"""What is measured, for others to read: the ledger and the exchanges, as Prometheus' text or by OTLP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.metrics.exchanges import exchange_families
from appliance.metrics.ledger import ledger_families
from appliance.metrics.model import Family


def families(stats: Mapping[str, Any], exchanges: Mapping[str, Any], *, capture_open: bool) -> list[Family]:
    """All that is measured. `stats` and `exchanges` are those of Run; empty before the first capture."""
    return [*ledger_families(stats, capture_open=capture_open), *exchange_families(exchanges)]
