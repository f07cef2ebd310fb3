"""What only the machine can tell that the sniffer runs on: whether its filters compile and its TLS files can be used.

The webhook, which reads the same configuration elsewhere, does without these rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from appliance import engine
from appliance.shared_library import LibraryError

if TYPE_CHECKING:
    from appliance.config import Draft, Problem
    from appliance.config.rules import IsSound


def filter_rules(draft: Draft, is_sound: IsSound) -> Iterator[Problem]:
    for name, text in _filters(draft).items():
        if is_sound(name) and (refusal := _refusal(text)):
            yield _filter_problem(draft, name, text, refusal)


def refused_filter(draft: Draft, refusal: Exception) -> Iterator[Problem]:
    """What the engine said when it was to open the capture; a filter may compile and be none for this link."""
    for name, text in _filters(draft).items():
        if str(refusal).startswith(f"{name} does not compile: "):
            yield _filter_problem(draft, name, text, refusal)


def _filters(draft: Draft) -> dict[str, str]:
    recording = draft.values["recording"]
    filters = {"captureFilter": draft.values.get("captureFilter")}
    if isinstance(recording, dict) and recording["enabled"] is True:
        filters["recording.filter"] = recording.get("filter")
    return {name: text for name, text in filters.items() if isinstance(text, str)}


def _filter_problem(draft: Draft, name: str, text: str, refusal: Exception) -> Problem:
    """The engine's sentence is: the field's name, that it does not compile, libpcap's reason, the filter."""
    reason = str(refusal).partition(": ")[2].removesuffix(f": {text}")
    return draft.problem(tuple(name.split(".")), f"a filter that compiles ({reason})", text)


def _refusal(text: str) -> engine.EngineError | None:
    try:
        engine.check(json.dumps({"ports": [1], "captureFilter": text}))
    except engine.EngineError as error:
        return error
    except LibraryError:
        return None  # who opens a capture or checks more says so
    return None


def tls_rules(draft: Draft, is_sound: IsSound) -> Iterator[Problem]:
    if "outputUrl" not in draft.values:
        return
    from appliance import tls  # heavy, but the output needs it anyhow

    files = {name: draft.values[name] for name in tls.FILES if name in draft.values and is_sound(name)}
    for name, reason in tls.unusable(files):
        yield draft.problem((name,), f"a PEM file that can be used ({reason})", files[name])


RULES = (filter_rules, tls_rules)
