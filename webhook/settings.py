"""The administrator's settings: a YAML file, checked against settings.schema.json."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from appliance.config import ConfigError, Problem
from appliance.config.describe import describe
from appliance.config.document import Document, read
from appliance.config.problems import path_text, shown, unknown_key
from webhook import quantity

DEFAULT_FILE = "/etc/tcp-sniffer-webhook/settings.yaml"


@dataclass(frozen=True)
class Resources:
    """Amounts as Kubernetes writes them."""

    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str

    def request(self, kind: str) -> str:
        return self.cpu_request if kind == "cpu" else self.memory_request

    def limit(self, kind: str) -> str:
        return self.cpu_limit if kind == "cpu" else self.memory_limit


@dataclass(frozen=True)
class Settings:
    image: str
    image_pull_policy: str | None
    on_invalid: str
    sidecar_mode: str
    sidecar_position: str
    resources: Resources
    allowed_output_urls: tuple[str, ...]
    allowed_images: tuple[str, ...]
    allowed_annotations: tuple[str, ...]
    excluded_namespaces: tuple[str, ...]


def load(path: str | None = None, *, own_namespace: str | None = None) -> Settings:
    """The settings of the file at `path`, which must exist; without one those of the default file, which may not.

    Raises ConfigError with every mistake. Pods of `own_namespace`, the webhook's, are excluded too.
    """
    document = read(path or DEFAULT_FILE, named=path is not None)
    problems = [*document.problems, *_mistakes(document)]
    if problems:
        raise ConfigError(problems)
    values = _with_defaults(schema(), document.values)
    if problems := [*_amount_mistakes(document, values["resources"])]:
        raise ConfigError(problems)
    return _settings(values, own_namespace)


def mark(path: str | None = None) -> tuple[int, ...] | None:
    """Something that changes when the file does; None where there is none."""
    try:
        status = os.stat(path or DEFAULT_FILE)  # noqa: PTH116
    except OSError:
        return None
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def defaults() -> Settings:
    return _settings(_with_defaults(schema(), {}), None)


@cache
def schema() -> dict[str, Any]:
    text = Path(__file__).with_name("settings.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def _mistakes(document: Document) -> Iterator[Problem]:
    from jsonschema import Draft202012Validator

    for error in Draft202012Validator(schema()).iter_errors(document.values):
        path, rules = tuple(error.absolute_path), error.schema
        if error.validator == "additionalProperties":
            for key in error.instance.keys() - rules["properties"].keys():
                here = (*path, key)
                yield unknown_key(key, path_text(here), rules["properties"], document.source.at(here))
        else:
            yield Problem(document.source.at(path), path_text(path), shown(error.instance), describe(dict(rules)))


def _amount_mistakes(document: Document, resources: Mapping[str, str]) -> Iterator[Problem]:
    """Amounts with which no pod would start: the API server refuses a request above its limit."""
    for kind, least in (("memory", "64Mi"), ("cpu", "1m")):
        request, limit = (resources[f"{kind}{which}"] for which in ("Request", "Limit"))
        if _number(limit) < _number(least):
            yield _amount_mistake(document, f"{kind}Limit", limit, f"at least {least}")
        if _number(request) > _number(limit):
            yield _amount_mistake(document, f"{kind}Request", request, f"at most {kind}Limit ({limit})")


def _number(amount: str) -> Decimal:
    return quantity.parse(amount) or Decimal(0)


def _amount_mistake(document: Document, name: str, text: str, expected: str) -> Problem:
    path = ("resources", name)
    return Problem(document.source.at(path), path_text(path), shown(text), expected)


def _with_defaults(rules: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    complete = {}
    for name, rule in rules["properties"].items():
        if rule["type"] == "object":
            complete[name] = _with_defaults(rule, values.get(name) or {})
        else:
            complete[name] = values.get(name, rule.get("default"))
    return complete


def _settings(values: Mapping[str, Any], own_namespace: str | None) -> Settings:
    resources = values["resources"]
    return Settings(
        image=values["image"],
        image_pull_policy=values["imagePullPolicy"],
        on_invalid=values["onInvalid"],
        sidecar_mode=values["sidecarMode"],
        sidecar_position=values["sidecarPosition"],
        resources=Resources(
            cpu_request=resources["cpuRequest"],
            cpu_limit=resources["cpuLimit"],
            memory_request=resources["memoryRequest"],
            memory_limit=resources["memoryLimit"],
        ),
        allowed_output_urls=tuple(values["allowedOutputUrls"]),
        allowed_images=tuple(values["allowedImages"]),
        allowed_annotations=tuple(values["allowedAnnotations"]),
        excluded_namespaces=(*values["excludedNamespaces"], *([own_namespace] if own_namespace else [])),
    )
