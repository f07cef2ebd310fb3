"""What may go wrong that is no fault of the program, and how it is said."""

from __future__ import annotations

import json
import re

import duckdb

from appliance.timing.files import NoCaptureError


class ClusterError(Exception):
    """The cluster is not there, or one of its workers cannot do its part."""


INPUT = (NoCaptureError, ValueError)
OTHER = (OSError, duckdb.Error, ClusterError)

# Where another thread of the database failed, its sentence holds an object with that one's.
_INNER = re.compile(r'"exception_message":("(?:[^"\\]|\\.)*")')


def sentence(error: Exception) -> str:
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"{error}\nThe database needs more than --memory gives it, or its disk (--temp) is full."
    if isinstance(error, duckdb.IOException) and (inner := _INNER.search(str(error))):
        return str(json.loads(inner[1]))
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
