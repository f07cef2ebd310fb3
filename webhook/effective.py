"""The configuration that the sidecar would start with: ConfigMap, annotations and detected ports together.

The appliance's own loader reads it, so that the webhook and the sidecar never disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from appliance.config import ConfigError, Draft, Problem, gather
from appliance.config.addresses import split_address
from appliance.config.document import Document, from_text
from appliance.config.problems import shown
from webhook import names, output_urls
from webhook.annotations import Wishes
from webhook.facts import ConfigMap
from webhook.pod import Pod
from webhook.settings import Settings

_FILE = f"ConfigMap {names.CONFIG_MAP}, {names.CONFIG_KEY}"


@dataclass(frozen=True)
class Effective:
    """`values` by field, the defaults too. `chosen` are the fields that the author's annotations or ConfigMap give."""

    values: Mapping[str, Any]
    chosen: frozenset[str]
    has_ports: bool
    in_annotations: list[Problem]
    in_config_map: list[Problem]

    @property
    def has_output(self) -> bool:
        """Somebody said where the messages go, were it nowhere."""
        return bool({"outputUrl", "outputStdout"} & self.chosen)


def effective(pod: Pod, wishes: Wishes, config_map: ConfigMap, settings: Settings) -> Effective:
    # Another ConfigMap than the one that the webhook may read: what it holds is not known.
    document = _document(ConfigMap() if "config-map" in wishes.own else config_map)
    detected = ",".join(map(str, pod.declared_ports))
    draft = gather(None, {"DETECTED_PORTS": detected}, {}, document=document, annotations=wishes.fields)
    problems = [*_problems(draft), *_forbidden(draft, settings), *_taken_ports(draft, pod)]
    by_author = [problem for problem in problems if problem.origin.startswith("annotation ")]
    has_ports = "ports" in draft.values
    others = [problem for problem in problems if problem not in by_author and (has_ports or problem.path != "ports")]
    # An author's annotations were read already: what stands there twice is said once.
    known = {problem.origin for problem in wishes.mistakes}
    return Effective(
        values=draft.values,
        chosen=frozenset(name for name, source in draft.sources.items() if source.startswith(("annotation ", _FILE))),
        has_ports=has_ports,
        in_annotations=[*wishes.mistakes, *(problem for problem in by_author if problem.origin not in known)],
        in_config_map=others,
    )


def _document(config_map: ConfigMap) -> Document:
    return from_text(_FILE, (config_map.data or {}).get(names.CONFIG_KEY, ""))


def _problems(draft: Draft) -> list[Problem]:
    try:
        draft.validate()
    except ConfigError as error:
        return error.problems
    return []


def _forbidden(draft: Draft, settings: Settings) -> list[Problem]:
    url = draft.values.get("outputUrl")
    if not isinstance(url, str):
        return []
    try:
        allowed = output_urls.is_allowed(url, settings.allowed_output_urls)
    except ValueError:
        return []  # no URL at all, which is reported as such
    if allowed:
        return []
    expected = f"a URL that the cluster's settings allow ({', '.join(settings.allowed_output_urls) or 'none'})"
    return [Problem(draft.origin("outputUrl"), "outputUrl", shown(url, url=True), expected)]


def _taken_ports(draft: Draft, pod: Pod) -> list[Problem]:
    """Containers of a pod share its ports: one that a container declares is not ours to bind."""
    text = draft.values.get("statusListen")
    try:
        port = split_address(text)[1] if isinstance(text, str) else None
    except ValueError:
        return []  # reported as such
    if port not in pod.declared_ports:
        return []
    expected = f"a port that no container of the pod declares ({', '.join(map(str, pod.declared_ports))} are theirs)"
    return [Problem(draft.origin("statusListen"), "statusListen", shown(text), expected)]
