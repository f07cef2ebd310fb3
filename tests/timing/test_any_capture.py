"""Whatever file comes, `timing` tells what is in it, or says in a line what is wrong with it; never a traceback."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Literal

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from packets import Conversation, Link, links, pcap, pcapng
from packets.files import frames

from appliance.cli import main

_ASKED = Conversation().open().exchange(b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 204 N\r\n\r\n").close().segments
_HEADERS = [b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\n\r\r\n", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b""]


@st.composite
def _captures(draw: st.DrawFn) -> bytes:
    link: Link = draw(st.sampled_from([links.ETHERNET, links.VLAN, links.COOKED, links.RAW]))
    order: Literal["<", ">"] = draw(st.sampled_from(["<", ">"]))
    write = draw(st.sampled_from([pcap, pcapng]))
    return write(frames(_ASKED, link=link), link=link, byte_order=order)


@st.composite
def _mutated(draw: st.DrawFn) -> bytes:
    """A right capture with bytes changed, taken out and put in, and maybe cut."""
    data = bytearray(draw(_captures()))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 6))] = draw(st.binary(max_size=6))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.builds(bytes.__add__, st.sampled_from(_HEADERS), st.binary(max_size=200)) | _mutated())
@example(b"")
def test_any_capture(library: Path, tmp_path: Path, data: bytes) -> None:
    assert library.exists()
    file = tmp_path / "any.pcap"
    file.write_bytes(data)
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = main(["timing", str(file)])
    assert code in (0, 1, 2)
    assert "Traceback" not in errors.getvalue()
    assert out.getvalue() if code == 0 else len(errors.getvalue().splitlines()) == 1
