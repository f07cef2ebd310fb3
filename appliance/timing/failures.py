"""What may go wrong that is no fault of the program, and how it is said."""

from __future__ import annotations

import duckdb

from appliance.timing.files import NoCaptureError

INPUT = (NoCaptureError, ValueError)
OTHER = (OSError, duckdb.Error)


def sentence(error: Exception) -> str:
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"{error}\nThe database needs more than --memory gives it, or its disk (--temp) is full."
    return str(error)
