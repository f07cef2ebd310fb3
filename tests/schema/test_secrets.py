"""What must not be shown: the token, and what stands in a URL beside its host and path."""

from __future__ import annotations

import pytest
from configuring import Command, Load, Mistakes

from appliance.config import hide_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host/path", "https://host/path"),
        ("https://host:8443", "https://host:8443"),
        ("https://user@host/path", "https://***@host/path"),
        ("https://user:SECRET@host/path?token=SECRET#SECRET", "https://***@host/path?***"),
        ("https://host/path?", "https://host/path?***"),
        ("https://host/#SECRET", "https://host/#***"),
        ("https://host/path?next=https://SECRET", "https://host/path?***"),
        # Mistyped: the password holds what ends an authority.
        ("https://user:SEC@RET@host/", "https://***@host/"),
        ("https://user:SEC/RET@host/", "https://***@host/"),
        ("https://user:SEC?RET@host/", "https://***"),
        ("https://user:SEC#RET@host/", "https://***"),
        ("https://user:SEC://RET@host/", "https://***@host/"),
        ("https://host/?mail=a@b&token=SECRET", "https://***"),
        ("user:SECRET@host/path?x=SECRET", "***@host/path?***"),
        ("host/path", "host/path"),
    ],
)
def test_urls(url: str, shown: str) -> None:
    assert hide_url(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "ftp://user:SECRET@host/",
        "http://user:SECRET@host/?SECRET",
        "https://user:SECRET@host:99999/",
        "user:SECRET@host/?SECRET",
        '"https://user:SECRET@host/ x"',
        "[https://user:SECRET@host/]",
        "{https: SECRET}",
        "!SECRET x",
    ],
)
def test_no_mistake_shows_a_secret_of_the_url(mistakes: Mistakes, url: str) -> None:
    text = "\n".join(mistakes(f"ports: [1]\noutputUrl: {url}\n"))
    assert "outputUrl" in text
    assert "SECRET" not in text.replace('the tag "!SECRET"', "")


def test_nor_a_secret_of_the_collectors_url(mistakes: Mistakes) -> None:
    (line,) = mistakes("ports: [1]\notlpEndpoint: http://user:SECRET@host:0/?SECRET\n")
    assert "http://***@host:0/?***" in line
    assert "SECRET" not in line


@pytest.mark.parametrize("field", ["interface", "statusListen", "captureDirection", "maxBodySize"])
def test_nor_does_one_of_a_url_in_a_wrong_place(mistakes: Mistakes, field: str) -> None:
    (line,) = mistakes(f"ports: [1]\n{field}: https://user:SECRET@host/?SECRET\n")
    assert "SECRET" not in line
    assert "https://***@host/?***" in line


@pytest.mark.parametrize("yaml", ["ports: [1]\nSECRET: b: c", "ports: [1]\noutputUrl: 'SECRET", "SECRET"])
def test_nor_does_broken_yaml(mistakes: Mistakes, yaml: str) -> None:
    assert "SECRET" not in "\n".join(mistakes(yaml))


@pytest.mark.parametrize("key", ["outputUrlAuthToken", "OUTPUT_URL_AUTH_TOKEN", "output-url-auth-token"])
def test_the_token_has_no_place_in_a_file(mistakes: Mistakes, key: str) -> None:
    assert mistakes(f"ports: [1]\n{key}: SECRET\n") == [
        f"sniffer.yaml:2: {key}: expected nothing here: it comes by the variable OUTPUT_URL_AUTH_TOKEN alone"
    ]


def test_the_token_by_its_variable(load: Load) -> None:
    settings = load("ports: [1]", {"OUTPUT_URL_AUTH_TOKEN": "SECRET\n"})
    assert settings.secrets.output_url_auth_token == "SECRET"  # noqa: S105
    assert "SECRET" not in repr(settings.secrets) + settings.engine_json() + repr(dict(settings.values))


@pytest.mark.parametrize("token", ["SEC\nRET", "SEC RET", "SEC\x7fRET", "SECRÉT"])
def test_a_token_that_is_no_header_value(mistakes: Mistakes, token: str) -> None:
    assert mistakes("ports: [1]", {"OUTPUT_URL_AUTH_TOKEN": token}) == [
        "environment OUTPUT_URL_AUTH_TOKEN: expected a token of visible ASCII characters (its value is not shown)"
    ]


def test_a_token_beside_a_user_in_the_url(mistakes: Mistakes) -> None:
    assert mistakes("ports: [1]\noutputUrl: https://u:SECRET@host/", {"OUTPUT_URL_AUTH_TOKEN": "SECRET"}) == [
        "sniffer.yaml:2: outputUrl: expected no user in the URL beside OUTPUT_URL_AUTH_TOKEN: "
        'a request has one Authorization header, got "https://***@host/"'
    ]


def test_neither_show_nor_validate_prints_a_secret(command: Command) -> None:
    env = {"PORTS": "80", "OUTPUT_URL": "https://host/?key=SECRET", "OUTPUT_URL_AUTH_TOKEN": "SECRET"}
    done = command("show", **env)
    assert done.returncode == 0
    assert 'outputUrl: "https://host/?***"  # environment OUTPUT_URL\n' in done.stdout
    assert "# OUTPUT_URL_AUTH_TOKEN: set, hidden\n" in done.stdout
    wrong = command("show", **env | {"OUTPUT_URL": "http://u:SECRET@host/?SECRET"})
    assert wrong.returncode == 2
    assert "SECRET" not in done.stdout + done.stderr + wrong.stdout + wrong.stderr
