"""The configuration's fields, as sniffer.schema.json names them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from appliance import schemas

Path = tuple[str | int, ...]

# Where the configuration is looked for when nothing names a file.
DEFAULT_FILE = "/etc/tcp-sniffer/sniffer.yaml"


class Field(NamedTuple):
    """A value of the configuration. Those of `outputBatch` are fields too, with dotted names."""

    name: str
    schema: dict[str, Any]

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(self.name.split("."))

    @property
    def env(self) -> str | None:
        """The variable that overrides it; None where a value has no form as text (`exclude`)."""
        env: str | None = self.schema.get("x-env")
        return env

    @property
    def annotation(self) -> str | None:
        annotation: str | None = self.schema.get("x-annotation")
        return annotation

    @property
    def option(self) -> str | None:
        """The option of the command line: the annotation's name without its prefix."""
        return "--" + self.annotation.partition("/")[2] if self.annotation else None

    @property
    def kind(self) -> str:
        kind: str = self.schema["type"]
        return kind

    @property
    def is_url(self) -> bool:
        """Then its user, password and query are secrets."""
        return self.schema.get("format") == "uri"


@cache
def fields() -> dict[str, Field]:
    """Every field by its name, in the schema's order."""
    return {field.name: field for field in _walk("", schemas.load(schemas.CONFIGURATION))}


def _walk(prefix: str, schema: dict[str, Any]) -> Iterator[Field]:
    for name, part in schema["properties"].items():
        if part["type"] == "object":
            yield from _walk(f"{prefix}{name}.", part)
        else:
            yield Field(prefix + name, part)


def groups() -> dict[str, dict[str, Any]]:
    """The fields that only hold further fields, such as `outputBatch`."""
    properties = schemas.load(schemas.CONFIGURATION)["properties"]
    return {name: part for name, part in properties.items() if part["type"] == "object"}


def env_only() -> dict[str, str]:
    """What comes by variables alone, secrets among it: name and description."""
    names: dict[str, str] = schemas.load(schemas.CONFIGURATION)["x-env-only"]
    return names
