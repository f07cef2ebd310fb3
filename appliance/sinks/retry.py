"""Which failed POSTs are tried again, and when."""

from __future__ import annotations

import random
import time
from email.utils import parsedate_to_datetime
from http import HTTPStatus

# Seconds before the second, third and fourth attempt.
DELAYS = (1.0, 2.0, 4.0)
_JITTER = 0.2
# A collector may ask for patience, but not for more than this (seconds).
_MOST_PATIENCE = 60.0
_MOST_BACKOFF = 30.0


def is_success(status: int) -> bool:
    return 200 <= status < 300


def is_worth_retrying(status: int) -> bool:
    return status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS) or status >= 500


def delay(attempt: int, retry_after: str | None) -> float:
    """Seconds to wait after the failed attempt of that index. Jitter keeps many sniffers from coming back at once."""
    return max(spread(DELAYS[attempt]), parse_retry_after(retry_after))


def backoff(attempts: int, retry_after: str | None) -> float:
    """The same for what is tried for as long as it is kept: seconds after so many failed attempts.

    It grows slowly: whether the collector is dead at all is the circuit breaker's to find out.
    """
    return max(spread(min(float(attempts), _MOST_BACKOFF)), parse_retry_after(retry_after))


def spread(seconds: float) -> float:
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)


def parse_retry_after(value: str | None) -> float:
    """Seconds; 0 where the header is absent or means nothing. RFC 9110 section 10.2.3: seconds or a date."""
    if value is None:
        return 0.0
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value), _MOST_PATIENCE)
    try:
        seconds = parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), _MOST_PATIENCE)
