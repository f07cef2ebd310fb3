"""The appliance's small parts by themselves."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import pty
import re
import subprocess
import sys
import tomllib
from email.utils import formatdate
from pathlib import Path
from time import time
from typing import Any

import pytest
from packets import Conversation, pcap
from packets.files import frames

from appliance.cli.pretty import Pretty
from appliance.events import EventLog
from appliance.ledger import SinkLedger
from appliance.message import HttpRequest, HttpResponse, message_from_record
from appliance.reports import say
from appliance.schemas import MESSAGE, load
from appliance.sinks import retry, workers
from appliance.sinks.deadline import Deadline
from appliance.sinks.record_queue import RecordQueue

ROOT = Path(__file__).parents[2]


def test_ledger_after_its_end() -> None:
    """What a worker finishes after it was counted as lost does not count twice."""
    ledger = SinkLedger()
    ledger.produce(5)
    ledger.deliver(2)
    ledger.drop("queue_full")
    assert ledger.close("drain_timeout") == 2
    ledger.deliver(2)
    assert ledger.snapshot() == {
        "produced": 5,
        "delivered": 2,
        "queued": 0,
        "dropped": {"queue_full": 1, "drain_timeout": 2},
    }


async def test_record_queue_is_bounded_in_bytes() -> None:
    """What a worker holds counts until it is done; one record fits whatever its size."""
    room: list[bool] = []
    queue = RecordQueue(1000, lambda: room.append(True))
    assert queue.put(b"x" * 5000)
    assert not queue.put(b"y")
    assert queue.put(b"z", force=True)
    assert await queue.get() == b"x" * 5000
    assert not queue.has_room
    queue.done(b"x" * 5000)
    assert room == [True]
    assert queue.has_room
    queue.close()
    assert [await queue.get(), await queue.get(), await queue.get()] == [b"z", None, None]
    assert queue.get_nowait() is None


async def test_a_worker_does_not_die_unseen(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise ValueError("a defect")

    await workers.wait_until(Deadline(), workers.start(work()))
    (line,) = caplog.records
    assert vars(line)["event"] == "worker_failed"
    assert vars(line)["error"] == "ValueError: a defect"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 0),
        ("7", 7),
        (" 7 ", 7),
        ("100000", 60),  # no collector may stop its deliveries for a day
        ("-3", 0),
        ("1.5", 0),
        ("soon", 0),
        ("²", 0),
        ("Mon, 99 Nov 2026 99:00:00 GMT", 0),
    ],
)
def test_retry_after(value: str | None, seconds: float) -> None:
    assert retry.parse_retry_after(value) == seconds


@pytest.mark.parametrize(("ahead", "seconds"), [(20, 20), (-20, 0), (1000, 60)])
def test_retry_after_a_date(ahead: float, seconds: float) -> None:
    assert retry.parse_retry_after(formatdate(time() + ahead, usegmt=True)) == pytest.approx(seconds, abs=2)


def test_retry_delays() -> None:
    delays = [[retry.delay(attempt, None) for attempt in range(3)] for _ in range(50)]
    assert len({tuple(each) for each in delays}) == 50
    for first, second, third in delays:
        assert (first, second, third) == (
            pytest.approx(1, rel=0.2), pytest.approx(2, rel=0.2), pytest.approx(4, rel=0.2),
        )  # fmt: skip


def test_event_log_withholds_what_is_too_much(caplog: pytest.LogCaptureFixture) -> None:
    """Each kind by itself; what is withheld is counted, and said with the next line of its kind or at a flush."""
    caplog.set_level(logging.INFO)
    now = 0.0
    log = EventLog(say, clock=lambda: now)
    log.write([{"event": "gap", "bytes": number} for number in range(50)] + [{"event": "not_http"}])
    assert len(caplog.records) == 21
    now = 11.0
    log.write([{"event": "gap", "bytes": 1}])
    assert caplog.records[-1].__dict__["withheld"] == 30
    log.write([{"event": "gap"}] * 25)
    log.flush()
    assert caplog.records[-1].__dict__["withheld"] == 6
    caplog.clear()
    log.flush()
    assert caplog.records == []


def test_event_log_tells_what_the_engine_withheld(caplog: pytest.LogCaptureFixture) -> None:
    """Of a burst the engine keeps a few lines: the others are said like those that are withheld here."""
    caplog.set_level(logging.INFO)
    log = EventLog(say)
    log.write([*[{"event": "gap"}] * 20, {"event": "withheld", "kind": "gap", "lines": 380}])
    log.write([{"event": "gap"}])
    log.flush()
    assert [record.__dict__.get("withheld") for record in caplog.records] == [None] * 20 + [381]
    assert caplog.records[-1].__dict__["event"] == "gap"


def test_event_fields_cannot_break_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    EventLog(say).write([{"event": "gap", "message": "x", "name": "y", "level": "z"}])
    assert caplog.records[0].message == "bytes of a connection were not seen"


def test_messages_have_a_field_for_everything_in_the_schema() -> None:
    """One source for each fact: a property of message.schema.json that the type lacks is a mistake."""
    names = {field.name for kind in (HttpRequest, HttpResponse) for field in dataclasses.fields(kind)}
    properties = _properties(load(MESSAGE), "direction") - {"connection"}
    assert {re.sub(r"(?=[A-Z])", "_", name).lower() for name in properties} == names


def _properties(schema: dict[str, Any], marker: str) -> set[str]:
    """The properties of every part that describes a message: that has this one and headers."""
    found: set[str] = set()
    if "headers" in schema.get("properties", {}) or marker in schema.get("properties", {}):
        found |= set(schema["properties"])
    for part in (*schema.get("$defs", {}).values(), *schema.get("oneOf", []), *schema.get("allOf", [])):
        if "packets" not in part.get("properties", {}):
            found |= _properties(part, "headers")
    return found


RECORD = {
    "timestamp": "2026-01-02T03:04:05.678901Z",
    "receiver": {"ip": "10.0.0.1", "port": 80},
    "destination": {"ip": "10.0.0.2", "port": 4000},
    "direction": "request",
    "method": "GET",
    "path": "/a",
    "headers": {"host": "x", "via": ["a", "b"]},
    "body": "3q0=",
    "bodyEncoding": "base64",
    "bodySize": 2,
    "connectionId": "c",
    "exchange": 0,
    "complete": True,
    "source": {"pod": "p"},
}


def test_message_from_record() -> None:
    message = message_from_record(RECORD)
    assert isinstance(message, HttpRequest)
    assert message.body == b"\xde\xad"
    assert message.text is None
    assert message.headers == {"host": "x", "via": ("a", "b")}
    assert message.source is not None
    assert (message.source.pod, message.source.node) == ("p", None)
    assert message.timestamp.microsecond == 678901
    assert (message.trace_id, message.parent_span_id) == (None, None)


def test_a_message_names_its_trace() -> None:
    trace = {"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "parentSpanId": "00f067aa0ba902b7"}
    message = message_from_record({**RECORD, **trace})
    assert [message.trace_id, message.parent_span_id] == list(trace.values())


def test_a_message_names_its_recorded_packets() -> None:
    files = [{"sequence": 1, "firstFrame": 8, "lastFrame": 9}, {"sequence": 2, "firstFrame": 1, "lastFrame": 1}]
    message = message_from_record({**RECORD, "pcap": files})
    assert message.pcap == ((1, 8, 9), (2, 1, 1))
    assert message.pcap[0].last_frame == 9


def response(**fields: Any) -> dict[str, Any]:
    request = {"method": "GET", "path": "/a"}
    rest = {"direction": "response", "statusCode": 200, "bodySize": 2048, "latencyMs": 1.25, "request": request}
    return {**RECORD, **rest, **fields}


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def test_pretty() -> None:
    """One line per exchange: method, path, status, size, latency."""
    pretty = Pretty(colours=False)
    assert pretty.render(lines(RECORD)) == b""
    (line,) = pretty.render(lines(response())).decode().splitlines()
    assert line == "03:04:05.678  GET  10.0.0.1:80/a  200  2.0 KiB  1.2 ms"
    assert pretty.rest() == b""


def test_pretty_shows_what_is_not_whole() -> None:
    pretty = Pretty(colours=False)
    alone = response(request=None, latencyMs=None, complete=False, incompleteReason="gap")
    shown = pretty.render(lines({**RECORD, "exchange": 7}, alone)).decode()
    assert "response incomplete: gap" in shown
    assert pretty.rest().decode().endswith("no response seen\n")


def test_pretty_shows_an_early_answer_once() -> None:
    """An answer that came before its request's end is a line of its own; the request adds none when it is whole."""
    pretty = Pretty(colours=False)
    (line,) = pretty.render(lines(response(), RECORD)).decode().splitlines()
    assert "GET" in line and "no response" not in line
    assert pretty.rest() == b""


def test_pretty_does_not_let_a_path_drive_the_terminal() -> None:
    pretty = Pretty(colours=False)
    shown = pretty.render(lines({**RECORD, "path": "/\x1b[2J\n"}, response()))
    assert b"\x1b" not in shown
    assert shown.count(b"\n") == 1


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    conversation = Conversation().open()
    for _ in range(3):
        conversation.exchange(b"GET /a HTTP/1.1\r\n\r\n", b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno")
    file = tmp_path / "some.pcap"
    file.write_bytes(pcap(frames(conversation.close().segments)))
    return file


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_pretty_is_coloured_on_a_terminal(capture: Path, no_color: str, coloured: bool) -> None:
    shown = on_a_terminal(["replay", str(capture), "--ports", "8080", "--pretty"], {"NO_COLOR": no_color})
    assert shown.count("404") == 3
    assert ("\x1b[33m404" in shown) is coloured


def test_replay_has_a_progress_bar_on_a_terminal(capture: Path) -> None:
    """Only on stderr, and gone at the end."""
    shown = on_a_terminal(["replay", str(capture), "--ports", "8080", "--speed", "0.00001"], {}, seconds=1.5)
    assert re.search(r"\[[#.]{30}\] +\d+%  [\d,]+ packets, [\d,]+ messages", shown)
    assert shown.endswith("\r\x1b[K")


def on_a_terminal(arguments: list[str], env: dict[str, str], seconds: float = 30) -> str:
    """What the command shows there. Where it is about stderr, stdout goes elsewhere."""
    ours, theirs = pty.openpty()
    progress = "--speed" in arguments
    process = subprocess.Popen(
        [sys.executable, "-m", "appliance", *arguments],
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL if progress else theirs,
        stderr=theirs,
    )
    os.close(theirs)
    if progress:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.terminate()
    shown = b""
    while data := _read(ours):
        shown += data
    os.close(ours)
    assert process.wait() == 0
    return shown.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # EIO: the other end of a terminal is closed
        return b""


def test_interfaces() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "appliance", "interfaces"], capture_output=True, text=True, check=True, timeout=30
    )
    assert re.search(r"^lo +up +loopback +127\.0\.0\.1", done.stdout, re.MULTILINE)


def printed(*command: str | Path, **env: str) -> str:
    environment = {**os.environ, **env}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=30).stdout


def test_version() -> None:
    """A wheel knows its own; the image's variable names the revision that it was built from."""
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    installed = Path(sys.executable).with_name("tcp-sniffer")
    assert printed(installed, "--version", TCP_SNIFFER_BUILD="5eed") == f"tcp-sniffer {stated} (5eed)\n"
    assert re.fullmatch(rf"tcp-sniffer {re.escape(stated)} \([0-9a-z-]+\)\n", printed(installed, "--version"))


def test_the_version_costs_no_start_anything() -> None:
    code = "import sys; from appliance import version; version.version(), version.build()"
    assert printed(sys.executable, "-c", f"{code}; print('importlib.metadata' in sys.modules)") == "False\n"
