"""What must not be shown: header values, query parameters, form and JSON fields."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from expected import request, response
from packets import Conversation, pcap
from packets.files import frames
from replay_case import Case, check, every_variant
from replay_engine import Replay
from secrets_posted import HIDDEN, NO_CONTENT, post

FIELDS = {"redactFields": ["token", "password"], "redactUnparsable": "search"}


CASES = (
    Case(
        "named headers",
        "in any case, each value of a repeated one, folded ones, on either side",
        Conversation()
        .open()
        .client(b"GET / HTTP/1.1\r\nAUTHORIZATION: Bearer s3cret\r\nX-Key: s3cret\r\n and more\r\nHost: a\r\n\r\n")
        .server(b"HTTP/1.1 204 No Content\r\nSet-Cookie: s3cret=1\r\nSet-Cookie: s3cret=2\r\nVia: b\r\n\r\n")
        .close(),
        [
            request("GET", "/", headers={"authorization": HIDDEN, "x-key": HIDDEN, "host": "a"}),
            response(204, "No Content", to="GET /", headers={"set-cookie": [HIDDEN, HIDDEN], "via": "b"}),
        ],
        config={"redactHeaders": ["authorization", "set-cookie", "x-key"]},
    ),
    Case(
        "named trailers",
        "trailers are fields as well",
        Conversation()
        .open()
        .client(b"GET / HTTP/1.1\r\n\r\n")
        .server(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Key: s3cret\r\n\r\n")
        .close(),
        [
            request("GET", "/"),
            response(
                200,
                to="GET /",
                headers={"transfer-encoding": "chunked"},
                body="ok",
                trailers={"x-key": HIDDEN},
            ),
        ],
        config={"redactHeaders": ["x-key"]},
    ),
    Case(
        "query parameters",
        "also in the request that a response names; names in any case, and percent-encoded",
        Conversation()
        .open()
        .exchange(b"GET /a?x=1&token=s3cret&y=2&TOKEN=s3cret&t%6Fken=s3cret&token HTTP/1.1\r\n\r\n", NO_CONTENT)
        .close(),
        [
            request("GET", "/a?x=1&token=[REDACTED]&y=2&TOKEN=[REDACTED]&t%6Fken=[REDACTED]&token"),
            response(
                204,
                "No Content",
                to="GET /a?x=1&token=[REDACTED]&y=2&TOKEN=[REDACTED]&t%6Fken=[REDACTED]&token",
            ),
        ],
        config=FIELDS,
    ),
    Case(
        "form fields",
        "application/x-www-form-urlencoded; bodySize is what went by",
        Conversation()
        .open()
        .exchange(post("application/x-www-form-urlencoded", b"user=me&password=s3cret%21&x=y"), NO_CONTENT)
        .close(),
        [
            request(
                "POST",
                "/",
                headers={"content-type": "application/x-www-form-urlencoded", "content-length": "30"},
                body="user=me&password=[REDACTED]&x=y",
                bodySize=30,
            ),
            response(204, "No Content", to="POST /"),
        ],
        config=FIELDS,
    ),
    Case(
        "JSON fields",
        "at any depth and of any type; the rest of the text stays as it was sent",
        Conversation()
        .open()
        .exchange(
            post("application/json", b'{ "a":[{"token": "s3cret\\""}], "password":{"s3cret":[1]},"Token":7, "b":1.0}'),
            NO_CONTENT,
        )
        .close(),
        [
            request(
                "POST",
                "/",
                headers={"content-type": "application/json", "content-length": "76"},
                body='{ "a":[{"token": "[REDACTED]"}], "password":"[REDACTED]","Token":"[REDACTED]", "b":1.0}',
                bodySize=76,
            ),
            response(204, "No Content", to="POST /"),
        ],
        config=FIELDS,
    ),
)


@every_variant(*CASES)
def test_redaction(case: Case, variant: str, replay: Replay) -> None:
    result = check(case, variant, replay)
    assert b"s3cret" not in result.raw


SECRET_BODIES: dict[str, tuple[str, bytes]] = {
    "JSON that is cut": ("application/json", b'{"a": 1, "token": "s3cret s3cret s3cret'),
    "JSON that is cut in an escape": ("application/json", b'{"token": "s3cret\\'),
    "JSON with an escaped key": ("application/json", b'{"t\\u006fken": "s3cret"}'),
    "JSON of another type": ("application/vnd.api+json; charset=utf-8", b'{"token": "s3cret"}'),
    "JSON lines": ("application/x-ndjson", b'{"token": "s3cret"}\n{"token": "s3cret"}\n'),
    "JSON without a type": ("text/plain", b'{"token": "s3cret"}'),
    "JSON behind white space": ("application/json", b' \r\n\t{"token"\n:\n"s3cret"}'),
    "a form with an array": ("application/x-www-form-urlencoded", b"token[]=s3cret&a[token]=s3cret"),
    "a form in upper case": ("Application/X-WWW-Form-Urlencoded", b"PASSWORD=s3cret"),
    "a multipart form": (
        "multipart/form-data; boundary=xx",
        b'--xx\r\nContent-Disposition: form-data; name="token"\r\n\r\ns3cret\r\n--xx--\r\n',
    ),
    "JSON under the type of a multipart form": ("multipart/form-data; boundary=xx", b'{"token": "s3cret"}'),
}


@pytest.mark.parametrize(("kind", "body"), SECRET_BODIES.values(), ids=SECRET_BODIES)
def test_no_secret_gets_through(replay: Replay, kind: str, body: bytes) -> None:
    """Whatever the form of the body: a named field's value never appears."""
    result = replay(pcap(frames(Conversation().open().exchange(post(kind, body), NO_CONTENT).segments)), **FIELDS)
    assert result.records[0]["bodySize"] == len(body)
    assert "s3cret" not in json.dumps(result.records)


@pytest.mark.parametrize("limit", range(1, 40))
def test_no_secret_gets_through_truncation(replay: Replay, limit: int) -> None:
    """A body cut within the secret shows no part of it."""
    capture = Conversation().open().exchange(post("application/json", b'{"token": "s3cret", "x": 1}'), NO_CONTENT)
    result = replay(pcap(frames(capture.segments)), maxBodySize=limit, **FIELDS)
    assert "s3" not in json.dumps(result.records)


@pytest.mark.parametrize("decode_body", [False, True])
def test_a_compressed_body_is_decoded_to_be_searched(replay: Replay, decode_body: bool) -> None:
    """It comes out decoded: coded, the secret would be in it."""
    body = gzip.compress(b'{"token": "s3cret"}', mtime=0)
    head = b"POST / HTTP/1.1\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    capture = Conversation().open().exchange(head % len(body) + body, NO_CONTENT)
    record = replay(pcap(frames(capture.segments)), decodeBody=decode_body, **FIELDS).records[0]
    assert record["body"] == '{"token": "[REDACTED]"}'
    assert record["contentDecoded"] is True
    assert (record["bodySize"], record["decodedSize"]) == (len(body), 19)


def test_codings_in_several_lines_are_undone_to_be_searched(replay: Replay) -> None:
    """RFC 9110 section 5.3: the lines are one list. The last of them alone would say that this is not coded."""
    body = gzip.compress(b'{"token": "s3cret"}', mtime=0)
    head = b"POST / HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Encoding: identity\r\nContent-Length: %d\r\n\r\n"
    capture = Conversation().open().exchange(head % len(body) + body, NO_CONTENT)
    record = replay(pcap(frames(capture.segments)), **FIELDS).records[0]
    assert record["body"] == '{"token": "[REDACTED]"}'


def test_a_referer_is_redacted(replay: Replay) -> None:
    """Query parameters travel in URLs of other headers too."""
    ask = b"GET / HTTP/1.1\r\nReferer: http://a/?token=s3cret&x=1\r\n\r\n"
    answer = b"HTTP/1.1 302 Found\r\nLocation: /next?x=1&token=s3cret\r\nContent-Length: 0\r\n\r\n"
    result = replay(pcap(frames(Conversation().open().exchange(ask, answer).segments)), **FIELDS)
    assert "s3cret" not in json.dumps(result.records)
    assert result.records[1]["headers"]["location"] == "/next?x=1&token=[REDACTED]"


def test_nothing_else_is_touched(replay: Replay) -> None:
    """Names must match whole, and in the right place."""
    body = b'{"mytoken": "a", "tokens": "b", "x": "token", "y": {"password2": "c"}}'
    capture = Conversation().open().exchange(post("application/json", body, "/token/password?atoken=1"), NO_CONTENT)
    record: dict[str, Any] = replay(pcap(frames(capture.segments)), **FIELDS).records[0]
    assert record["body"] == body.decode()
    assert record["path"] == "/token/password?atoken=1"
