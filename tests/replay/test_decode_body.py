"""`decodeBody`: content codings are undone, within bounds (RFC 9110 section 8.4)."""

from __future__ import annotations

import base64
import gzip
import random
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from packets import Conversation, pcap
from packets.files import frames
from replay_engine import Replay

TEXT = b'{"hello": "world", "hello": "world", "list": [1, 2, 3]}'
GZIP = gzip.compress(TEXT, mtime=0)
ZLIB = zlib.compress(TEXT)
DEFLATE = zlib.compress(TEXT)[2:-4]  # without zlib's frame: what some servers send under this name
BROTLI = bytes.fromhex(
    "1b3600209d05ceb9b8cc4c10fd995a3618a1d21b4424666f8bc8cc6c29169deaea830d38606ed06d5d463f0906516e3827bf995be845688e3d2c09"
)
ZSTD = bytes.fromhex(
    "28b52ffd04585d010044027b2268656c6c6f223a2022776f726c64222c206c697374223a205b312c20322c20335d7d01002b9961383466fa"
)
CODED = {"gzip": GZIP, "x-gzip": GZIP, "deflate": ZLIB, "br": BROTLI, "zstd": ZSTD}
# 2,000,000 zero bytes.
BOMBS = {
    "gzip": gzip.compress(bytes(2_000_000), mtime=0),
    "deflate": zlib.compress(bytes(2_000_000)),
    "br": bytes.fromhex("9b7f841ef82700e2b1402087cf03"),
    "zstd": bytes.fromhex(
        "28b52ffd04684c000008000100fcff3910020200100002001000020010000200100002001000020010000200100002001000"
        "020010000200100002001000020010000200100002001000032404000ec974d7"
    ),
}


def answer(coding: str, body: bytes) -> Conversation:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    return Conversation().open().exchange(b"GET / HTTP/1.1\r\n\r\n", head.encode() + body).close()


def decoded(replay: Replay, coding: str, body: bytes, **config: Any) -> dict[str, Any]:
    """The response's record, with decodeBody on."""
    result = replay(pcap(frames(answer(coding, body).segments)), **{"decodeBody": True, **config})
    record: dict[str, Any] = result.records[1]
    assert record["bodySize"] == len(body)
    assert record["headers"]["content-encoding"] == coding
    return record


@pytest.mark.parametrize(("coding", "body"), CODED.items())
def test_each_coding(replay: Replay, coding: str, body: bytes) -> None:
    """bodySize stays what went by; decodedSize is what came out."""
    record = decoded(replay, coding, body)
    assert record["body"] == TEXT.decode()
    assert record["decodedSize"] == len(TEXT)
    assert "bodyTruncated" not in record
    assert "bodyEncoding" not in record


@pytest.mark.parametrize(("coding", "body"), CODED.items())
def test_off_by_default(replay: Replay, coding: str, body: bytes) -> None:
    record = decoded(replay, coding, body, decodeBody=False)
    assert base64.b64decode(record["body"]) == body
    assert record["bodyEncoding"] == "base64"
    assert "decodedSize" not in record


@pytest.mark.parametrize("coding", ["GZIP", " gzip", "identity, gzip"])
def test_spellings(replay: Replay, coding: str) -> None:
    """Names of codings are case-insensitive."""
    result = replay(pcap(frames(answer(coding, GZIP).segments)), decodeBody=True)
    assert result.records[1]["body"] == TEXT.decode()


def test_deflate_without_its_frame(replay: Replay) -> None:
    """RFC 9110 section 8.4.1.2 notes that some send raw deflate under this name."""
    assert decoded(replay, "deflate", DEFLATE)["body"] == TEXT.decode()


def test_two_codings(replay: Replay) -> None:
    """Applied in the order listed, so undone from the last to the first."""
    assert decoded(replay, "br, gzip", gzip.compress(BROTLI, mtime=0))["body"] == TEXT.decode()


def test_a_chunked_body(replay: Replay) -> None:
    """Chunked coding is removed first."""
    coded = b"".join(b"1\r\n%c\r\n" % byte for byte in GZIP) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n"
    capture = Conversation().open().exchange(b"GET / HTTP/1.1\r\n\r\n", head + coded)
    record = replay(pcap(frames(capture.segments)), decodeBody=True).records[1]
    assert (record["body"], record["bodySize"]) == (TEXT.decode(), len(GZIP))


def test_codings_in_several_lines(replay: Replay) -> None:
    """RFC 9110 section 5.3: the lines are one list; an empty one, and `identity`, add nothing."""
    twice = gzip.compress(GZIP, mtime=0)
    head = "".join(f"Content-Encoding: {coding}\r\n" for coding in ("gzip", "gzip", "", "identity"))
    message = f"HTTP/1.1 200 OK\r\n{head}Content-Length: {len(twice)}\r\n\r\n".encode() + twice
    capture = Conversation().open().exchange(b"GET / HTTP/1.1\r\n\r\n", message)
    record = replay(pcap(frames(capture.segments)), decodeBody=True).records[1]
    assert (record["body"], record["decodedSize"]) == (TEXT.decode(), len(TEXT))


def test_several_gzip_members(replay: Replay) -> None:
    """RFC 1952 section 2.2: members follow each other."""
    record = decoded(replay, "gzip", GZIP + GZIP)
    assert record["body"] == 2 * TEXT.decode()


@pytest.mark.parametrize("junk", [b"\x00", b"\x1f", b"\x1fx", b"junk"])
@pytest.mark.parametrize("coding", ["gzip", "gzip, gzip"])
def test_junk_behind_a_member(replay: Replay, junk: bytes, coding: str) -> None:
    """It begins no member, so the stream has ended: to gzip itself too."""
    body = gzip.compress(GZIP + junk, mtime=0) if "," in coding else GZIP
    record = decoded(replay, coding, body + junk)
    assert record["body"] == TEXT.decode()
    assert "bodyTruncated" not in record


@pytest.mark.parametrize(("coding", "encode"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_stream_that_ends_early(replay: Replay, coding: str, encode: Callable[[bytes], bytes]) -> None:
    """The message is complete, its content is not."""
    text = "".join(random.Random(1).choices("0123456789abcdef", k=1000))
    record = decoded(replay, coding, encode(text.encode())[:-100])
    assert text.startswith(record["body"])
    assert (record["complete"], record["bodyTruncated"]) == (True, True)


def test_a_member_that_ends_early(replay: Replay) -> None:
    record = decoded(replay, "gzip", GZIP + GZIP[:10])
    assert record["body"] == TEXT.decode()
    assert record["bodyTruncated"] is True


@pytest.mark.parametrize("decode_body", [False, True])
def test_a_transfer_coding_stays(replay: Replay, decode_body: bool) -> None:
    """RFC 9112 section 7.2: of transfer codings chunked alone is undone; what the content codings gave lies within."""
    twice = gzip.compress(GZIP, mtime=0)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nContent-Encoding: gzip\r\n\r\n"
    message = head + b"%x\r\n" % len(twice) + twice + b"\r\n0\r\n\r\n"
    capture = Conversation().open().exchange(b"GET / HTTP/1.1\r\n\r\n", message)
    record = replay(pcap(frames(capture.segments)), decodeBody=decode_body).records[1]
    assert base64.b64decode(record["body"]) == twice
    assert "contentDecoded" not in record


def test_binary_content(replay: Replay) -> None:
    """What comes out may be no text."""
    record = decoded(replay, "gzip", gzip.compress(b"\xff\x00\xfe", mtime=0))
    assert base64.b64decode(record["body"]) == b"\xff\x00\xfe"
    assert (record["bodyEncoding"], record["decodedSize"]) == ("base64", 3)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_what_is_not_so_coded_stays(replay: Replay, coding: str) -> None:
    """The header may lie: the body is shown as it was sent, and nothing says that it was decoded."""
    record = decoded(replay, coding, b"this is plain text")
    assert record["body"] == "this is plain text"
    assert "decodedSize" not in record


def test_an_unknown_coding_stays(replay: Replay) -> None:
    record = decoded(replay, "compress", b"\x1f\x9d\x90")
    assert base64.b64decode(record["body"]) == b"\x1f\x9d\x90"


def test_the_result_is_bounded_by_max_body_size(replay: Replay) -> None:
    body = gzip.compress(b"0123456789" * 50, mtime=0)
    record = decoded(replay, "gzip", body, maxBodySize=200)
    assert record["body"] == "0123456789" * 20
    assert record["bodyTruncated"] is True


@pytest.mark.parametrize(("coding", "bomb"), BOMBS.items())
def test_bombs(replay: Replay, coding: str, bomb: bytes) -> None:
    """The work is at most 20 times the bytes read, however much is promised."""
    record = decoded(replay, coding, bomb, maxBodySize=1 << 24, maxRecordSize=1 << 26)
    assert len(record["body"]) <= 20 * len(bomb) + 64
    assert record.get("bodyTruncated") is True


def test_a_body_cut_by_a_hole(replay: Replay) -> None:
    """What can be decoded before the hole is shown; the message is incomplete."""
    text = "".join(random.Random(1).choices("0123456789abcdef", k=4000))
    body = gzip.compress(text.encode(), mtime=0)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    conversation = Conversation().open().client(b"GET / HTTP/1.1\r\n\r\n").server(head + body[:1000])
    conversation.server(body[1000:1500], lost=True).server(body[1500:]).close()
    record = replay(pcap(frames(conversation.segments)), decodeBody=True).records[1]
    assert (record["complete"], record["missingBytes"]) == (False, 500)
    assert len(record["body"]) > 500
    assert text.startswith(record["body"])
