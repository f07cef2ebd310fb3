"""The sniffer inside another program."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession
from servers import Collector, get
from sniffing import until

from appliance import ConfigError, EngineError, HttpMessage, HttpRequest, HttpResponse, Sniffer, create_sniffer


def config(target: int, **more: object) -> dict[str, object]:
    return {"interface": "lo", "ports": [target], "shutdownTimeoutMs": 3000, **more}


def assert_balanced(sniffer: Sniffer) -> dict[str, dict[str, object]]:
    stats = sniffer.stats()
    for sink in stats["sinks"].values():
        assert sink["queued"] == 0
        assert sink["produced"] == sink["delivered"] + sum(sink["dropped"].values())
        assert sink["produced"] == stats["messages"]["delivered"]
    return dict(stats["sinks"])


async def test_a_function_gets_typed_frozen_messages(target: int) -> None:
    messages: list[HttpMessage] = []
    sniffer = create_sniffer(config(target), on_http_message=messages.append)
    assert not sniffer.is_running()
    await sniffer.start()
    assert sniffer.is_running()
    await get(target, path="/greet")
    await until(lambda: len(messages) == 2, "the messages")
    await sniffer.stop()
    assert not sniffer.is_running()
    request, response = messages
    assert isinstance(request, HttpRequest)
    assert isinstance(response, HttpResponse)
    assert (request.method, request.path) == ("GET", "/greet?0")
    assert (response.status_code, response.body, response.text) == (200, b"hello", "hello")
    assert response.request == ("GET", "/greet?0")
    assert response.receiver == ("127.0.0.1", target)
    assert response.headers["content-length"] == "5"
    assert response.complete
    assert response.latency_ms is not None
    assert abs((datetime.now(UTC) - request.timestamp).total_seconds()) < 60
    with pytest.raises(AttributeError):
        request.path = "/other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        request.headers["x"] = "y"  # type: ignore[index]
    assert_balanced(sniffer)


async def test_a_coroutine_function_is_awaited_one_message_at_a_time(target: int) -> None:
    running, seen = 0, []

    async def on_message(message: HttpMessage) -> None:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0.001)
        seen.append(message)
        running -= 1

    sniffer = create_sniffer(config(target), on_message)
    await sniffer.start()
    await get(target, 20)
    await sniffer.stop()  # drains to the callback too
    assert [message.exchange for message in seen] == [number // 2 for number in range(40)]
    assert_balanced(sniffer)


@pytest.mark.parametrize("error", [ValueError("no"), asyncio.CancelledError(), SystemExit(3)])
async def test_what_a_callback_raises_kills_nothing(
    target: int, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    seen = []

    def on_message(message: HttpMessage) -> None:
        seen.append(message)
        if isinstance(message, HttpRequest):
            raise error

    sniffer = create_sniffer(config(target), on_message)
    await sniffer.start()
    await get(target, 3)
    await until(lambda: len(seen) == 6, "all messages")
    await sniffer.stop()
    assert assert_balanced(sniffer)["callback"]["dropped"] == {"callback_failed": 3}
    logged = [record for record in caplog.records if getattr(record, "event", "") == "callback_failed"]
    assert len(logged) == 3


async def test_a_callback_that_hangs_does_not_hang_stop(target: int) -> None:
    async def on_message(_: HttpMessage) -> None:
        await asyncio.sleep(3600)

    sniffer = create_sniffer(config(target, shutdownTimeoutMs=300), on_message)
    await sniffer.start()
    await get(target)
    await sniffer.stop()
    assert assert_balanced(sniffer)["callback"]["dropped"] == {"drain_timeout": 2}


async def test_stopping_in_a_callback_loses_nothing(target: int) -> None:
    """It returns at once there: the message at hand is among those that the end waits for."""
    seen = []

    async def on_message(message: HttpMessage) -> None:
        seen.append(message)
        await sniffer.stop()

    sniffer = create_sniffer(config(target), on_message)
    await sniffer.start()
    await get(target, 10)
    await until(lambda: not sniffer.is_running(), "the end")
    assert len(seen) == 20
    assert assert_balanced(sniffer)["callback"]["dropped"] == {}


def test_what_cannot_be_called_is_no_callback() -> None:
    with pytest.raises(TypeError, match="on_http_message"):
        create_sniffer({"ports": [80]}, on_http_message="print")  # type: ignore[arg-type]


def test_a_generator_is_no_callback() -> None:
    """A call of one runs nothing of it: each message would count as delivered and none would be seen."""

    def one(_: HttpMessage) -> Iterator[None]:
        yield

    async def other(_: HttpMessage) -> AsyncIterator[None]:
        yield

    for callback in (one, other):
        with pytest.raises(TypeError, match="generator"):
            create_sniffer({"ports": [80]}, on_http_message=callback)  # type: ignore[arg-type]


def test_stop_after_the_loop_has_ended(target: int) -> None:
    """What ran there was cancelled with it; nothing is left to wait for."""
    sniffer = create_sniffer({"interface": "lo", "ports": [target]})
    asyncio.run(sniffer.start())
    assert not sniffer.is_running()
    asyncio.run(sniffer.stop())


async def test_deliveries_of_sniffers_are_not_given_to_the_program(target: int) -> None:
    seen: list[HttpMessage] = []
    sniffer = create_sniffer(config(target), seen.append)
    await sniffer.start()
    async with (
        ClientSession() as session,
        session.get(f"http://127.0.0.1:{target}/", headers={"Tcp-Sniffer-Delivery": "another"}) as answer,
    ):
        await answer.read()
    await get(target)
    await sniffer.stop()
    assert [message.direction for message in seen] == ["request", "response"]
    assert assert_balanced(sniffer)["callback"]["dropped"] == {"self_delivery": 2}


async def test_who_may_iterate_is_not_warned_that_nothing_is_delivered(
    target: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    sniffer = create_sniffer(config(target))
    await sniffer.start()
    await sniffer.stop()
    logged = {getattr(record, "event", ""): record for record in caplog.records}
    assert vars(logged["start"])["outputs"] == ["iteration"]
    assert "no_output" not in logged


async def test_the_ledger_holds_all_iterations(target: int) -> None:
    """Two at once, and after they ended: one takes a message and leaves, one takes all."""
    sniffer = create_sniffer(config(target))
    await sniffer.start()

    async def take(most: int) -> int:
        taken = 0
        async for _ in sniffer:
            taken += 1
            if taken == most:
                break
        return taken

    iterating = [asyncio.create_task(take(most)) for most in (1, 100)]
    await asyncio.sleep(0)
    await get(target, 5)
    await sniffer.stop()
    assert await asyncio.gather(*iterating) == [1, 10]
    ledger = sniffer.stats()["sinks"]["iterator"]
    assert (ledger["delivered"], ledger["queued"]) == (11, 0)
    assert ledger["produced"] == 11 + sum(ledger["dropped"].values())


async def test_iteration(target: int) -> None:
    sniffer = create_sniffer(config(target))
    await sniffer.start()
    paths: list[str | None] = []

    async def iterate() -> None:
        paths.extend([message.path async for message in sniffer if isinstance(message, HttpRequest)])

    iterating = asyncio.create_task(iterate())
    await asyncio.sleep(0)
    await get(target, 5)
    await sniffer.stop()
    await iterating
    assert paths == [f"/?{number}" for number in range(5)]


async def test_leaving_an_iteration_and_stopping_inside_it(target: int) -> None:
    """Neither waits for messages that nobody takes any more."""
    sniffer = create_sniffer(config(target, shutdownTimeoutMs=10000))
    await sniffer.start()
    getting = asyncio.create_task(get(target, 5))
    async for message in sniffer:
        assert isinstance(message, HttpRequest)
        break
    await getting
    getting = asyncio.create_task(get(target, 5))
    rest = 0
    async for _ in sniffer:
        rest += 1
        if rest == 1:
            await getting
            async with asyncio.timeout(5):
                await sniffer.stop()
    assert rest >= 10


async def test_iterating_over_what_does_not_run() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        await anext(aiter(create_sniffer({"ports": [80]})))


async def test_start_twice_and_stop_twice(target: int) -> None:
    sniffer = create_sniffer(config(target))
    await sniffer.stop()
    await sniffer.start()
    with pytest.raises(RuntimeError, match="already running"):
        await sniffer.start()
    await asyncio.gather(sniffer.stop(), sniffer.stop())
    await sniffer.stop()


async def test_start_again_after_stop(target: int) -> None:
    seen: list[HttpMessage] = []
    sniffer = create_sniffer(config(target), seen.append)
    for run in (1, 2):
        await sniffer.start()
        await get(target)
        await sniffer.stop()
        assert len(seen) == 2 * run


async def test_stop_delivers_to_every_output(target: int, collector: Collector) -> None:
    seen: list[HttpMessage] = []
    sniffer = create_sniffer(config(target, outputUrl=collector.url), seen.append)
    await sniffer.start()
    await get(target, 20)
    await sniffer.stop()
    assert len(seen) == len(collector.records) == 40
    assert_balanced(sniffer)


async def test_start_raises_the_captures_error() -> None:
    sniffer = create_sniffer({"interface": "nowhere0", "ports": [80]})
    with pytest.raises(EngineError, match="nowhere0"):
        await sniffer.start()
    assert not sniffer.is_running()
    await sniffer.stop()


def test_create_raises_every_mistake() -> None:
    with pytest.raises(ConfigError) as raised:
        create_sniffer({"port": [80], "sampleRate": 7})
    assert {problem.path for problem in raised.value.problems} >= {"port", "ports", "sampleRate"}


async def test_a_file_as_configuration(target: int, tmp_path: Path) -> None:
    file = tmp_path / "sniffer.yaml"
    file.write_text(f"interface: lo\nports: [{target}]\n")
    seen: list[HttpMessage] = []
    sniffer = create_sniffer(file, seen.append)
    await sniffer.start()
    await get(target)
    await sniffer.stop()
    assert len(seen) == 2


def test_importing_the_package_is_cheap() -> None:
    code = "import sys, appliance; print({'asyncio', 'jsonschema', 'aiohttp', 'yaml'} & {*sys.modules})"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "set()"
    )
