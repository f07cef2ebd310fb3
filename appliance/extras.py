"""What is said where a part is asked for whose packages are not installed."""

from __future__ import annotations


def missing(error: ImportError, extra: str) -> str:
    """`error`: of the import that failed. `extra`: whose packages these are, as pyproject.toml names it."""
    return f"{error.name} is missing: install the extra `{extra}` (in the source: pip install '.[{extra}]')"
