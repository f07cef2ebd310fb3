"""Whatever comes, it is a configuration or a ConfigError whose every line names its origin; never anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.config import ConfigError, gather
from appliance.config.fields import env_only, fields

_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["80", "9-8", "://"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
_KEYS = st.sampled_from([*{field.path[0] for field in fields().values()}]) | st.text(max_size=12)
_VARIABLES = st.sampled_from([field.env for field in fields().values() if field.env] + list(env_only()))
# What a variable can hold: anything but NUL.
_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)

_relaxed = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _check(config_path: str | None, env: dict[str, str], document: dict[str, Any] | None) -> None:
    draft = gather(config_path, env, {}, document=document)
    try:
        valid = draft.validate()
    except ConfigError as error:
        assert error.problems
        assert all(problem.origin and problem.expected for problem in error.problems)
        assert len(str(error).splitlines()) == len(error.problems)
    else:
        assert valid.engine_json() == draft.engine_json()


@_relaxed
@given(document=st.dictionaries(_KEYS, _VALUES, max_size=6), env=st.dictionaries(_VARIABLES, _TEXTS, max_size=4))
def test_any_mapping_and_variables(document: dict[str, Any], env: dict[str, str]) -> None:
    _check(None, env, document)


@_relaxed
@given(text=st.text(alphabet="ab:-[]{}#&*!|>'\"%@,?~ \n\t<19.é", max_size=60), data=st.binary(max_size=40))
def test_any_file(text: str, data: bytes) -> None:
    for content in (text.encode(), data, b"ports: " + data):
        Path("any.yaml").write_bytes(content)
        _check("any.yaml", {}, None)
