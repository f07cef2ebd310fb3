"""Says in words what a schema expects: for errors, the command line's help and the reference."""

from __future__ import annotations

from typing import Any


def describe(schema: dict[str, Any]) -> str:
    if "title" in schema:
        return str(schema["title"])
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    if "anyOf" in schema:
        return " or ".join(map(describe, schema["anyOf"]))
    match schema["type"]:
        case "boolean":
            return "true or false"
        case "integer":
            return f"a whole number from {schema['minimum']} to {schema['maximum']}"
        case "number":
            return f"a number from {schema['minimum']} to {schema['maximum']}"
        case "array":
            return _describe_list(schema)
        case "object":
            return f"a mapping of {', '.join(schema['properties'])}"
    return "text"


def _describe_list(schema: dict[str, Any]) -> str:
    least, most = schema.get("minItems", 0), schema["maxItems"]
    count = f"{least} to {most}" if least else f"at most {most}"
    return f"a list of {count} entries, each {describe(schema['items'])}"
