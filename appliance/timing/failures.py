"""What may go wrong that is no fault of the program, and how it is said."""

from __future__ import annotations

import duckdb

from appliance.timing.files import NoCaptureError


class ClusterError(Exception):
    """The cluster is not there, or one of its workers cannot do its part."""


INPUT = (NoCaptureError, ValueError)
OTHER = (OSError, duckdb.Error, ClusterError)


def sentence(error: Exception) -> str:
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"{error}\nThe database needs more than --memory gives it, or its disk (--temp) is full."
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
