"""What makes a configuration wrong though each field by itself fits the schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import isfinite
from typing import TYPE_CHECKING, Any

from appliance.config.addresses import is_loopback, split_address, split_url
from appliance.config.fields import Path
from appliance.config.memory import cgroup_limit
from appliance.config.ports import MAX_PORT, bounds
from appliance.config.problems import Problem, shown
from appliance.config.settings import queue_size

if TYPE_CHECKING:
    from appliance.config.draft import Draft

# Whether nothing was reported at a path or inside it: a rule says nothing about what is wrong by itself.
IsSound = Callable[[str], bool]

_URL = "a URL with a host and, if any, a port from 1 to 65535"


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


def _sound_entries(draft: Draft, name: str, is_sound: IsSound) -> Iterator[tuple[int, Any]]:
    entries = draft.values.get(name)
    if isinstance(entries, list):
        yield from ((index, entry) for index, entry in enumerate(entries) if is_sound(f"{name}[{index}]"))


def port_rules(draft: Draft, is_sound: IsSound) -> Iterator[Problem]:
    earlier: list[Any] = []
    for index, entry in _sound_entries(draft, "ports", is_sound):
        first, last = bounds(entry)
        if not first <= last <= MAX_PORT:
            expected = f"a range whose first port is not above its last, and its last at most {MAX_PORT}"
            yield draft.problem(("ports", index), expected, entry)
            continue
        clash = next((other for other in earlier if first <= bounds(other)[1] and bounds(other)[0] <= last), None)
        if clash is not None:
            yield draft.problem(("ports", index), f"ports that {shown(clash)} does not hold already", entry)
        earlier.append(entry)


def header_rules(draft: Draft, is_sound: IsSound) -> Iterator[Problem]:
    names: set[str] = set()
    for index, name in _sound_entries(draft, "redactHeaders", is_sound):
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


def status_rules(draft: Draft, is_sound: IsSound) -> Iterator[Problem]:
    text = draft.values.get("statusListen")
    if text is None or not is_sound("statusListen"):
        return
    try:
        split_address(text)
    except ValueError:
        yield draft.problem(("statusListen",), f"address:port, the port from 1 to {MAX_PORT}", text)


def token_rules(draft: Draft) -> Iterator[Problem]:
    """RFC 9110, section 5.5: a line feed in a header's value would begin another header."""
    token = draft.secrets.output_url_auth_token or ""
    if not all("!" <= character <= "~" for character in token):
        expected = "a token of visible ASCII characters (its value is not shown)"
        yield Problem("environment OUTPUT_URL_AUTH_TOKEN", "", None, expected)


FIELD_RULES = (port_rules, header_rules, url_rules, otlp_rules, status_rules)


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
