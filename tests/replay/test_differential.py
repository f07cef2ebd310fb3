"""What another parser, h11, reads in streams made up at random is what the records say."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h11
from hypothesis import given, settings
from hypothesis import strategies as st
from packets import Conversation, pcap
from packets.files import frames
from replay_engine import replay

TOKEN = st.text("abcXYZ09-_.~!#$%&'*+^`|", min_size=1, max_size=8)
VALUE = st.text("abc XYZ\t09;,=\"'/()\x80\xff", max_size=20).map(lambda text: text.strip(" \t"))
LINE_END = st.sampled_from(["\r\n", "\r\n", "\n"])
BODY = st.binary(max_size=200)


@st.composite
def fields(draw: st.DrawFn) -> list[str]:
    """Lines without their ends; values padded, also over two lines (obs-fold, RFC 9112 section 5.2)."""
    lines = []
    for name in draw(st.lists(TOKEN.map("x-{}".format), max_size=4)):
        space = draw(st.sampled_from(["", " ", " \t "]))
        folded = draw(st.sampled_from(["", "", "", "\r\n  more"]))
        lines.append(f"{name}:{space}{draw(VALUE)}{folded}{space}")
    return lines


@st.composite
def chunks(draw: st.DrawFn, body: bytes) -> bytes:
    """RFC 9112 section 7.1: sizes in any case, with zeros and extensions; trailers behind the last."""
    out, rest = b"", body
    while rest:
        size = draw(st.integers(1, len(rest)))
        digits = draw(st.sampled_from(["%x", "%X", "00%x"])) % size
        extension = draw(st.sampled_from(["", ";x", ";x=1", ';a="b;c"']))
        out += f"{digits}{extension}\r\n".encode() + rest[:size] + b"\r\n"
        rest = rest[size:]
    trailers = "".join(f"{line}\r\n" for line in draw(fields()))
    return out + b"0\r\n" + trailers.encode("latin1") + b"\r\n"


@st.composite
def framed(draw: st.DrawFn, start: str, *, bodiless: bool = False, to_the_end: bool = False) -> bytes:
    """A head with this start line and a body. `to_the_end`: the connection's end ends it."""
    body, lines = draw(BODY), draw(fields())
    if bodiless:
        lines += draw(st.sampled_from([[], ["Content-Length: 12"], ["Transfer-Encoding: chunked"]]))
        body = b""
    elif not to_the_end and draw(st.booleans()):
        lines.insert(
            draw(st.integers(0, len(lines))),
            draw(st.sampled_from(["Transfer-Encoding: chunked", "transfer-encoding:chunked"])),
        )
        body = draw(chunks(body))
    elif not to_the_end:
        lines.append(f"Content-length: {len(body)}")
    end = draw(LINE_END)
    return "".join(f"{line}{end}" for line in [start, *lines, ""]).encode("latin1") + body


@st.composite
def exchanges(draw: st.DrawFn, *, last: bool) -> tuple[bytes, bytes]:
    method = draw(st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "PURGE", "M-SEARCH"]))
    target = draw(st.sampled_from(["/", "/a?b=c&d", "*", "http://a.example/b", "/%20;p//"]))
    request = draw(framed(f"{method} {target} HTTP/1.1\r\nHost: a"))
    interim = [
        draw(framed(f"HTTP/1.1 {status} Soon", bodiless=True))
        for status in draw(st.lists(st.sampled_from([100, 102, 103]), max_size=2))
    ]
    status, reason = draw(
        st.sampled_from([(200, " OK"), (201, " "), (204, " No Content"), (304, " Not Modified"), (599, " What ever")])
    )
    bodiless = method == "HEAD" or status in {204, 304}
    to_the_end = last and not bodiless and draw(st.booleans())
    final = draw(framed(f"HTTP/1.1 {status}{reason}", bodiless=bodiless, to_the_end=to_the_end))
    return request, b"".join(interim) + final


@st.composite
def streams(draw: st.DrawFn) -> list[tuple[bytes, bytes]]:
    count = draw(st.integers(1, 4))
    return [draw(exchanges(last=number == count - 1)) for number in range(count)]


@dataclass
class Read:
    """A message as a parser read it; names of fields in small letters, their values in order."""

    start: tuple[Any, ...]
    headers: dict[str, list[str]]
    body: bytes = b""
    trailers: dict[str, list[str]] = field(default_factory=dict)


def by_name(pairs: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name.decode(), []).append(value.decode("latin1"))
    return found


def messages(connection: h11.Connection) -> Iterator[Read]:
    """Up to the end of the first that is final."""
    message: Read | None = None
    while True:
        match connection.next_event():
            case h11.Request() as head:
                message = Read((head.method.decode(), head.target.decode()), by_name(head.headers))
            case h11.InformationalResponse() as head:
                yield Read((head.status_code, head.reason.decode()), by_name(head.headers))
            case h11.Response() as head:
                message = Read((head.status_code, head.reason.decode()), by_name(head.headers))
            case h11.Data() as data:
                assert message
                message.body += bytes(data.data)
            case h11.EndOfMessage() as end:
                assert message
                message.trailers = by_name(end.headers)
                yield message
                return
            case other:
                raise AssertionError(f"h11 cannot go on: {other}")


def read_by_h11(asked: bytes, answered: bytes) -> tuple[list[Read], list[Read]]:
    """Both directions; each request tells how its response is framed."""
    server, client = h11.Connection(h11.SERVER), h11.Connection(h11.CLIENT)
    server.receive_data(asked)
    client.receive_data(answered)
    client.receive_data(b"")
    requests: list[Read] = []
    responses: list[Read] = []
    while server.trailing_data[0]:
        requests += messages(server)
        server.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
        server.send(h11.EndOfMessage())
        client.send(h11.Request(method=requests[-1].start[0], target="/", headers=[("host", "a")]))
        client.send(h11.EndOfMessage())
        responses += messages(client)
        server.start_next_cycle()
        if client.our_state is h11.DONE and client.their_state is h11.DONE:
            client.start_next_cycle()
    return requests, responses


def of_record(record: dict[str, Any]) -> Read:
    start = (
        (record["method"], record["path"]) if "method" in record else (record["statusCode"], record.get("reason", ""))
    )
    body = record.get("body", "")
    content = base64.b64decode(body) if record.get("bodyEncoding") == "base64" else body.encode()
    listed = [
        {name: value if isinstance(value, list) else [value] for name, value in record.get(part, {}).items()}
        for part in ("headers", "trailers")
    ]
    return Read(start, listed[0], content, listed[1])


@given(streams())
@settings(deadline=None, derandomize=True, max_examples=150)
def test_h11_reads_the_same(library: Path, exchanged: list[tuple[bytes, bytes]]) -> None:
    assert library.exists()
    conversation = Conversation().open()
    for request, response in exchanged:
        conversation.client(request).server(response)
    with tempfile.TemporaryDirectory() as folder:
        records = replay(Path(folder), [pcap(frames(conversation.close().segments))], {}).records
    requests, responses = read_by_h11(*(b"".join(side) for side in zip(*exchanged, strict=True)))
    assert [of_record(record) for record in records if record["direction"] == "request"] == requests
    assert [of_record(record) for record in records if record["direction"] == "response"] == responses
    assert all(record["complete"] for record in records)
