"""Values that come as text (variables, annotations, options) become what the schema asks for.

Text that does not fit stays text: validation then reports it like any other wrong value.
"""

from __future__ import annotations

import re
from typing import Any

from appliance.config.numbers import plain_number

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_INTEGER = re.compile(r"[-+]?[0-9]{1,19}")
_NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")


def from_text(schema: dict[str, Any], text: str) -> Any:
    text = text.strip()
    if "anyOf" in schema:
        return _from_any(schema["anyOf"], text)
    match schema["type"]:
        case "array":
            return [from_text(schema["items"], part) for part in text.split(",")]
        case "boolean":
            return _BOOLEANS.get(text.lower(), text)
        case "integer" if _INTEGER.fullmatch(text):
            return int(text)
        case "number" if _NUMBER.fullmatch(text):
            return plain_number(float(text))
    return text.lower() if text.lower() in schema.get("enum", ()) else text


def _from_any(choices: list[dict[str, Any]], text: str) -> Any:
    """The first of the choices that makes something else than text of it."""
    values = (from_text(choice, text) for choice in choices)
    return next((value for value in values if not isinstance(value, str)), text)
