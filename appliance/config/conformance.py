"""Whether a value conforms to the schema beyond doubt.

jsonschema says what is wrong, and is the judge. But importing it takes longer than all else at the start, a second and
a half at a tenth of a CPU, and it stays in memory: so it is asked only where this finds something that it does not
accept, which is nearly never.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]


def conforms(value: Any, schema: Schema) -> bool:
    """False where the value is wrong, and where that is not certain: an unknown keyword, a number like 1.0."""
    for keyword, rule in schema.items():
        if keyword in _ANNOTATIONS or keyword.startswith("x-"):
            continue
        check = _CHECKS.get(keyword)
        if check is None or not check(value, rule, schema):
            return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": _is_number,
}


def _type(value: Any, rule: Any, _: Schema) -> bool:
    return any(_TYPES[name](value) for name in ([rule] if isinstance(rule, str) else rule) if name in _TYPES)


def _properties(value: Any, rule: Schema, _: Schema) -> bool:
    return all(conforms(value[name], rule[name]) for name in value if name in rule)


def _additional(value: Any, rule: Any, schema: Schema) -> bool:
    """Where another keyword would allow a name, that keyword is unknown here."""
    return rule is False and all(name in schema.get("properties", {}) for name in value)


def _unique(value: list[Any], rule: bool, _: Schema) -> bool:
    """To Python 1 and true are equal, to JSON they are not: then jsonschema decides."""
    return not rule or all(item not in value[:index] for index, item in enumerate(value))


# A keyword has no say over values of other types (JSON Schema 2020-12, section 6): each is asked for its own only.
def _of(kind: str, check: Callable[[Any, Any, Schema], bool]) -> Callable[[Any, Any, Schema], bool]:
    return lambda value, rule, schema: not _TYPES[kind](value) or check(value, rule, schema)


_ANNOTATIONS = frozenset({"$schema", "$id", "title", "description", "default", "examples", "format"})
_CHECKS: Mapping[str, Callable[[Any, Any, Schema], bool]] = {
    "type": _type,
    "enum": lambda value, rule, _: any(type(value) is type(item) and value == item for item in rule),
    "anyOf": lambda value, rule, _: any(conforms(value, schema) for schema in rule),
    "minimum": _of("number", lambda value, rule, _: value >= rule),
    "maximum": _of("number", lambda value, rule, _: value <= rule),
    "minLength": _of("string", lambda value, rule, _: len(value) >= rule),
    "maxLength": _of("string", lambda value, rule, _: len(value) <= rule),
    "pattern": _of("string", lambda value, rule, _: re.search(rule, value) is not None),
    "minItems": _of("array", lambda value, rule, _: len(value) >= rule),
    "maxItems": _of("array", lambda value, rule, _: len(value) <= rule),
    "uniqueItems": _of("array", _unique),
    "items": _of("array", lambda value, rule, _: all(conforms(item, rule) for item in value)),
    "properties": _of("object", _properties),
    "additionalProperties": _of("object", _additional),
    "required": _of("object", lambda value, rule, _: all(name in value for name in rule)),
    "minProperties": _of("object", lambda value, rule, _: len(value) >= rule),
    "dependentRequired": _of(
        "object", lambda value, rule, _: all(other in value for name in rule if name in value for other in rule[name])
    ),
}
