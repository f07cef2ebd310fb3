"""What makes a configuration wrong though each field by itself fits the schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from math import isfinite
from typing import TYPE_CHECKING, Any

from appliance.config.addresses import is_loopback, split_address, split_url
from appliance.config.fields import Path
from appliance.config.memory import cgroup_limit
from appliance.config.ports import MAX_PORT, bounds
from appliance.config.problems import Problem, path_text, shown
from appliance.config.settings import engine_queue_size, queue_size

if TYPE_CHECKING:
    from appliance.config.draft import Draft

# Whether nothing was reported at a path or inside it: a rule says nothing about what is wrong by itself.
IsSound = Callable[[str], bool]
Rules = Callable[["Draft", IsSound], Iterator[Problem]]

_URL = "a URL with a host, an address or a name in parts of 1 to 63 characters, and, if any, a port from 1 to 65535"


def text_rules(draft: Draft) -> Iterator[Problem]:
    """What JSON Schema lets pass: NaN, and characters that system calls would cut or refuse."""
    for path, value in _leaves(draft.values, ()):
        if isinstance(value, float) and not isfinite(value):
            yield draft.problem(path, "a finite number", value)
        elif isinstance(value, str) and "\0" in value:
            yield draft.problem(path, "text without NUL", value)
        elif isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            yield draft.problem(path, "text in UTF-8", value)


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _leaves(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _leaves(part, (*path, index))
    else:
        yield path, value


def _value(draft: Draft, path: Path) -> Any:
    value: Any = draft.values
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _sound_entries(draft: Draft, path: Path, is_sound: IsSound) -> Iterator[tuple[int, Any]]:
    entries = _value(draft, path)
    if isinstance(entries, list):
        name = path_text(path)
        yield from ((index, entry) for index, entry in enumerate(entries) if is_sound(f"{name}[{index}]"))


def port_rules(draft: Draft, is_sound: IsSound) -> Iterator[Problem]:
    for path in (("ports",), ("recording", "ports")):
        yield from _port_problems(draft, path, is_sound)


def _port_problems(draft: Draft, path: Path, is_sound: IsSound) -> Iterator[Problem]:
    earlier: list[Any] = []
    for index, entry in _sound_entries(draft, path, is_sound):
        first, last = bounds(entry)
        if not first <= last <= MAX_PORT:
            expected = f"a range whose first port is not above its last, and its last at most {MAX_PORT}"
            yield draft.problem((*path, index), expected, entry)
            continue
        clash = next((other for other in earlier if first <= bounds(other)[1] and bounds(other)[0] <= last), None)
        if clash is not None:
            yield draft.problem((*path, index), f"ports that {shown(clash)} does not hold already", entry)
        earlier.append(entry)


def header_rules(draft: Draft, is_sound: IsSound) -> Iterator[Problem]:
    names: set[str] = set()
    for index, name in _sound_entries(draft, ("redactHeaders",), is_sound):
        if name.lower() in names:
            yield draft.problem(("redactHeaders", index), "each name once, in any case", name)
        names.add(name.lower())


def url_rules(draft: Draft, is_sound: IsSound) -> Iterator[Problem]:
    url = draft.values.get("outputUrl")
    if url is None or not (is_sound("outputUrl") and is_sound("allowInsecureOutputUrl")):
        return
    parts = split_url(url)
    if parts is None:
        yield draft.problem(("outputUrl",), _URL, url)
    elif parts.scheme == "http" and not (is_loopback(parts.hostname or "") or draft.values["allowInsecureOutputUrl"]):
        expected = "https://, for the host is not loopback (or allowInsecureOutputUrl: true)"
        yield draft.problem(("outputUrl",), expected, url)
    elif parts.username is not None and draft.secrets.output_url_auth_token:
        expected = "no user in the URL beside OUTPUT_URL_AUTH_TOKEN: a request has one Authorization header"
        yield draft.problem(("outputUrl",), expected, url)


def otlp_rules(draft: Draft, is_sound: IsSound) -> Iterator[Problem]:
    url = draft.values.get("otlpEndpoint")
    if url is not None and is_sound("otlpEndpoint") and split_url(url) is None:
        yield draft.problem(("otlpEndpoint",), _URL, url)


def listen_rules(draft: Draft, is_sound: IsSound) -> Iterator[Problem]:
    for path in (("statusListen",), ("recording", "streamListen")):
        text = _value(draft, path)
        if text is None or not is_sound(path_text(path)):
            continue
        try:
            split_address(text)
        except ValueError:
            yield draft.problem(path, f"address:port, the port from 1 to {MAX_PORT}", text)


def recording_rules(draft: Draft, is_sound: IsSound) -> Iterator[Problem]:
    """Only what would be recorded has to be whole."""
    recording = _value(draft, ("recording",))
    if not is_sound("recording") or not recording["enabled"]:
        return
    if recording["trigger"] == "match" and not any(name in recording for name in TRIGGER_RULES):
        expected = "always, or one of triggerStatus, triggerPath and triggerLatencyMs beside it"
        yield draft.problem(("recording", "trigger"), expected, "match")
    if recording["anonymize"] != "none" and draft.secrets.recording_anonymize_key is None:
        expected = "none, or a key in the variable RECORDING_ANONYMIZE_KEY"
        yield draft.problem(("recording", "anonymize"), expected, recording["anonymize"])


def anonymize_key_rules(draft: Draft) -> Iterator[Problem]:
    key = draft.secrets.recording_anonymize_key
    if key is not None and not re.fullmatch("[0-9A-Fa-f]{64}", key):
        yield Problem("environment RECORDING_ANONYMIZE_KEY", "", None, "64 hexadecimal digits (its value is not shown)")


def token_rules(draft: Draft) -> Iterator[Problem]:
    """RFC 9110, section 5.5: a line feed in a header's value would begin another header."""
    token = draft.secrets.output_url_auth_token or ""
    if not all("!" <= character <= "~" for character in token):
        expected = "a token of visible ASCII characters (its value is not shown)"
        yield Problem("environment OUTPUT_URL_AUTH_TOKEN", "", None, expected)


SECRET_RULES = (token_rules, anonymize_key_rules)
FIELD_RULES = (port_rules, header_rules, url_rules, otlp_rules, listen_rules, recording_rules)
TRIGGER_RULES = ("triggerStatus", "triggerPath", "triggerLatencyMs")


def warnings(draft: Draft) -> Iterator[str]:
    """What is allowed, but hardly meant."""
    values = draft.values
    limit = cgroup_limit()
    if limit is not None and values["maxMemory"] > limit:
        yield f"maxMemory ({values['maxMemory']}) is above the cgroup's memory limit ({limit})"
    if values["maxRecordSize"] > (size := queue_size(values)):
        yield (
            f"maxRecordSize ({values['maxRecordSize']}) is above an output's queue ({size} bytes, from outputQueueSize"
            " and maxMemory): longer records will be dropped"
        )
    elif values["maxRecordSize"] > (size := engine_queue_size(values)):
        yield (
            f"maxRecordSize ({values['maxRecordSize']}) is above the engine's queue ({size} bytes, of maxMemory):"
            " longer records will be dropped where others wait"
        )
