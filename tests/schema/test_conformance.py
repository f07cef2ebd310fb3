"""The quick check at the start never accepts what jsonschema refuses, and accepts what is usual."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from appliance import schemas
from appliance.config.conformance import conforms
from appliance.config.fields import fields

_SCHEMA = schemas.load(schemas.CONFIGURATION)
_JUDGE = Draft202012Validator(_SCHEMA)

_SCALARS: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers(-2, 70000)
    | st.sampled_from([0.5, 1.0, -1.0, 1e12, float("nan")])
    | st.sampled_from(["", "80", "9000-9100", "eth0", "both", "info", "a\n", "http://127.0.0.1/", "x" * 300])
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["path", "method", "maxMessages"]), inner)
    ),
    max_leaves=5,
)
_NAMES = [*{field.path[0] for field in fields().values()}, "unknown"]


@settings(max_examples=400, deadline=None)
@given(document=st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=4), ports=st.just([80]) | _VALUES)
def test_never_accepts_what_the_schema_refuses(document: dict[str, Any], ports: Any) -> None:
    whole = {"ports": ports, **document}
    assert not conforms(whole, _SCHEMA) or _JUDGE.is_valid(whole)


@pytest.mark.parametrize(
    "document",
    [
        {"ports": [80]},
        {"ports": [8080, "9000-9100"], "sampleRate": 0.25, "decodeBody": True, "redactHeaders": ["X-Secret"]},
        {"ports": [80], "exclude": [{"method": "GET", "path": "/health*"}, {"header": {"name": "a", "value": "*"}}]},
        {"ports": [80], "outputUrl": "https://collector.example/in", "outputBatch": {"maxMessages": 100}},
    ],
)
def test_accepts_what_is_usual(document: dict[str, Any]) -> None:
    """Else it would be of no use: jsonschema would be imported all the same."""
    assert _JUDGE.is_valid(document)
    assert conforms(document, _SCHEMA)


@pytest.mark.parametrize("value", [True, 1.0])
def test_leaves_to_the_judge_what_python_and_json_see_differently(value: Any) -> None:
    assert not conforms({"ports": [value]}, _SCHEMA)
    assert not conforms({"ports": [80], "maxBodySize": value}, _SCHEMA)
    assert not conforms({"ports": [80], "surely": value}, _SCHEMA)


def test_an_unknown_keyword_is_not_passed_over() -> None:
    assert not conforms("a", {"type": "string", "contentEncoding": "base64"})
