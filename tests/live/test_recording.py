"""The recording over a real wire: what tshark reads in the files is what the records and the counts say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from network import CLIENT, SERVER, Network
from recording import Get, Record, eventually, recordings, tshark

ANSWER = 10_240_000  # bytes of big.bin
FRAME = ("frame.time_epoch", "ip.src", "ip.id", "tcp.seq_raw", "tcp.ack_raw", "frame.len")


@pytest.mark.parametrize("format_", ["pcap", "pcapng"])
def test_records_name_their_frames_across_files(record: Record, get: Get, format_: str) -> None:
    recorder = record("--output-stdout", f"--recording-format={format_}", "--recording-rotate-bytes=3000000")
    for path in ("/small.json", "/big.bin", "/2k.txt"):
        get(path)
    eventually(lambda: len(recorder.files()) > 3, "files with a number")
    records = recorder.stop()
    files = dict(enumerate(recorder.files(), 1))
    assert len(records) == 6
    for message in records:
        host = "ip.dst" if message["direction"] == "request" else "ip.src"
        port = message["destination"]["port"]
        payload = 0
        for entry in message["pcap"]:
            frames = tshark(
                files[entry["sequence"]], "frame.number", "tcp.len", only=f"tcp.port=={port}&&{host}==10.77.0.1"
            )
            inside = [int(size) for number, size in frames if entry["firstFrame"] <= int(number) <= entry["lastFrame"]]
            payload += sum(inside)
        assert payload >= max(message["bodySize"], 20)
    big = next(m for m in records if m["direction"] == "response" and m["bodySize"] == ANSWER)
    assert len(big["pcap"]) >= 3
    assert sum(len(tshark(file)) for file in files.values()) == recorder.stats["recording"]["recorded"]
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files.values())


def test_alone_it_reassembles_nothing_and_takes_udp(record: Record, get: Get, network: Network) -> None:
    recorder = record("--recording-label=team red")
    get("/small.json")
    sender = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'hello', ('10.77.0.1', 8080))"
    subprocess.run(network.client.inside(sys.executable, "-c", sender), check=True, timeout=60)
    file = recorder.folder / "team_red-web-0.pcap"
    eventually(lambda: file.exists() and tshark(file, only="udp.port==8080"), "the datagram in the file")
    assert recorder.stop() == []
    packets = recorder.stats["packets"]
    assert packets["recorded_only"] == packets["received"] == recorder.stats["recording"]["recorded"] > 5
    assert recorder.stats["messages"]["produced"] == 0


def test_killed_and_started_again_it_keeps_every_file(record: Record, get: Get) -> None:
    first = record()
    get("/2k.txt")
    first.until_a_connection_ended()
    first.kill()
    before = len(tshark(first.files()[-1]))
    second = record()
    get("/2k.txt")
    eventually(lambda: (second.folder / "index.jsonl").exists(), "an index")
    second.stop()
    assert [file.name for file in second.files()] == ["web-0.0001.pcap", "web-0.pcap"]
    (line,) = map(json.loads, (second.folder / "index.jsonl").read_text().splitlines())
    assert (line["sequence"], line["packets"], line["recovered"], line["cutBytes"]) == (1, before, True, 0)
    assert recordings("verify", str(second.folder)).stdout == ""


@pytest.mark.parametrize("how", ["zstd", "gzip"])
def test_compressed_files_are_verified_and_merged(record: Record, get: Get, tmp_path: Path, how: str) -> None:
    recorder = record(f"--recording-compress={how}", "--recording-rotate-bytes=2000000")
    get("/big.bin")
    eventually(lambda: sum(file.suffix in (".zst", ".gz") for file in recorder.files()) >= 4, "compressed files")
    recorder.stop()
    merged = tmp_path / "all.pcapng"
    assert recordings("verify", str(recorder.folder)).returncode == 0
    assert recordings("merge", str(recorder.folder), "-o", str(merged)).returncode == 0
    frames = tshark(merged, *FRAME)
    assert len(frames) == recorder.stats["recording"]["recorded"]
    # By the order that mergecap gives, not by sorted times: two processors stamp what goes out and what comes in, so
    # within a file a packet may be a microsecond older than the one before it.
    expected = tmp_path / "expected.pcapng"
    subprocess.run(["mergecap", "-w", expected, *recorder.files()], check=True, timeout=60)
    assert frames == tshark(expected, *FRAME)
    listed = recordings("list", str(recorder.folder)).stdout.splitlines()
    assert len(listed) == len(recorder.files())
    damaged = recorder.files()[0]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    done = recordings("verify", str(recorder.folder))
    assert (done.returncode, damaged.name in done.stdout) == (1, True)


def test_the_oldest_files_go_first(record: Record, get: Get) -> None:
    recorder = record("--recording-max-total-bytes=4000000", "--recording-rotate-bytes=500000")
    for _ in range(3):
        get("/big.bin")
    recorder.stop()
    files = recorder.files()
    assert sum(file.stat().st_size for file in files) <= 4_000_000
    assert files[0].name > "web-0.0010"
    assert recorder.stats["recording"]["not_recorded"] == 0
    assert tshark(files[-1], only="tcp.flags.fin==1")


def test_no_more_files_than_wanted_are_kept(record: Record, get: Get) -> None:
    recorder = record("--recording-max-files=3", "--recording-rotate-bytes=500000")
    foreign = [recorder.folder / name for name in ("web-1.0001.pcap", "web-0.notes.pcap")]
    for file in foreign:
        file.write_bytes(b"somebody else's")
    get("/big.bin")
    recorder.stop()
    kept = [file for file in recorder.files() if file not in foreign]
    assert [file.name for file in kept[-1:]] == ["web-0.pcap"]
    sequences = [int(file.name.split(".")[1]) for file in kept[:-1]]
    assert len(sequences) == 3
    assert sequences == list(range(sequences[0], sequences[0] + 3)), "the newest"
    assert sequences[0] > 10
    assert [line["sequence"] for line in recorder.index()] == sequences
    assert all(file.read_bytes() == b"somebody else's" for file in foreign)


def test_what_is_old_goes_though_nothing_comes(record: Record, get: Get) -> None:
    recorder = record("--recording-max-age-seconds=2", "--recording-rotate-bytes=500000")
    get("/big.bin")
    eventually(lambda: len(recorder.files()) > 1, "files are numbered")
    eventually(lambda: [file.name for file in recorder.files()] == ["web-0.pcap"], "the numbered ones are deleted")
    recorder.stop()
    assert recorder.index() == []
    assert tshark(recorder.folder / "web-0.pcap", only="tcp.flags.fin==1"), "the open one is not"


def test_a_match_writes_what_came_before_it(record: Record, get: Get) -> None:
    recorder = record("--recording-trigger=match", "--recording-trigger-status=404", "--output-stdout")
    get("/small.json")
    get("/absent")
    records = recorder.stop()
    named = [bool(message.get("pcap")) for message in records]
    assert named == [False, False, False, True]
    file = recorder.folder / "web-0.pcap"
    assert len(tshark(file, only="http.response")) == 2
    assert recorder.stats["recording"]["pre_trigger"] > 0


def test_what_is_excluded_or_not_sampled_triggers_nothing(record: Record, get: Get, tmp_path: Path) -> None:
    config = tmp_path / "sniffer.yaml"
    config.write_text("exclude: [{path: /absent}]\nrecording: {trigger: match, triggerStatus: 404}\n")
    for options in (
        (f"--config={config}",),
        ("--recording-trigger=match", "--recording-trigger-status=404", "--sample-rate=0"),
    ):
        recorder = record(*options)
        get("/absent")
        recorder.stop()
        counts = recorder.stats["recording"]
        assert counts["offered"] > 0
        assert (counts["recorded"], counts["pre_trigger"]) == (0, counts["offered"])


def test_tshark_reads_the_live_stream(record: Record, get: Get, network: Network) -> None:
    recorder = record("--recording-stream-listen=127.0.0.1:9191")
    command = network.server.inside("tshark", "-n", "-l", "-i", "TCP@127.0.0.1:9191", "-T", "fields", "-e", "ip.src")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as client:
        eventually(lambda: recorder.events("stream_client"), "a client")
        get("/small.json")
        assert client.stdout is not None
        sources = {client.stdout.readline().strip() for _ in range(8)}
        client.terminate()
    assert sources == {SERVER[0], CLIENT[0]}
    recorder.stop()


IDLE_CLIENT = "import socket, sys; kept = socket.create_connection(('127.0.0.1', 9191)); sys.stdin.read()"
READING_CLIENT = """
import shutil, socket, sys
with socket.create_connection(('127.0.0.1', 9191)) as stream, open(sys.argv[1], 'wb') as file:
    shutil.copyfileobj(stream.makefile('rb'), file)
"""


def test_a_client_that_does_not_read_slows_nobody(record: Record, get: Get, network: Network, tmp_path: Path) -> None:
    """What it missed is counted; the files have every packet, and another client reads on."""
    recorder = record("--recording-stream-listen=127.0.0.1:9191", "--recording-format=pcapng")
    streamed = tmp_path / "streamed.pcapng"
    idle = network.server.inside(sys.executable, "-c", IDLE_CLIENT)
    reading = network.server.inside(sys.executable, "-c", READING_CLIENT, str(streamed))
    with subprocess.Popen(idle, stdin=subprocess.PIPE) as slow, subprocess.Popen(reading) as fast:
        eventually(lambda: len(recorder.events("stream_client")) == 2, "two clients")
        for _ in range(4):  # more than its socket and the client's queue hold
            get("/big.bin")
        recorder.stop()
        assert slow.stdin is not None
        slow.stdin.close()
        assert fast.wait(30) == 0
    counts = recorder.stats["recording"]
    assert counts["stream_dropped"] > 0
    assert counts["not_recorded"] == recorder.stats["capture"]["kernel_dropped"] == 0
    assert sum(len(tshark(file)) for file in recorder.files()) == counts["recorded"]
    assert tshark(streamed)


def test_an_anonymized_export_keeps_prefixes_and_hides_addresses(record: Record, get: Get, tmp_path: Path) -> None:
    recorder = record()
    get("/small.json")
    recorder.until_a_connection_ended()
    recorder.stop()
    out = [tmp_path / "a.pcap", tmp_path / "b.pcap"]
    for file in out:
        done = recordings(
            "export", "--anonymize", "--ports=8080", str(recorder.folder), "-o", str(file),
            env={"PATH": "/usr/bin", "RECORDING_ANONYMIZE_KEY": "0f" * 32} | library_variable(),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert out[0].read_bytes() == out[1].read_bytes()
    fields = ("ip.src", "ip.dst", "tcp.srcport", "tcp.dstport", "ip.checksum.status", "tcp.len")
    plain, hidden = tshark(recorder.files()[-1], *fields), tshark(out[0], *fields)
    assert [row[5] for row in plain] == [row[5] for row in hidden]
    seen = {address for row in hidden for address in row[:2]}
    assert len(seen) == 2
    assert not seen & {SERVER[0], CLIENT[0]}
    first, second = (int.from_bytes(bytes(map(int, address.split(".")))) for address in seen)
    assert (first ^ second).bit_length() == 2  # 10.77.0.1 and 10.77.0.2 differ in their last two bits
    assert all("8080" in row[2:4] for row in hidden)
    assert {row[2] for row in plain} != {row[2] for row in hidden}


def library_variable() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(("TCP_SNIFFER", "PYTHON"))}
