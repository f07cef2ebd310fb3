"""What the administrator's list of URLs lets through."""

from __future__ import annotations

import pytest

from webhook.output_urls import is_allowed


@pytest.mark.parametrize(
    ("url", "pattern", "allowed"),
    [
        ("https://anything", "*", True),
        ("https://logs.example", "https://logs.example", True),
        ("https://logs.example:443/x?y=1", "https://logs.example", True),
        ("https://LOGS.example./x", "https://logs.example/", True),
        ("http://logs.example", "https://logs.example", False),
        ("https://logs.example:8443", "https://logs.example", False),
        ("https://logs.example.evil", "https://logs.example", False),
        ("https://logs.example@evil", "https://logs.example", False),
        ("https://evil/https://logs.example", "https://logs.example", False),
        ("https://a.logs.example", "https://*.logs.example", True),
        ("https://a.b.logs.example", "https://*.logs.example", True),
        ("https://logs.example", "https://*.logs.example", False),
        ("https://evillogs.example", "https://*.logs.example", False),
        ("https://logs.example/team", "https://logs.example/team", True),
        ("https://logs.example/team/a", "https://logs.example/team/", True),
        ("https://logs.example/teams", "https://logs.example/team", False),
        ("https://logs.example/team/../other", "https://logs.example/team", False),
        ("https://logs.example/team/%2e%2e/other", "https://logs.example/team", False),
    ],
)
def test_url(url: str, pattern: str, allowed: bool) -> None:
    assert is_allowed(url, [pattern]) is allowed
    assert is_allowed(url, ["https://other.example", pattern]) is allowed
    assert not is_allowed(url, [])
