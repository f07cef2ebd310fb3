"""`redactUnparsable`: what cannot be searched beyond doubt is withheld."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from packets import Conversation, pcap
from packets.files import frames
from replay_engine import Replay
from secrets_posted import HIDDEN, NO_CONTENT, post

FORM = "application/x-www-form-urlencoded"
WITHHELD = {"redactFields": ["token", "password"]}
BOUNDARY = "multipart/form-data; boundary=b"
PARTS = b'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\ns3cret\r\n'
QUOTED = b'--b\r\nContent-Disposition: form-data; filename="a;name=b"; name=token\r\n\r\ns3cret\r\n'
DEEP = b'--b\r\nContent-Disposition: form-data; name="user[token]"\r\n\r\ns3cret\r\n'
NAMED = b'Content-Disposition: form-data; name="a"\r\n'
SECRET = b'Content-Disposition: form-data; name="token"\r\n'


def part(head: bytes, content: bytes = b"s3cret") -> bytes:
    """A multipart form of one part, with the boundary b."""
    return b"--b\r\n" + head + b"\r\n" + content + b"\r\n--b--\r\n"


ASCII = ("utf-8", '"UTF-8"', "utf8", "us-ascii", "iso-8859-1", "ISO-8859-15", "latin1", "windows-1252; a=b")
PARSED = (
    ("application/json", b'{"token": "s3cret", "a": [1, {}]}', '{"token": "[REDACTED]", "a": [1, {}]}'),
    ("application/x-ndjson", b'{"token": 1}\n{"a": 2}\n', '{"token": "[REDACTED]"}\n{"a": 2}\n'),
    ("text/plain", b'{"token": 1}', '{"token": "[REDACTED]"}'),
    ("application/x-www-form-urlencoded", b"token=s3cret&a=1", "token=[REDACTED]&a=1"),
    ("application/x-www-form-urlencoded", b"token=a\r\ns3cret&a=1", "token=[REDACTED]&a=1"),
    ("", b"token=s3cret&a=1", "token=[REDACTED]&a=1"),
    (FORM, b"a=1&+token=s3cret", "a=1&+token=[REDACTED]"),
    (FORM, b"a=1 &  b\t=2\r\n&\r\n&=x&c%5B%C3%A4%5D=%00%", "a=1 &  b\t=2\r\n&\r\n&=x&c%5B%C3%A4%5D=%00%"),
    (FORM, b"Input.Email=a&Input.Token=s3cret", "Input.Email=a&Input.Token=[REDACTED]"),
    (FORM, b'{"token": "s3cret", "a": "b"}', '{"token": "[REDACTED]", "a": "b"}'),
    (FORM, b"[x]=1&token=s3cret", "[x]=1&token=[REDACTED]"),
    # JSON that is a form as well: both fields are hidden, and what only one of the readers sees behind them.
    (FORM, b'["&token=s3cret&", {"password": "s3cret"}]', '["&token=[REDACTED]&", {"password": "[REDACTED]"}]'),
    # The end of the one's value may be the other's key.
    (FORM, b'{"a": "/?x&token=1", "password": "p&s3cret"}', '{"a": "/?x&token=[REDACTED]}'),
    ("", b'{"token":"x&password=1","a":"s3cret&b"}', '{"token":"[REDACTED]"&b"}'),
    (
        BOUNDARY,
        part(SECRET + b"Content-Type: text/plain\r\n"),
        part(SECRET + b"Content-Type: text/plain\r\n", b"[REDACTED]").decode(),
    ),
    (BOUNDARY, part(NAMED, b""), part(NAMED, b"").decode()),
    (BOUNDARY, part(NAMED, b'{"token": 1}'), part(NAMED, b'{"token": "[REDACTED]"}').decode()),
    (
        BOUNDARY,
        part(NAMED + f"content-type: {FORM}\r\n".encode(), b"x=1&token=s3cret"),
        part(NAMED + f"content-type: {FORM}\r\n".encode(), b"x=1&token=[REDACTED]").decode(),
    ),
    (
        BOUNDARY,
        part(b"CONTENT-DISPOSITION:form-data;Name=token ; filename*=utf-8''%C3%A4.txt\r\n"),
        part(b"CONTENT-DISPOSITION:form-data;Name=token ; filename*=utf-8''%C3%A4.txt\r\n", b"[REDACTED]").decode(),
    ),
    (BOUNDARY, PARTS + b"--b--\r\n", PARTS.decode().replace("s3cret", HIDDEN) + "--b--\r\n"),
    (BOUNDARY, DEEP + b"--b--\r\n", DEEP.decode().replace("s3cret", HIDDEN) + "--b--\r\n"),
    (
        BOUNDARY,
        part(b'Content-Disposition: form-data; filename="a;b"; name=token\r\n'),
        part(b'Content-Disposition: form-data; filename="a;b"; name=token\r\n', b"[REDACTED]").decode(),
    ),
    (
        BOUNDARY,
        part(NAMED + b"Content-Type: text/plain; charset=UTF-8\r\nX: filename=c\r\n", b"x"),
        part(NAMED + b"Content-Type: text/plain; charset=UTF-8\r\nX: filename=c\r\n", b"x").decode(),
    ),
    *((f"{FORM} ; charset={charset}", b"token=s3cret", "token=[REDACTED]") for charset in ASCII),
    ("application/json; charset=utf-8", '{"\u00e4": "\u00e4"}'.encode(), '{"\u00e4": "\u00e4"}'),
)
UNPARSABLE = (
    ("application/json", b'{"token": "s3cret"'),
    ("application/json", b'{"a": 1,}'),
    ("application/json", b"{'token': 's3cret'}"),
    ("application/json", b"token s3cret"),
    ("application/x-www-form-urlencoded", b'{"token": "s3cret'),
    ("text/html", b"<p>token: s3cret</p>"),
    ("", b"token: s3cret"),
    (BOUNDARY, PARTS),
    (BOUNDARY, b"s3cret\r\n" + PARTS + b"--b--"),
    (BOUNDARY, PARTS + b"--b--\r\ns3cret"),
    (BOUNDARY, PARTS + b"--b\r\nContent-Disposition: form-data; name*=utf-8''token\r\n\r\ns3cret\r\n--b--\r\n"),
    (BOUNDARY, b"--b\r\nContent-Disposition: form-data; name=token\r\ns3cret\r\n--b--\r\n"),
    ("multipart/mixed; boundary=b", PARTS + b"--b--\r\n"),
    ("image/png", b"\x89PNG s3cret"),
    # No form, whatever the type says.
    (FORM, gzip.compress(b'{"token": "s3cret"}', mtime=0)),
    (FORM, b"a=\x00s3cret"),
    (FORM, b"a=\xffs3cret"),
    (FORM, b"<token>s3cret</token>"),
    (FORM, PARTS + b"--b--\r\n"),
    # Types that only some take for a form's, and charsets that code names.
    (f"{FORM}, x", b'["&token=s3cret&"]'),
    (f"{FORM} x", b'["&token=s3cret&"]'),
    (f"{FORM}\xa0", b'["&token=s3cret&"]'),
    (f"x; y, {FORM}", b"s3cret=1"),
    (f"text/plain, {FORM}", b"a=s3cret"),
    # Words that some look for wherever they stand.
    (f"{FORM}; x=multipart; boundary=b", b"a=\r\n--b\r\n" + SECRET + b"\r\ns3cret\r\n--b--"),
    ("text/plain; x=urlencoded", b'["&token=s3cret&"]'),
    (f"{FORM}; charset=ibm037", b"%97%81%a2%a2%a6%96%99%84=s3cret"),
    (f'{FORM}; a=b; Charset="UTF-7"', b"+AHQAbwBrAGUAbg-=s3cret"),
    (f"{FORM}; charset=utf-8; charset=utf-16", b"a=s3cret"),
    (f"{FORM}; charset=windows-31j", b"a=s3cret"),
    (f"{FORM}; charset=", b"a=s3cret"),
    ("application/json;charset=utf-7", b'{"+AHQAbwBrAGUAbg-":"s3cret"}'),
    # Keys that are not UTF-8, and overlong.
    ("application/json", b'{"t\xc1\xafken": "s3cret"}'),
    ("application/json", b'[{"t\xe0\x81\xafken": "s3cret"}]'),
    ("application/json", b'{"tok\xffen": "s3cret"}'),
    # Names that some readers end before others, or decode to what others leave.
    (FORM, b"a[password]\r\n=s3cret"),
    (FORM, b"a[x;y]=s3cret"),
    (FORM, b"a&x\n=s3cret"),
    (FORM, b"x%00y=s3cret"),
    (FORM, b"x%0ay=s3cret"),
    (FORM, b"x%7f=s3cret"),
    (FORM, b"a=1&x%3by=s3cret"),
    (FORM, b"%u0070assword=s3cret"),
    (FORM, b"pass%7=s3cret"),
)
# What one reader of a multipart form finds is a field of another name, or a part of another one's value, to the next.
TWO_READINGS = (
    (BOUNDARY, part(b"Content-Disposition: form-data; name=\"a\"; name*=utf-8''token\r\n")),
    (BOUNDARY, part(b'Content-Disposition: form-data; name="a"; name="token"\r\n')),
    (BOUNDARY, part(b'Content-Disposition: form-data; name="a"; name*0="to"; name*1="ken"\r\n')),
    (BOUNDARY, part(NAMED + SECRET)),
    (BOUNDARY, part(b'Content-Disposition: form-data; name="to\\ken"\r\n')),
    (BOUNDARY, part(b'Content-Disposition: form-data; name="a"; x="\\"; name="token"; y="\r\n')),
    (BOUNDARY, part(b"Content-Disposition: form-data; name='token'\r\n")),
    (BOUNDARY, part(b"""Content-Disposition: form-data; x=a'b; y="'; name=token; z='"; name=a\r\n""")),
    (BOUNDARY, part(b'Content-Disposition: form-data; name="to"ken\r\n')),
    (BOUNDARY, part(b'Content-Disposition: form-data; name="t%6fken"\r\n')),
    (BOUNDARY, part(b'Content-Disposition: form-data; name="=?utf-8?q?token?="\r\n')),
    (BOUNDARY, part(b'Content-Disposition: form-data; name="a";\r\n name="token"\r\n')),
    (BOUNDARY, part(NAMED + b"X: a\r" + SECRET)),
    (BOUNDARY, part(b"X: a\n" + SECRET)),
    (BOUNDARY, part(NAMED + b" \r\n" + SECRET)),
    (
        BOUNDARY,
        part(NAMED + b"Content-Type: multipart/mixed; boundary=c\r\n", b"--c\r\n" + SECRET + b"\r\ns3cret\r\n--c--"),
    ),
    (BOUNDARY, part(NAMED + b"Content-Transfer-Encoding: base64\r\n", b"eyJ0b2tlbiI6ICJzM2NyZXQifQ==")),
    (BOUNDARY, part(NAMED + b"Content-Transfer-Encoding: quoted-printable\r\n", b'{"t=6Fken": "s3cret"}')),
    (BOUNDARY, part(NAMED, b"{'token': 's3cret'}")),
    (BOUNDARY, part(NAMED + b"Content-Type: application/json\r\n", b"token: s3cret")),
    (BOUNDARY, part(NAMED + f"Content-Type: {FORM}\r\n".encode(), b"<token>s3cret</token>")),
    (BOUNDARY, part(SECRET, b"s\r\n--bx\r\n" + NAMED + b"\r\ns3cret")),
    (BOUNDARY, part(SECRET, b"s\n--b\n" + NAMED + b"\r\ns3cret")),
    (BOUNDARY, part(NAMED, b"a\r--b\r" + SECRET + b"\r\ns3cret")),
    (BOUNDARY, part(SECRET, b"s\r\n--b \r\n" + NAMED + b"\r\ns3cret")),
    (BOUNDARY, part(SECRET).replace(b"\r\n", b"\n")),
    (BOUNDARY, QUOTED + b"--b--\r\n"),
    (BOUNDARY, part(b"Content-Disposition: form-data; name=to\r\nken\r\n")),
    (BOUNDARY, part(b'Content-Disposition: form-data; name="a"; filename="x name=token"\r\n')),
    (BOUNDARY, part(b'Content-Disposition: form-data; name="a"; filename="x;NAME* =token"\r\n')),
    (BOUNDARY, part(b'Content-Disposition: form-data; data-name=token; name="a"\r\n')),
    (BOUNDARY, part(b'Content-Disposition: form-data; name="\xc2\xa0token"\r\n')),
    (BOUNDARY, part(b"X-Content-Disposition: x; name=token\r\n" + NAMED)),
    (BOUNDARY, part(NAMED + b"X-Content-Disposition: x; name=token\r\n")),
    (BOUNDARY, part(b"Content-Disposition\xc2\xa0: form-data; x=token\r\n" + NAMED)),
    (BOUNDARY, part(b'Content-Disposition: form-data; name="a"; \xc2\xa0name="token"\r\n')),
    (BOUNDARY, part(b'Content-Disposition: form-data; name="a"; x=\xc2\xa0token\r\n')),
    (BOUNDARY, part(b'Content-Disposition: form-d:ta; name="a"; filename="token"\r\n')),
    (BOUNDARY, part(b'Content-Disposition: form-data; name= "user[a]"; filename="token"\r\n')),
    (BOUNDARY, part(b'Content-Disposition: form-data; name="\x85token"\r\n')),
    (BOUNDARY, part(NAMED + f"Content-Type: {FORM}, x\r\n".encode(), b"a=s3cret")),
    (BOUNDARY, part(NAMED + b"Content-Type: text/plain; charset=utf-7\r\n")),
    (BOUNDARY, part(NAMED, '{"token": "s3cret"}'.encode("utf-16"))),
    (BOUNDARY, part(NAMED, '{"token": "s3cret"}'.encode("utf-16-be"))),
    ("multipart/form-data", part(SECRET)),
    (
        "multipart/form-data; boundary=b; boundary=c",
        part(NAMED, b"--c\r\n" + SECRET + b"\r\ns3cret\r\n--c--\r\n"),
    ),
    ("multipart/form-data; xboundary=c; boundary=b", part(NAMED, b"--c\r\n" + SECRET + b"\r\ns3cret\r\n--c--\r\n")),
)


@pytest.mark.parametrize(("kind", "body", "shown"), PARSED)
def test_what_parses_is_shown(kind: str, body: bytes, shown: str, replay: Replay) -> None:
    record = _posted(post(kind, body), replay)
    assert record["body"] == shown
    assert "bodyRedacted" not in record


@pytest.mark.parametrize(
    "query",
    [
        b"password=a#s3cret",
        b"a.token=s3cret",
        b"form:token=s3cret",
        b"a['token']=s3cret",
        b"token]=s3cret",
        b"a[token];b=s3cret",
        b"a[token]?b=s3cret",
        b"token%00x=s3cret",
    ],
)
def test_a_query_is_searched_as_every_reader_takes_it(query: bytes, replay: Replay) -> None:
    record = _posted(b"GET /?" + query + b"&b=c HTTP/1.1\r\nReferer: /#" + query + b"\r\n\r\n", replay)
    assert record["path"] == "/?" + query[: query.index(b"=") + 1].decode() + HIDDEN + "&b=c"
    assert record["headers"]["referer"].endswith("=" + HIDDEN)


@pytest.mark.parametrize(("kind", "body"), UNPARSABLE + TWO_READINGS)
def test_what_does_not_parse_is_withheld(kind: str, body: bytes, replay: Replay) -> None:
    record = _posted(post(kind, body), replay)
    assert record["bodyRedacted"] is True
    assert record["bodySize"] == len(body)
    assert record["complete"] is True


def test_a_body_that_was_cut_is_withheld(replay: Replay) -> None:
    """The field's name may be gone, and its value not."""
    form = b"a=1&token=s3cret"
    record = _posted(post("application/x-www-form-urlencoded", form), replay, maxBodySize=14)
    assert record["bodyRedacted"] is True
    assert record["bodyTruncated"] is True


def test_a_range_of_a_body_is_withheld(replay: Replay) -> None:
    """RFC 9110 section 14.4: the field's name may stand in another range."""
    form = b"PUT / HTTP/1.1\r\nContent-Range: bytes 8-15/16\r\nContent-Length: 8\r\n\r\ns3cret&a"
    assert _posted(form, replay)["bodyRedacted"] is True


def test_a_body_of_two_types_is_withheld(replay: Replay) -> None:
    """Some readers take the first, some the last."""
    types = b"Content-Type: text/plain\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    form = b"POST / HTTP/1.1\r\n" + types + b"Content-Length: 8\r\n\r\na=1&b=22"
    assert _posted(form, replay)["bodyRedacted"] is True
    assert _posted(form, replay, redactUnparsable="search")["body"] == "a=1&b=22"
    for empty in (form.replace(b"text/plain", b""), form.replace(b"application/x-www-form-urlencoded", b"")):
        assert _posted(empty, replay)["bodyRedacted"] is True
    twice = form.replace(b"text/plain", b"application/x-www-form-urlencoded")
    assert _posted(twice, replay)["body"] == "a=1&b=22"


def test_a_body_under_a_head_that_was_cut_is_withheld(replay: Replay) -> None:
    """What its type is, and whether it is a range, may stand behind the limit."""
    head = b"PUT / HTTP/1.1\r\nContent-Length: 8\r\nA: " + b"a" * 1000 + b"\r\nContent-Range: bytes 8-15/16\r\n\r\n"
    record = _posted(head + b"s3cret=1", replay, maxHeaderSize=1000)
    assert record["headersTruncated"] is True
    assert record["bodyRedacted"] is True


@pytest.mark.parametrize("unparsable", ["withhold", "search"])
@pytest.mark.parametrize("codings", ["gzip, chunked", "gzip\r\nTransfer-Encoding: chunked", "chunked, chunked"])
def test_a_transfer_coding_besides_chunked_is_withheld(unparsable: str, codings: str, replay: Replay) -> None:
    """RFC 9112 section 7.2: it is not undone, so nothing can be found in it."""
    body = gzip.compress(b'{"token": "s3cret"}', mtime=0) if "gzip" in codings else b"8\r\n[s3cret]\r\n0\r\n\r\n"
    head = f"POST / HTTP/1.1\r\nContent-Type: {FORM}\r\nTransfer-Encoding: {codings}\r\n\r\n".encode()
    message = head + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
    record = _posted(message, replay, redactUnparsable=unparsable, decodeBody=True)
    assert record["bodyRedacted"] is True
    assert record["bodySize"] == len(body)


@pytest.mark.parametrize("codings", ["chunked", "Chunked, ", "chunked\r\nTransfer-Encoding: "])
def test_chunked_alone_is_undone(codings: str, replay: Replay) -> None:
    head = f"POST / HTTP/1.1\r\nTransfer-Encoding: {codings}\r\n\r\n".encode()
    record = _posted(head + b"8\r\ntoken=s3\r\n4\r\ncret\r\n0\r\n\r\n", replay)
    assert record["body"] == "token=[REDACTED]"


@pytest.mark.parametrize(
    ("body", "shown"), [(gzip.compress(b"token=s3cret", mtime=0), None), (b'{"token": 1}', '{"token": "[REDACTED]"}')]
)
def test_a_coding_behind_the_limit_of_the_head(body: bytes, shown: str | None, replay: Replay) -> None:
    """It may be said there: where only what parses as it is can be searched."""
    head = (
        b"PUT / HTTP/1.1\r\nContent-Length: %d\r\nA: " % len(body) + b"a" * 1000 + b"\r\nContent-Encoding: gzip\r\n\r\n"
    )
    record = _posted(head + body, replay, maxHeaderSize=1000, redactUnparsable="search")
    assert record.get("body") == shown
    assert record.get("bodyRedacted", False) is (shown is None)


def test_a_compressed_body_that_ends_early_is_withheld(replay: Replay) -> None:
    """Complete to HTTP, cut to whom it is for."""
    body = gzip.compress(b"a=1&x=s3cret&y=2", mtime=0)[:-12]
    head = f"PUT / HTTP/1.1\r\nContent-Type: {FORM}\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
    record = _posted(head.encode() + body, replay)
    assert record["bodyRedacted"] is True
    assert record["bodyTruncated"] is True


SEARCHED = (
    (f"{FORM}, x", b"a=1&token=s3cret"),
    (BOUNDARY, QUOTED + b"--b--\r\n"),
    (BOUNDARY, part(NAMED + f"Content-Type: {FORM}, x\r\n".encode(), b"a=1&token=s3cret")),
    (FORM, b'["&token=s3cret&"]'),
    (FORM, b"[x]=1&password=s3cret"),
    (BOUNDARY, part(SECRET, b"a\r\n--bx\r\n" + NAMED + b"\r\ns3cret")),
    (BOUNDARY, part(b"Content-Disposition: form-data; name=\"a\"; name*=utf-8''t%6fken\r\n")),
    (BOUNDARY, part(b'Content-Disposition: form-data; name="a"; name="token"\r\n')),
    (BOUNDARY, part(NAMED + SECRET)),
    (BOUNDARY, part(b'Content-Disposition: form-data; name="a";\r\n name="token"\r\n')),
    (BOUNDARY, part(SECRET).replace(b"\r\n", b"\n")),
)


@pytest.mark.parametrize(("kind", "body"), SEARCHED)
def test_a_search_finds_every_name(kind: str, body: bytes, replay: Replay) -> None:
    record = _posted(post(kind, body), replay, redactUnparsable="search")
    assert HIDDEN in record["body"]


def test_a_body_with_a_hole_is_withheld(replay: Replay) -> None:
    form = post("application/x-www-form-urlencoded", b"a=1&token=s3cret")
    conversation = Conversation().open().client(form[:-4]).client(form[-4:], lost=True).close()
    (record,) = replay(pcap(frames(conversation.segments)), **WITHHELD).records
    assert record["bodyRedacted"] is True
    assert record["complete"] is False


def _posted(message: bytes, replay: Replay, **config: Any) -> dict[str, Any]:
    """The request's record; what must not be shown is nowhere in it."""
    conversation = Conversation().open().exchange(message, NO_CONTENT).close()
    result = replay(pcap(frames(conversation.segments)), **WITHHELD, **config)
    assert b"s3cret" not in result.raw
    record: dict[str, Any] = result.records[0]
    return record
