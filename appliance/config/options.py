"""Every field as an option of the command line, made from the schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from appliance.config.describe import describe
from appliance.config.fields import Field, fields

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_options(parser: ArgumentParser) -> None:
    """Adds `--ports`, `--output-url` and so on. What they mean is checked with the rest, not by argparse."""
    group = parser.add_argument_group("configuration", "Each overrides the variable and the file's field of its name.")
    for field in fields().values():
        if field.option:
            _add_option(group, field)


def _add_option(group: Any, field: Field) -> None:
    # argparse formats the help by "%".
    text = f"{field.schema['description']} {_default_text(field)}".strip().replace("%", "%%")
    if field.kind == "boolean":
        from argparse import BooleanOptionalAction

        group.add_argument(field.option, dest=field.name, action=BooleanOptionalAction, help=text)
    else:
        group.add_argument(field.option, dest=field.name, metavar=_metavar(field), help=text)


def _default_text(field: Field) -> str:
    default = field.schema.get("x-default", field.schema.get("default"))
    if field.kind == "boolean":  # the option takes no value
        return f"(default: {'on' if default else 'off'})"
    if default is None or default == []:
        return f"({describe(field.schema)})"
    return f"({describe(field.schema)}; default: {default})"


def _metavar(field: Field) -> str:
    if "enum" in field.schema:
        return "|".join(field.schema["enum"])
    return {"array": "A,B,…", "integer": "N", "number": "N"}.get(field.kind, "TEXT")


def overrides_from(args: Namespace) -> dict[str, Any]:
    """What the command line said, for gather()."""
    given = vars(args)
    return {name: given[name] for name in fields() if given.get(name) is not None}
