"""Secrets planted all over the traffic and the configuration: they come out nowhere.

That the search would find them is shown by a run without redaction, in which it finds every one; that it looks at the
right places by what is no secret, and is found there; that a crash would leave them by a process that does."""

from __future__ import annotations

import asyncio
import base64
import signal
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from aiohttp import ClientSession
from canaries import CANARY, HOLE, HOLED, LIMIT, NAMED, Planted, exchanges, sightings
from certificates import Authority
from servers import Collector, collecting, connected_to, listening, unused_port
from sniffing import Sniffing, until

from appliance import HttpMessage, create_sniffer

CONFIGURED = (CANARY + b"-of-the-configuration").decode()
POD = "Dohle-0"  # no secret
CORE_PATTERN = Path("/proc/sys/kernel/core_pattern").read_text().strip()


@pytest.fixture
async def planted() -> AsyncIterator[tuple[int, dict[int, Planted]]]:
    """A server's port, and which exchange it is to have with the client of which port."""
    by_client: dict[int, Planted] = {}

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began = await reader.read(1)
        exchange = by_client[writer.get_extra_info("peername")[1]]
        await reader.readexactly(len(exchange.request) - len(began))
        for part in exchange.response.partition(HOLE):  # a segment each
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01 if HOLE in exchange.response else 0)

    async with listening(answer) as port:
        yield port, by_client


async def say_all(port: int, by_client: dict[int, Planted]) -> None:
    for exchange in exchanges().values():
        async with connected_to(port) as (reader, writer):
            by_client[writer.get_extra_info("sockname")[1]] = exchange
            writer.write(exchange.request)
            assert await reader.read() == exchange.response


def configured(folder: Path, text: str) -> str:
    file = folder / "config" / "sniffer.yaml"
    file.parent.mkdir()
    file.write_text(f"maxBodySize: {LIMIT}\noutputConnections: true\noutputStdout: true\n{HOLED}{text}")
    return str(file)


def left_in(*folders: Path) -> bytes:
    return b"\n".join(file.read_bytes() for folder in folders for file in folder.rglob("*") if file.is_file())


async def pages(port: int) -> bytes:
    found = b""
    async with ClientSession() as session:
        for path in ("/healthz", "/readyz", "/metrics"):
            async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                found += await answer.read()
    return found


# What a process leaves where it stands when it is killed by SIGABRT, if it may.
def may_dump(folder: Path) -> list[str]:
    return ["prlimit", "--core=unlimited:unlimited", "env", "-C", str(folder)]


def cores(folder: Path) -> list[Path]:
    """By core_pattern: in the folder of the process, or where that says; `%` stands for what differs."""
    pattern = folder / CORE_PATTERN.partition("%")[0]
    return [path for path in pattern.parent.glob(f"{pattern.name}*") if path.is_file()]


def dumps_nothing(process: int) -> bool:
    (core,) = (line for line in Path(f"/proc/{process}/limits").read_text().splitlines() if line.startswith("Max core"))
    return core.split()[4:6] == ["0", "0"]


@pytest.mark.parametrize("before", range(3))
def test_the_search_knows_codings(before: int) -> None:
    text = b"-" * before + CANARY + b"-more"
    assert sightings(base64.b64encode(text)) == {"? coded"}
    assert sightings(text.hex().encode()) == {"? coded"}


async def test_the_search_finds_what_is_not_redacted(tmp_path: Path, planted: tuple[int, dict[int, Planted]]) -> None:
    port, by_client = planted
    config = configured(tmp_path, "redactBuiltin: false\n")
    async with Sniffing(tmp_path / "s", "--config", config, "--ports", str(port)) as sniffing:
        await say_all(port, by_client)
        assert await sniffing.stop() == 0
    found = sightings((tmp_path / "s" / "stdout").read_bytes())
    assert found == {*exchanges(), "? coded"}  # br and zstd hold text as it is here, and records those in base64
    cut = {record["incompleteReason"] for record in sniffing.records if not record.get("complete", True)}
    assert {"gap", "closed"} <= cut
    assert any(record.get("bodyTruncated") for record in sniffing.records)


async def test_a_crash_leaves_the_memory_of_whom_it_may(tmp_path: Path) -> None:
    """What the sniffer is compared with. Where the kernel hands cores to a program, the limits are all there is."""
    code = f"import os; kept = '-'.join(['{CANARY.decode()}', 'in-memory']); os.abort()"
    process = await asyncio.create_subprocess_exec(*may_dump(tmp_path), sys.executable, "-c", code)
    assert await process.wait() == -signal.SIGABRT
    if not CORE_PATTERN.startswith("|"):
        (core,) = cores(tmp_path)
        assert CANARY + b"-in-memory" in core.read_bytes()
        core.unlink()


@pytest.mark.parametrize(
    ("user", "env", "authorization"),
    [
        ("", {"OUTPUT_URL_AUTH_TOKEN": CONFIGURED}, f"Bearer {CONFIGURED}"),
        (f"me:{CONFIGURED}@", {}, f"Basic {base64.b64encode(f'me:{CONFIGURED}'.encode()).decode()}"),
    ],
)
async def test_no_secret_comes_out(
    tmp_path: Path, planted: tuple[int, dict[int, Planted]], user: str, env: dict[str, str], authorization: str
) -> None:
    """Not in records, log, status pages, spool, deliveries, nor what a crash leaves behind."""
    port, by_client = planted
    collector_port, status_port = unused_port(), unused_port()
    authority = Authority(tmp_path)
    certificate, key = authority.issue("client")
    url = f"https://{user}127.0.0.1:{collector_port}/?key={CONFIGURED}"
    tls = f"outputCaFile: {authority.certificate}\noutputClientCertFile: {certificate}\noutputClientKeyFile: {key}\n"
    config = configured(tmp_path, f"{NAMED}outputUrl: {url}\n{tls}logLevel: debug\n")
    spool = tmp_path / "spool"
    options = ["--config", config, "--ports", str(port), "--output-spool-directory", str(spool)]
    options += ["--status-listen", f"127.0.0.1:{status_port}"]
    env = {**env, "POD_NAME": POD}
    folder = tmp_path / "killed"
    key_lines = key.read_bytes().splitlines()[1:-1]

    def shown_in(artifact: bytes, *visible: str) -> set[str]:
        """The secrets; in what shows, as it ought to, all that is visible."""
        assert all(word.encode() in artifact for word in visible), visible
        return sightings(artifact) | {"the key" for line in key_lines if line in artifact}

    async with Sniffing(folder, *options, env=env, prefix=may_dump(folder)) as killed:
        await say_all(port, by_client)
        await killed.until_event("post_spooled")
        assert shown_in(await pages(status_port), f'port="{port}"') == set()
        await asyncio.sleep(1)  # the spool has by then what is there
        assert dumps_nothing(killed.process.pid)
        killed.signal(signal.SIGABRT)
        assert await killed.wait() == -signal.SIGABRT
    assert len(killed.records) > 2 * len(exchanges())
    assert cores(folder) == []
    assert shown_in(left_in(folder), "Early Hints", POD, f"127.0.0.1:{collector_port}/?***") == set()
    assert shown_in(left_in(spool), "Early Hints") == set()
    async with (
        collecting(Collector(), port=collector_port, tls=authority.server()) as collector,
        Sniffing(tmp_path / "stopped", *options, env=env) as stopped,
    ):
        await until(lambda: len(collector.records) >= len(killed.records), "the records")
        assert await stopped.stop() == 0
    assert shown_in(left_in(tmp_path / "stopped", spool), POD) == set()
    for post in collector.posts:
        assert post.headers.pop("Authorization") == authorization
        assert shown_in(post.body + repr(post.headers).encode(), '"receiver"') == set()


@pytest.mark.parametrize("redacted", [True, False])
async def test_no_secret_reaches_a_callback(planted: tuple[int, dict[int, Planted]], *, redacted: bool) -> None:
    port, by_client = planted
    messages: list[HttpMessage] = []
    rules = {"redactHeaders": ["x-session"], "redactFields": ["token", "password"]} if redacted else {}
    config = {"interface": "lo", "ports": [port], "maxBodySize": LIMIT, "redactBuiltin": redacted, **rules}
    sniffer = create_sniffer(config, on_http_message=messages.append)
    await sniffer.start()
    await say_all(port, by_client)
    await sniffer.stop()
    assert len(messages) >= 2 * len(exchanges())
    found = sightings(b"\n".join(texts(messages)))
    assert found == set() if redacted else {"request header Authorization", "JSON of a response", "zstd"} <= found


def texts(messages: Iterable[HttpMessage]) -> Iterable[bytes]:
    for message in messages:
        yield message.body
        yield repr(message).encode()
