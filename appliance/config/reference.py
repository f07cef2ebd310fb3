"""The reference of the configuration in Markdown, and the listing of an effective one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from appliance.config.describe import describe
from appliance.config.draft import PLACEMENT
from appliance.config.fields import DEFAULT_FILE, Field, env_only, fields, groups
from appliance.config.problems import hide_url, shown
from appliance.config.settings import Settings
from appliance.exit_codes import MEANINGS

_INTRODUCTION = f"""\
# Configuration

<!-- Made by `tcp-sniffer config reference` from sniffer.schema.json. Change that, not this. -->

The configuration is a YAML file, `{DEFAULT_FILE}` unless `--config` or `CONFIG_FILE` names another.
Only `ports` is required. `config/sniffer.yaml` holds every field that has a default.

A value that stands further down in this list wins:

1. the default;
2. `DETECTED_PORTS`, for `ports` alone;
3. the file;
4. the environment variable (an injected sidecar gets the pod's annotations as variables);
5. the option of `tcp-sniffer run` and `tcp-sniffer replay`.

A list replaces the one it overrides; they are not merged. As text, a list is written `A,B,C`. A boolean is `true`,
`false`, `1` or `0`, in the file too; its options take no value: one turns it on, the other, with `no-`, off. An empty
variable counts as not set. A default file that is absent or empty is fine where the rest is complete; one that was
named must be there and hold something.

`tcp-sniffer config validate FILE…` says everything that is wrong with what `run --config FILE` would take here, its
environment included; `tcp-sniffer config show` prints the effective configuration and where each value came from.
Both exit with 2 where something is wrong.
"""


def reference() -> str:
    parts = [_INTRODUCTION, "## Fields\n"]
    described: set[str] = set()
    for field in fields().values():
        group = field.path[0]
        if group in groups() and group not in described:
            described.add(group)
            parts.append(f"### `{group}`\n\n{groups()[group]['description']}\n")
        parts.append(_section(field))
    parts.append("## Variables alone\n\nWhat no file and no option may hold.\n")
    parts.append("".join(f"- `{name}`: {text}\n" for name, text in env_only().items()))
    parts.append("## Exit codes\n\nOf `tcp-sniffer` and all its commands.\n")
    parts.append("".join(f"- {code}: {meaning}\n" for code, meaning in MEANINGS.items()))
    return "\n".join(parts)


def _section(field: Field) -> str:
    heading = f"{'#' * (2 + len(field.path))} `{field.name}`"
    facts = "".join(f"- {fact}\n" for fact in _facts(field))
    return f"{heading}\n\n{field.schema['description']}\n\n{facts}"


def _facts(field: Field) -> Iterator[str]:
    schema = field.schema
    yield f"Value: {describe(schema)}"
    yield f"Default: {_default(schema)}"
    if "x-builtin" in schema:
        yield f"Built-in list: {', '.join(f'`{name}`' for name in schema['x-builtin'])}"
    if field.kind == "array" and schema["items"].get("type") == "object":
        yield from _parts("", schema["items"])
    if field.env:
        yield f"Variable `{field.env}`, annotation `{field.annotation}`, option {_option(field)}"
    for example in schema.get("examples", ()):
        yield f"Example: `{field.path[-1]}: {json.dumps(example)}`"


def _option(field: Field) -> str:
    if field.option is None or field.kind != "boolean":
        return f"`{field.option}`"
    return f"`{field.option}` or `--no-{field.option.removeprefix('--')}`"


def _parts(prefix: str, schema: dict[str, Any]) -> Iterator[str]:
    """The members of a list's entries, such as a rule's `header.name`."""
    for name, part in schema["properties"].items():
        if part["type"] == "object":
            yield from _parts(f"{prefix}{name}.", part)
        else:
            default = f" Default: `{json.dumps(part['default'])}`." if "default" in part else ""
            yield f"`{prefix}{name}`: {part['description']}{default}"


def _default(schema: dict[str, Any]) -> str:
    if "x-default" in schema:
        return str(schema["x-default"])
    return f"`{json.dumps(schema['default'])}`" if "default" in schema else "none"


def listing(settings: Settings) -> str:
    """The effective configuration as YAML, each value with its origin, secrets hidden."""
    lines = []
    group = ""
    for field in fields().values():
        *parents, name = field.path
        if parents and parents[0] != group:
            group = parents[0]
            lines.append(f"{group}:")
        lines.append("  " * len(parents) + _line(settings, field, name))
    lines.extend(f"# {name}: {text}" for name, text in _variables(settings))
    return "\n".join(lines) + "\n"


def _line(settings: Settings, field: Field, name: str) -> str:
    value: Any = settings.values
    for part in field.path:
        value = value.get(part)
    if value is None:
        return f"# {name}: {field.schema.get('x-default', 'not set')}"
    if field.is_url:
        value = hide_url(value)
    return f"{name}: {json.dumps(value, default=dict)}  # {settings.origin(field.name)}"


def _variables(settings: Settings) -> Iterator[tuple[str, str]]:
    yield "OUTPUT_URL_AUTH_TOKEN", "set, hidden" if settings.secrets.output_url_auth_token else "not set"
    yield "RECORDING_ANONYMIZE_KEY", "set, hidden" if settings.secrets.recording_anonymize_key else "not set"
    for key, variable in PLACEMENT.items():
        yield variable, shown(settings.placement[key]) if key in settings.placement else "not set"
