"""Under which names readers find a field of `redactFields`, in forms, in URLs and where URLs travel."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest
from packets import Conversation, pcap
from packets.files import frames
from replay_engine import Replay
from secrets_posted import HIDDEN, NO_CONTENT, post

FORM = "application/x-www-form-urlencoded"
FIELDS = ["token", "password", "contraseña"]
# With the reader that finds the field `password` or `token` there.
NAMES = {
    "password": "all",
    "user[password]": "PHP, Rack, qs",
    "user%5Bpassword%5D": "the same",
    "user.password": "Spring",
    "form:password": "JSF",
    "ctl00%24Main%24Password": "ASP.NET",
    "auth-password": "Django, a form's prefix",
    "users-0-password": "WTForms, a list of forms",
    "value%28password%29": "Struts",
    "user%7Bpassword%7D": "CGI::Struct",
    "1_password": "React 19.0",
    "_1_password": "React",
    "+password": "who trims",
}
# Where a reader ends a name later, or begins it later.
IN_VALUES = {
    "user=[password]": "qs: up to the first `]=`",
    "user=%5Bpassword%5D": "the same",
    "a=1;user=[password]": "the same",
    "=password": "Netty: without the `=`",
    "x;=password": "the same",
}
OTHERS = ("my_password", "x1_password", "1password", "password-hash", "passwords", "_password")
URL_HEADERS = ("Referer", "X-Original-URL", "X-Forwarded-Uri", "X-Envoy-Original-Path", "HX-Current-URL", "Refresh")


def told(message: bytes, replay: Replay, **config: Any) -> dict[str, Any]:
    """The request's record; the secret is nowhere in what was told."""
    capture = pcap(frames(Conversation().open().exchange(message, NO_CONTENT).close().segments))
    result = replay(capture, redactFields=FIELDS, **config)
    assert b"s3cret" not in result.raw
    record: dict[str, Any] = result.records[0]
    return record


@pytest.mark.parametrize("name", [*NAMES, *IN_VALUES])
def test_a_name_in_a_form_and_in_a_query(name: str, replay: Replay) -> None:
    fields = f"x=1&{name}=s3cret&y=2"
    record = told(post(FORM, fields.encode(), f"/?{fields}"), replay, redactUnparsable="search")
    shown = f"x=1&{name}={HIDDEN}&y=2"
    assert (record["body"], record["path"]) == (shown, f"/?{shown}")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_a_part(name: str, replay: Replay) -> None:
    head = f'--b\r\nContent-Disposition: form-data; name="{unquote(name.replace("+", " "))}"\r\n\r\n'
    kind = "multipart/form-data; boundary=b"
    record = told(post(kind, f"{head}s3cret\r\n--b--\r\n".encode()), replay, redactUnparsable="search")
    assert record["body"] == f"{head}{HIDDEN}\r\n--b--\r\n"


@pytest.mark.parametrize("name", OTHERS)
def test_other_names_are_shown(name: str, replay: Replay) -> None:
    fields = f"{name}=a&y=2"
    record = told(post(FORM, fields.encode(), f"/?{fields}"), replay)
    assert (record["body"], record["path"]) == (fields, f"/?{fields}")


def test_a_name_that_is_no_utf_8(replay: Replay) -> None:
    """Some read Latin-1: in a URL it is taken for that too, a body is withheld."""
    record = told(post(FORM, b"contrase%F1a=s3cret", "/?contrase%F1a=s3cret"), replay)
    assert record["path"] == f"/?contrase%F1a={HIDDEN}"
    assert record["bodyRedacted"] is True
    part = b'--b\r\nContent-Disposition: form-data; name="contrase\xf1a"\r\n\r\ns3cret\r\n--b--\r\n'
    assert told(post("multipart/form-data; boundary=b", part), replay)["bodyRedacted"] is True


@pytest.mark.parametrize("header", URL_HEADERS)
def test_urls_travel_in_headers(header: str, replay: Replay) -> None:
    url = "https://shop.example/a?x=1&token="
    record = told(f"GET / HTTP/1.1\r\n{header}: {url}s3cret&y=2\r\n\r\n".encode(), replay)
    assert record["headers"][header.lower()] == f"{url}{HIDDEN}&y=2"


@pytest.mark.parametrize("place", ["path", "referer"])
def test_parameters_of_a_path(place: str, replay: Replay) -> None:
    """RFC 3986 section 3.3; Spring and servlets read them."""
    url, shown = "/a;x=1;password=s3cret/b;token=s3cret?y=2", f"/a;x=1;password={HIDDEN}/b;token={HIDDEN}?y=2"
    target, referer = (url, "/") if place == "path" else ("/", url)
    record = told(f"GET {target} HTTP/1.1\r\nReferer: {referer}\r\n\r\n".encode(), replay)
    assert shown in (record["path"], record["headers"]["referer"])


def test_headers_without_a_url_are_shown(replay: Replay) -> None:
    values = {"accept": "text/html;q=0.9;token=1", "sec-ch-ua": '"Not?A_Brand";v="8"', "x-note": "password=a"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in values.items())
    assert told(f"GET / HTTP/1.1\r\n{lines}\r\n".encode(), replay)["headers"] == values
