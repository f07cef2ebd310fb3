"""Exchanges with a secret in each place where one may stand, and a search that knows it in every coding."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import random
import string
import zlib
from collections.abc import Iterator
from typing import NamedTuple

# Every secret begins with it.
CANARY = b"Kanarienvogel"
NAMED = "redactHeaders: [x-session]\nredactFields: [token, password]\n"
LIMIT = 2000  # maxBodySize
# What stands for bytes that the capture does not see: the one segment of this length is filtered out (`HOLED`). Behind
# it come 20 bytes of IP, 20 of TCP and 12 of its time stamps.
HOLE = b"-" * 1234
HOLED = f"captureFilter: not ip[2:2] == {len(HOLE) + 52}\n"

_OK = b"HTTP/1.1 204 No Content\r\n\r\n"


def secret(place: str) -> bytes:
    """As long as a key, so that a part of it is one too."""
    return CANARY + b"-" + place.replace(" ", "-").encode()


class Planted(NamedTuple):
    request: bytes
    response: bytes = _OK


def exchanges() -> dict[str, Planted]:
    """By place; the secret of each is `secret(place)`."""
    found: dict[str, Planted] = {}
    for name in ("Authorization", "PROXY-AUTHORIZATION", "cookie", "X-Api-Key", "X-Auth-Token", "X-Session"):
        place = f"request header {name}"
        found[place] = Planted(_get(f"{name}: Basic {secret(place).decode()}"))
    for place, lines in (
        ("folded header", "Cookie: a=1;\r\n  b={}"),
        ("repeated header", "Cookie: a=1\r\nCookie: b={}"),
        ("header without a space", "Authorization:{}"),
        ("header with a tab", "Authorization:\t{}"),
        ("header with a space before the colon", "Authorization : {}"),
        ("Referer", "Referer: https://a/b?x=1&token={}#c"),
    ):
        found[place] = Planted(_get(lines.format(secret(place).decode())))
    for place, target in (
        ("query", "/a?x=1&token={}&y=2"),
        ("query with a percent-encoded name", "/a?tok%65n={}"),
        ("query in upper case", "/a?TOKEN={}"),
        ("query of an absolute form", "http://a/b?password={}"),
        ("query with semicolons", "/a?x=1;token={};y=2"),
        ("query of an array", "/a?user[password]={}"),
    ):
        found[place] = Planted(_get("A: b", target.format(secret(place).decode())))
    for place, lines in (
        ("Set-Cookie", b"Set-Cookie: a=1\r\nset-cookie: b=%b; HttpOnly"),
        ("Location", b"Location: /next?token=%b"),
    ):
        answer = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n" + lines % secret(place) + b"\r\n\r\n"
        found[place] = Planted(_get("A: b"), answer)
    place = "interim response"
    found[place] = Planted(_get("A: b"), b"HTTP/1.1 103 Early Hints\r\nSet-Cookie: a=%b\r\n\r\n" % secret(place) + _OK)
    place = "trailer"
    body = b"2\r\nok\r\n0\r\nAuthorization: %b\r\n\r\n" % secret(place)
    found[place] = Planted(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    place = "HTTP 0.9"
    found[place] = Planted(b"GET /?token=%b\r\n" % secret(place), b"ok")
    found |= _bodies()
    return found


def _bodies() -> dict[str, Planted]:
    found: dict[str, Planted] = {}
    kinds = {
        "JSON": ("application/json", b'{"a": {"b": [{"token": "%b"}]}}'),
        "JSON with an escaped name": ("application/json", b'{"t\\u006fken": "%b"}'),
        "JSON with an object for a value": ("application/json", b'{"token": {"%b": [1]}}'),
        "JSON of no type": ("", b'{"token": "%b"}'),
        "JSON lines": ("application/x-ndjson", b'{"a": 1}\n{"token": "%b"}\n'),
        "JSON that is none": ("application/json", b'{token: "%b"}'),
        "JSON with a mark of byte order": ("application/json", b'\xef\xbb\xbf{"token": "%b"}'),
        "event stream": ("text/event-stream", b'data: {"token": "%b"}\n\n'),
        "form": ("application/x-www-form-urlencoded", b"a=1&password=%b&c=2"),
        "form with a percent-encoded name": ("application/x-www-form-urlencoded", b"p%%61ssword=%b"),
        "page": ("text/html", b"<input name=password value=%b>"),
        "XML": ("application/xml", b"<token>%b</token>"),
        "multipart form": (
            "multipart/form-data; boundary=xx",
            b'--xx\r\nContent-Disposition: form-data; name="token"\r\n\r\n%b\r\n--xx--\r\n',
        ),
        "JSON in a multipart form": (
            "multipart/form-data; boundary=xx",
            b'--xx\r\nContent-Disposition: form-data; name="a"\r\n\r\n{"token": "%b"}\r\n--xx--\r\n',
        ),
    }
    for name, (kind, text) in kinds.items():
        for side in ("request", "response"):
            place = f"{name} of a {side}"
            found[place] = _carried(side, kind, text % secret(place))
    for coding, pack in {"gzip": gzip.compress, "deflate": zlib.compress, "br": _brotli, "zstd": _zstd}.items():
        for name in ("", " chunked", " cut"):
            place = f"{coding}{name}"
            packed = pack(b'{"token": "%b", "more": "%b"}' % (secret(place), string.ascii_letters.encode()))
            packed = packed[:-40] if name == " cut" else packed
            found[place] = _carried("request", "application/json", packed, coding, chunked=name == " chunked")
    place = "coding that nobody knows"
    found[place] = _carried("request", "text/plain", b"token=" + secret(place), "rot13")
    place = "chunks of one byte"
    found[place] = _carried("response", "application/json", b'{"token": "%b"}' % secret(place), chunked=True)
    place = "form beyond maxBodySize"
    form = b"a=" + b"x" * (LIMIT - 80) + b"&token=" + secret(place) + b"y" * LIMIT
    found[place] = _carried("request", "application/x-www-form-urlencoded", form)
    place = "range of a form"
    found[place] = Planted(
        b"PUT / HTTP/1.1\r\nContent-Range: bytes 9-99/100\r\nContent-Length: %d\r\n\r\n%b=1"
        % (len(secret(place)) + 2, secret(place))
    )
    found |= _not_whole()
    place = "body that ends in a field"
    whole = _carried("request", "application/x-www-form-urlencoded", b"a=1&token=" + secret(place) + b"12345")
    found[place] = Planted(whole.request[:-5], b"")
    return found


def _not_whole() -> dict[str, Planted]:
    """Bodies with a secret before they break off: at the connection's end, at maxBodySize, where bytes are missing."""
    found: dict[str, Planted] = {}
    part = b'--xx\r\nContent-Disposition: form-data; name="token"\r\n\r\n%b\r\n'
    kinds = {
        "JSON": ("application/json", "", b'{"token": "%b", "more": "'),
        "multipart form": ("multipart/form-data; boundary=xx", "", part + part.replace(b"token", b"more")[:-4]),
        "gzip": ("application/json", "gzip", b'{"token": "%b", "more": "'),
        "br": ("application/json", "br", b'{"token": "%b", "more": "'),
        "zstd": ("application/json", "zstd", b'{"token": "%b", "more": "'),
    }
    packs = {"": bytes, "gzip": gzip.compress, "br": _brotli, "zstd": _zstd}
    for name, (kind, coding, text) in kinds.items():
        for how, rest in (("cut by the end", 100), ("beyond maxBodySize", 2 * LIMIT), ("with a hole", LIMIT // 2)):
            place = f"{name} {how}"
            plain = text.replace(b"%b", secret(place)) + _noise(rest)
            body = packs[coding](plain)
            if how == "with a hole":
                body = body[: LIMIT // 4] + HOLE + body[LIMIT // 4 :]
            whole = _carried("response", kind, body, coding)
            found[place] = Planted(whole.request, whole.response[:-20] if how == "cut by the end" else whole.response)
    return found


def _noise(size: int) -> bytes:
    """Letters that no coding makes much smaller, the same each time."""
    return base64.b85encode(random.Random(size).randbytes(size))[:size]


def _brotli(text: bytes) -> bytes:
    """RFC 7932, section 9.2: a window of 64 KiB, one meta-block that is not compressed, and the empty last one."""
    return ((len(text) - 1) << 4 | 1 << 20).to_bytes(3, "little") + text + b"\x03"


def _zstd(text: bytes) -> bytes:
    """RFC 8878, section 3.1.1: a frame of a single segment, its size in four bytes, and one raw block, the last."""
    head = b"\x28\xb5\x2f\xfd\xa0" + len(text).to_bytes(4, "little")
    return head + (len(text) << 3 | 1).to_bytes(3, "little") + text


def _get(lines: str, target: str = "/") -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n".encode()


def _carried(side: str, kind: str, body: bytes, coding: str = "", *, chunked: bool = False) -> Planted:
    fields = (f"Content-Type: {kind}\r\n" if kind else "") + (f"Content-Encoding: {coding}\r\n" if coding else "")
    if chunked:
        fields += "Transfer-Encoding: chunked\r\n"
        body = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    else:
        fields += f"Content-Length: {len(body)}\r\n"
    if side == "request":
        return Planted(f"POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n".encode() + body)
    return Planted(_get("A: b"), f"HTTP/1.1 200 OK\r\n{fields}\r\n".encode() + body)


def sightings(artifact: bytes) -> set[str]:
    """The places whose secrets stand in it, plainly or in some coding; `?` for one that can't be told."""
    found = set()
    places = list(exchanges())
    for text in _readings(artifact):
        at = text.find(CANARY)
        while at >= 0:
            here = [place for place in places if text.startswith(secret(place), at)]
            found.add(max(here, key=len) if here else "?" + repr(text[at : at + 40]))
            at = text.find(CANARY, at + 1)
        if any(word in text for word in _CODED):
            found.add("? coded")
    return found


def _base64_words(word: bytes) -> Iterator[bytes]:
    """What base64 makes of it, wherever in three bytes it begins; without the ends, which its neighbours share."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + word + b"\0\0")
        yield coded[-(-before * 4 // 3) + (before > 0) : len(word) * 4 // 3 - 2]


_CODED = (binascii.hexlify(CANARY), CANARY[::-1], *_base64_words(CANARY))


def _readings(artifact: bytes) -> Iterator[bytes]:
    """The bytes as they are, and what the bodies of the records among them hold."""
    yield artifact
    for line in artifact.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if not isinstance(record, dict) or record.get("bodyEncoding") != "base64":
            continue
        body = base64.b64decode(record["body"])
        yield body
        for format_bits in (31, 15, -15):
            decoder = zlib.decompressobj(format_bits)
            try:
                yield decoder.decompress(body)
            except zlib.error:
                continue
