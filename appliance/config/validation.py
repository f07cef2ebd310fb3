"""Checks a draft: against the schema, then by the rules that no schema says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from appliance import schemas
from appliance.config.conformance import conforms
from appliance.config.describe import describe
from appliance.config.fields import fields
from appliance.config.problems import ConfigError, Problem, path_text, unknown_keys
from appliance.config.rules import FIELD_RULES, SECRET_RULES, text_rules, warnings

if TYPE_CHECKING:
    from jsonschema import ValidationError

    from appliance.config.draft import Draft
    from appliance.config.rules import Rules


def check(draft: Draft, more_rules: Iterable[Rules] = ()) -> list[str]:
    """Raises ConfigError with every mistake. Where there is none, returns warnings."""
    report = _Report(draft.problems)
    report.add(text_rules(draft))
    report.add(_schema_problems(draft))
    for secret_rules in SECRET_RULES:
        report.add(secret_rules(draft))
    for rules in (*FIELD_RULES, *more_rules):
        report.add(rules(draft, report.is_sound))
    if report.problems:
        raise ConfigError(report.problems)
    return list(warnings(draft))


class _Report:
    """Collects problems, one for each place: what a first one says is what others follow from."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)

    def add(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            if not problem.path or all(problem.path != other.path for other in self.problems):
                self.problems.append(problem)

    def is_sound(self, path: str) -> bool:
        """Neither this place nor a part of it was reported."""
        inside = (path + ".", path + "[")
        return not any(problem.path == path or problem.path.startswith(inside) for problem in self.problems)


def _schema_problems(draft: Draft) -> Iterator[Problem]:
    schema = schemas.load(schemas.CONFIGURATION)
    if conforms(draft.values, schema):
        return
    from jsonschema import Draft202012Validator

    order = list(schema["properties"])

    def position(error: ValidationError) -> tuple[int, str]:
        path = error.absolute_path
        return (order.index(str(path[0])) if path else -1), path_text(tuple(path))

    for error in sorted(Draft202012Validator(schema).iter_errors(draft.values), key=position):
        yield from _translate(draft, error)


def _translate(draft: Draft, error: ValidationError) -> Iterator[Problem]:
    """jsonschema's error in our words: its own text would quote the value, secrets and all."""
    path = tuple(error.absolute_path)
    schema: Any = error.schema
    rule: Any = error.validator_value
    value: Any = error.instance
    match error.validator:
        case "required":
            # A file that could not be read may well hold what is missing.
            missing = [name for name in rule if name not in value and (path or draft.document.readable)]
            yield from (_missing(draft, (*path, name), describe(schema["properties"][name])) for name in missing)
        case "dependentRequired":
            for name, companions in rule.items():
                absent = [other for other in companions if name in value and other not in value]
                yield from (_companion(draft, other, name) for other in absent)
        case "additionalProperties":
            known = schema["properties"]
            yield from unknown_keys([(*path, key) for key in value if key not in known], known, draft.origin)
        case "uniqueItems":
            for index, entry in enumerate(value):
                if entry in value[:index]:
                    yield draft.problem((*path, index), "an entry that is not there already", entry)
        case _:
            yield draft.problem(path, describe(schema), value)


def _companion(draft: Draft, name: str, given: str) -> Problem:
    return Problem(draft.origin(given), name, None, f"{describe(fields()[name].schema)}, because {given} is set")


def _missing(draft: Draft, path: tuple[str | int, ...], expected: str) -> Problem:
    field = fields().get(path_text(path))
    if field is None:
        return Problem(draft.origin(path), path_text(path), None, f"{expected}; it is missing")
    detected = ", DETECTED_PORTS" if field.name == "ports" else ""
    ways = f"neither the file, {field.env}{detected} nor {field.option} gives it"
    return Problem(draft.document.name, field.name, None, f"{expected}; {ways}")
