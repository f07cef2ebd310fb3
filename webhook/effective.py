"""The configuration that the sidecar would start with: ConfigMap, annotations and detected ports together.

The appliance's own loader reads it, so that the webhook and the sidecar never disagree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from appliance.config import ConfigError, Draft, Problem, gather
from appliance.config.addresses import split_address
from appliance.config.document import Document, from_text
from appliance.config.memory import WITHOUT_LIMIT
from appliance.config.problems import shown
from webhook import names, output_urls, recording, spool
from webhook.annotations import Wishes
from webhook.facts import ConfigMap
from webhook.pod import Pod
from webhook.settings import Settings

# The sidecar's own memory is not this process's.
_DEFAULTS = {"maxMemory": WITHOUT_LIMIT}
MAX_TEXT = 64 << 10
SMALL = 8 << 10
# Variables that only these annotations set: the pod's author does not know them by their own names.
_SECRETS = {
    "OUTPUT_URL_AUTH_TOKEN": f"{names.PREFIX}auth-token-secret",
    "RECORDING_ANONYMIZE_KEY": f"{names.PREFIX}recording-anonymize-secret",
}
_SECRET = re.compile(rf"(?:the variable )?({'|'.join(_SECRETS)})")
_FILE = f"ConfigMap {names.CONFIG_MAP}, {names.CONFIG_KEY}"


_Texts = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Effective:
    """`values` by field, the defaults too. `chosen` are the fields that the author's annotations or ConfigMap give.

    Where the author named another ConfigMap, that may choose more: it is not `known`.
    """

    values: Mapping[str, Any]
    chosen: frozenset[str]
    known: bool
    has_ports: bool
    in_annotations: list[Problem]
    in_config_map: list[Problem]

    @property
    def has_output(self) -> bool:
        """Somebody said where the messages go, were it nowhere; or may have."""
        return not self.known or bool({"outputUrl", "outputStdout"} & self.chosen)


def effective(pod: Pod, wishes: Wishes, config_map: ConfigMap, settings: Settings) -> Effective:
    # Another ConfigMap is none that the webhook may read.
    known = "config-map" not in wishes.own
    text = (config_map.data or {}).get(names.CONFIG_KEY, "") if known else ""
    draft, mistakes = _remembered(text, tuple(_env(pod, wishes).items()), tuple(wishes.fields.items()))
    problems = [*mistakes, *_forbidden(draft, settings), *_taken_ports(draft, pod), *_unmountable(draft)]
    by_author = [problem for problem in problems if problem.origin.startswith("annotation ")]
    has_ports = "ports" in draft.values
    others = [problem for problem in problems if problem not in by_author and (has_ports or problem.path != "ports")]
    # An author's annotations were read already: what stands there twice is said once.
    reported = {problem.origin for problem in wishes.mistakes}
    return Effective(
        values=draft.values,
        chosen=frozenset(name for name, source in draft.sources.items() if source.startswith(("annotation ", _FILE))),
        known=known,
        has_ports=has_ports or not known,
        in_annotations=[*wishes.mistakes, *(problem for problem in by_author if problem.origin not in reported)],
        in_config_map=others,
    )


def _env(pod: Pod, wishes: Wishes) -> dict[str, str]:
    """The sidecar's variables, as far as they bear on what is valid. A Secret's value is not known, only that it is."""
    env = {"DETECTED_PORTS": ",".join(map(str, pod.declared_ports))}
    if "auth-token-secret" in wishes.own:
        env["OUTPUT_URL_AUTH_TOKEN"] = "unknown"  # noqa: S105 it stands for one
    if "recording-anonymize-secret" in wishes.own:
        env["RECORDING_ANONYMIZE_KEY"] = "0" * 64
    return env


def _remembered(text: str, env: _Texts, annotations: _Texts) -> tuple[Draft, tuple[Problem, ...]]:
    """Pods come in numbers, of the same controllers: many small drafts are kept and few large ones."""
    size = len(text) + sum(len(name) + len(value) for name, value in (*env, *annotations))
    return (_checked_small if size <= SMALL else _checked_large)(text, env, annotations)


def _checked(text: str, env: _Texts, annotations: _Texts) -> tuple[Draft, tuple[Problem, ...]]:
    """Nobody changes a draft once it is checked."""
    draft = gather(None, dict(env), {}, defaults=_DEFAULTS, document=_document(text), annotations=dict(annotations))
    return draft, _problems(draft)


_checked_small = lru_cache(maxsize=256)(_checked)
_checked_large = lru_cache(maxsize=16)(_checked)


@lru_cache(maxsize=16)
def _document(text: str) -> Document:
    """They share their namespace's ConfigMap, even where their annotations differ."""
    if len(text) <= MAX_TEXT:
        return from_text(_FILE, text)
    document = Document(_FILE)
    document.refuse(f"at most {MAX_TEXT} characters, for reading more holds up other pods")
    return document


def _problems(draft: Draft) -> tuple[Problem, ...]:
    try:
        draft.validate()
    except ConfigError as error:
        return tuple(problem._replace(expected=_for_authors(problem.expected)) for problem in error.problems)
    return ()


def _for_authors(expected: str) -> str:
    return _SECRET.sub(lambda found: f"the annotation {_SECRETS[found[1]]}", expected)


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


def _taken_ports(draft: Draft, pod: Pod) -> Iterator[Problem]:
    """Containers of a pod share its ports: one that a container declares is not ours to bind."""
    theirs = pod.declared_ports
    addresses = {"statusListen": draft.values, "recording.streamListen": draft.values["recording"]}
    for name, values in addresses.items():
        text = values.get(name.rpartition(".")[2]) if isinstance(values, Mapping) else None
        if _port(text) in theirs:
            expected = f"a port that no container of the pod declares ({', '.join(map(str, theirs))} are theirs)"
            yield Problem(draft.origin(name), name, shown(text), expected)


def _port(address: Any) -> int | None:
    """None, too, for what is no address: that is reported as such."""
    try:
        return split_address(address)[1] if isinstance(address, str) else None
    except ValueError:
        return None


def _unmountable(draft: Draft) -> list[Problem]:
    recorded, spooled = draft.values["recording"], draft.values["outputSpool"]
    problems = []
    records = recorded["enabled"] is True and isinstance(recorded["directory"], str)
    if records and not recording.fits_mount(recorded["directory"]):
        problems.append(_not_a_mount(draft, "recording.directory", recorded["directory"], "/captures"))
    if isinstance(spooled.get("directory"), str) and not spool.fits(draft.values):
        problems.append(_not_a_mount(draft, "outputSpool.directory", spooled["directory"], "/spool"))
    return problems


def _not_a_mount(draft: Draft, name: str, value: str, example: str) -> Problem:
    expected = f"a folder of its own, such as {example}: the volume is mounted there"
    return Problem(draft.origin(name), name, shown(value), expected)
