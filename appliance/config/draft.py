"""Brings the configuration's layers together, before anything heavy is imported.

Default < DETECTED_PORTS < YAML file < environment < command line. What comes out is complete but unchecked:
`run` opens the capture with it, then validates.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from appliance.config.document import Document, read
from appliance.config.fields import DEFAULT_FILE, Field, Path, fields, groups
from appliance.config.memory import cgroup_limit, default_max_memory
from appliance.config.numbers import plain_number
from appliance.config.ports import fold, is_entry, overlap
from appliance.config.problems import Problem, Source, path_text, shown, unknown_keys
from appliance.config.settings import Secrets, Settings, engine_json
from appliance.config.text import from_text

if TYPE_CHECKING:
    from appliance.config.rules import Rules

Layer = dict[str, tuple[Any, Source]]

PLACEMENT = {"pod": "POD_NAME", "namespace": "NAMESPACE", "node": "NODE_NAME"}

_DEFAULT = Source("default")
_OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


class Draft:
    """The effective configuration, not validated yet."""

    def __init__(self, document: Document, env: Mapping[str, str]) -> None:
        self.document = document
        self.problems: list[Problem] = list(document.problems)
        self.warnings: list[str] = []
        self.values: dict[str, Any] = {}
        self.placement = {key: _utf8(env[name]) for key, name in PLACEMENT.items() if _is_set(env, name)}
        self.secrets = Secrets(_secret(env, "OUTPUT_URL_AUTH_TOKEN"), _secret(env, "RECORDING_ANONYMIZE_KEY"))
        self._sources: dict[str, Source] = {}

    def set(self, field: Field, value: Any, source: Source) -> None:
        *parents, name = field.path
        place = self.values
        for parent in parents:
            place = place.setdefault(parent, {})
        # One entry too many is a mistake already; the work on a list stays bounded, whatever a document holds.
        most = field.schema.get("maxItems")
        place[name] = value[: most + 1] if most and isinstance(value, list) else value
        self._sources[field.name] = source

    @property
    def sources(self) -> Mapping[str, str]:
        """By field the layer that gave its value: "default", "environment PORTS", the document's name."""
        return {name: source.label for name, source in self._sources.items()}

    def origin(self, path: str | Path) -> str:
        """Where the value at this path came from."""
        if isinstance(path, str):
            path = tuple(path.split("."))
        for end in range(len(path), 0, -1):
            if source := self._sources.get(".".join(map(str, path[:end]))):
                return source.at(path)
        return self.document.name if self.document.values else _DEFAULT.label

    def problem(self, path: Path, expected: str, value: Any) -> Problem:
        """A mistake in the value at this path."""
        field = fields().get(str(path[0]))
        text = shown(value, url=field is not None and field.is_url)
        return Problem(self.origin(path), path_text(path), text, expected)

    def engine_json(self, *, callbacks: int = 0, replay: Mapping[str, Any] | None = None) -> str:
        """What sniffer_open wants, as far as the unchecked values go: else what is wrong with them."""
        try:
            return engine_json(self.values, self.placement, self.secrets, callbacks, replay)
        except (AttributeError, KeyError, TypeError):
            self.validate()
            raise

    def validate(self, *more_rules: Rules) -> Settings:
        """Raises ConfigError with every mistake, those that `more_rules` find too."""
        from appliance.config.validation import check

        warnings = check(self, more_rules)
        return Settings(
            _plain(self.values),
            origin=self.origin,
            secrets=self.secrets,
            placement=self.placement,
            warnings=[*self.warnings, *warnings],
        )


def gather(
    config_path: str | None,
    env: Mapping[str, str],
    overrides: Mapping[str, Any],
    *,
    defaults: Mapping[str, Any] | None = None,
    document: Mapping[str, Any] | Document | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Draft:
    """Merges the layers.

    `config_path` is the command line's `--config`; a `document` (of the library's caller) stands in place of
    any file. `defaults` are those of a command, over the schema's. Both and `overrides` (the command line's
    options) have dotted names for nested fields; values of options may be text. A pod's `annotations`, by field,
    stand where the variables do that the webhook makes of them.
    """
    layer = _Layers()
    read_document = _document(config_path, env, document)
    draft = Draft(read_document, env)
    layer.add(_schema_defaults())
    layer.add({name: (value, _DEFAULT) for name, value in (defaults or {}).items()})
    layer.add(dict(_from_document(draft)))
    layer.add(dict(_from_env(env)))
    layer.add(dict(_from_annotations(annotations or {})))
    layer.add(dict(_from_options(overrides)))
    if "ports" not in layer.found and _is_set(env, "DETECTED_PORTS"):
        layer.add(_detected_ports(draft, env["DETECTED_PORTS"]))
    if "otlpEndpoint" not in layer.found and _is_set(env, _OTLP_ENDPOINT):
        layer.add({"otlpEndpoint": (_utf8(env[_OTLP_ENDPOINT].strip()), Source(f"environment {_OTLP_ENDPOINT}"))})
    if "maxMemory" not in layer.found:
        layer.add({"maxMemory": (default_max_memory(cgroup_limit()), _DEFAULT)})
    layer.fill(draft)
    return draft


class _Layers:
    """What was found for each field; a later layer replaces what an earlier one gave."""

    def __init__(self) -> None:
        self.found: Layer = {}

    def add(self, layer: Layer) -> None:
        if unknown := layer.keys() - fields().keys():
            raise KeyError(f"no such field: {', '.join(sorted(unknown))}")
        self.found.update(layer)

    def fill(self, draft: Draft) -> None:
        for field in fields().values():
            if field.name in self.found:
                draft.set(field, *self.found[field.name])


def _is_set(env: Mapping[str, str], name: str | None) -> bool:
    """An empty variable counts as not set."""
    return name is not None and bool(env.get(name, "").strip())


def _secret(env: Mapping[str, str], name: str) -> str | None:
    return env.get(name, "").strip() or None


def _utf8(text: str) -> str:
    """Python keeps a variable's bytes that are not UTF-8 as lone surrogates, which no JSON text may hold."""
    return text.encode("utf-8", "replace").decode()


def _document(config_path: str | None, env: Mapping[str, str], given: Mapping[str, Any] | Document | None) -> Document:
    if isinstance(given, Document):
        return given
    if given is not None:
        document = Document("configuration")
        document.values = {str(key): _plain(value) for key, value in given.items()}
        return document
    if config_path is None and _is_set(env, "CONFIG_FILE"):
        config_path = env["CONFIG_FILE"].strip()
    return read(DEFAULT_FILE if config_path is None else config_path, named=config_path is not None)


def _plain(value: Any) -> Any:
    """A copy in the types that YAML gives; a caller of the library may use others."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in value]
    return plain_number(value) if isinstance(value, float) else value


def _schema_defaults() -> Layer:
    defaults = ((field, field.schema.get("default")) for field in fields().values())
    return {field.name: (_plain(default), _DEFAULT) for field, default in defaults if default is not None}


def _from_document(draft: Draft) -> Iterator[tuple[str, tuple[Any, Source]]]:
    source = draft.document.source
    unknown: dict[tuple[str, ...], list[Path]] = {}
    for path, value in _leaves(draft, draft.document.values):
        field = fields().get(".".join(path))
        if field and field.path == path:
            yield field.name, (_boolean(value) if field.kind == "boolean" else value, source)
        else:
            unknown.setdefault(path[:-1], []).append(path)
    for place, paths in unknown.items():
        draft.problems += unknown_keys(paths, _known_keys(place), source.at)


def _boolean(value: Any) -> Any:
    """1 and 0 are booleans where one is asked for, as they are in a variable."""
    return bool(value) if type(value) is int and value in (0, 1) else value


def _leaves(draft: Draft, values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The document's entries, those of the groups one by one."""
    for key, value in values.items():
        if key not in groups():
            yield (key,), value
        elif isinstance(value, Mapping):
            yield from (((key, name), part) for name, part in value.items())
        else:
            expected = f"a mapping of {', '.join(groups()[key]['properties'])}"
            draft.problems.append(Problem(draft.document.source.at((key,)), key, shown(value), expected))


def _known_keys(parents: tuple[str, ...]) -> list[str]:
    """At the top a group's own fields are known too: one may have forgotten the group."""
    if parents:
        return list(groups()[parents[0]]["properties"])
    return [*groups(), *fields()]


def _from_env(env: Mapping[str, str]) -> Iterator[tuple[str, tuple[Any, Source]]]:
    for field in fields().values():
        if field.env and _is_set(env, field.env):
            yield field.name, (from_text(field.schema, env[field.env]), Source(f"environment {field.env}"))


def _from_annotations(annotations: Mapping[str, str]) -> Iterator[tuple[str, tuple[Any, Source]]]:
    for name, text in annotations.items():
        field = fields()[name]
        yield name, (from_text(field.schema, _utf8(text)), Source(f"annotation {field.annotation}"))


def _from_options(overrides: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Any, Source]]]:
    for name, value in overrides.items():
        field = fields()[name]
        typed = from_text(field.schema, value) if isinstance(value, str) else _plain(value)
        yield name, (typed, Source(f"option {field.option or name}"))


def _detected_ports(draft: Draft, text: str) -> Layer:
    """Nobody chose them: what they hold twice is no mistake, nor is their number."""
    schema = fields()["ports"].schema
    entries = list(dict.fromkeys(from_text(schema, text)))
    count, limit = len(entries), schema["maxItems"]
    if all(map(is_entry, entries)) and (count > limit or overlap(entries)):
        entries, added = fold(entries, limit)
        if count > limit:
            draft.warnings.append(
                f"DETECTED_PORTS has {count} entries, more than {limit}: they became {len(entries)},"
                f" which hold {added} other ports too; set `ports` to choose"
            )
    return {"ports": (entries, Source("environment DETECTED_PORTS"))}
