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

Rule = Callable[["Draft"], Iterator[Problem]]


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


def _ports(draft: Draft) -> Iterator[Problem]:
    earlier: list[Any] = []
    for index, entry in enumerate(draft.values["ports"]):
        first, last = bounds(entry)
        if not first <= last <= MAX_PORT:
            expected = f"a range whose first port is not above its last, and its last at most {MAX_PORT}"
            yield draft.problem(("ports", index), expected, entry)
            continue
        clash = next((other for other in earlier if first <= bounds(other)[1] and bounds(other)[0] <= last), None)
        if clash is not None:
            yield draft.problem(("ports", index), f"ports that {shown(clash)} does not hold already", entry)
        earlier.append(entry)


def _redacted_headers(draft: Draft) -> Iterator[Problem]:
    names = [name.lower() for name in draft.values["redactHeaders"]]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield draft.problem(("redactHeaders", index), "each name once, in any case", name)


def _output_url(draft: Draft) -> Iterator[Problem]:
    url = draft.values["outputUrl"]
    parts = split_url(url)
    if parts is None:
        yield draft.problem(("outputUrl",), "a URL with a host and, if any, a port from 1 to 65535", url)
    elif parts.scheme == "http" and not (is_loopback(parts.hostname or "") or draft.values["allowInsecureOutputUrl"]):
        expected = "https://, for the host is not loopback (or allowInsecureOutputUrl: true)"
        yield draft.problem(("outputUrl",), expected, url)
    elif parts.username is not None and draft.secrets.output_url_auth_token:
        expected = "no user in the URL beside OUTPUT_URL_AUTH_TOKEN: a request has one Authorization header"
        yield draft.problem(("outputUrl",), expected, url)


def _status_listen(draft: Draft) -> Iterator[Problem]:
    text = draft.values["statusListen"]
    try:
        split_address(text)
    except ValueError:
        yield draft.problem(("statusListen",), f"address:port, the port from 1 to {MAX_PORT}", text)


def token_rule(draft: Draft) -> Iterator[Problem]:
    """RFC 9110, section 5.5: a line feed in a header's value would begin another header."""
    token = draft.secrets.output_url_auth_token or ""
    if not all("!" <= character <= "~" for character in token):
        expected = "a token of visible ASCII characters (its value is not shown)"
        yield Problem("environment OUTPUT_URL_AUTH_TOKEN", "", None, expected)


# Each rule with the fields it looks at: it has nothing to say while one of them is absent or wrong by itself.
FIELD_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("ports",), _ports),
    (("redactHeaders",), _redacted_headers),
    (("outputUrl", "allowInsecureOutputUrl"), _output_url),
    (("statusListen",), _status_listen),
)


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
