"""The public API: a sniffer inside another program."""

from __future__ import annotations

import asyncio
import inspect
import os
from collections.abc import AsyncIterator, Mapping
from typing import Any

from appliance import checks, outputs
from appliance.config import Settings, gather
from appliance.engine import Engine
from appliance.message import HttpMessage
from appliance.run import Run
from appliance.sinks import Sink
from appliance.sinks.callback import CallbackSink, IteratorSink, OnHttpMessage


def create_sniffer(
    config: Mapping[str, Any] | str | os.PathLike[str], on_http_message: OnHttpMessage | None = None
) -> Sniffer:
    """A sniffer by a configuration: a mapping of the schema's fields, or the path of a YAML file.

    As everywhere, environment variables come over the configuration. Raises ConfigError with every mistake.
    `on_http_message` is a function or a coroutine function; one message is passed at a time. Neither it nor iteration
    is given the deliveries of sniffers that went by (`self_delivery` in the ledger).
    """
    if on_http_message is not None and not callable(on_http_message):
        raise TypeError(f"on_http_message is to be called with each message, and {on_http_message!r} cannot be")
    if inspect.isgeneratorfunction(on_http_message) or inspect.isasyncgenfunction(on_http_message):
        raise TypeError(f"on_http_message is a generator, of which a call runs nothing: {on_http_message!r}")
    if isinstance(config, Mapping):
        draft = gather(None, os.environ, {}, document=config)
    else:
        draft = gather(os.fspath(config), os.environ, {})
    return Sniffer(draft.validate(*checks.RULES), on_http_message)


class Sniffer:
    """Captures between start() and stop(), and may be started again after that.

    Beside the callback, `async for message in sniffer` gives the messages from its first step on, until the
    capture ends. Belongs to the event loop it was started on.
    """

    def __init__(self, settings: Settings, on_http_message: OnHttpMessage | None = None) -> None:
        self._settings = settings
        self._on_http_message = on_http_message
        self._run: Run | None = None
        self._callback: CallbackSink | None = None
        self._starting = False
        # Iteration takes its share of the memory whether it is used or not: it may begin at any time.
        self._callbacks = 1 + (on_http_message is not None)

    async def start(self) -> None:
        """Opens the capture. Raises RuntimeError when it is open already, EngineError where it cannot be."""
        if self._starting or self.is_running():
            raise RuntimeError("the sniffer is already running")
        self._starting = True
        try:
            self._run = await self._start()
        finally:
            self._starting = False

    async def stop(self) -> None:
        """Ends the capture and waits until everything is delivered to every output. Safe to repeat.

        From the callback it returns at once: what is to be delivered includes the message that it was given.
        """
        if self._run is None or self._run.over.cancelled():  # cancelled: its event loop ended before it
            return
        self._run.request_stop()
        if self._callback is None or not self._callback.is_caller():
            # A caller that is cancelled must not cancel the drain of the others.
            await asyncio.shield(self._run.over)

    def is_running(self) -> bool:
        return self._run is not None and not self._run.over.done()

    def stats(self) -> dict[str, Any]:
        """The ledger by reason and by sink; after stop() how it stood then. Empty before the first start."""
        return self._run.stats() if self._run else {}

    async def __aiter__(self) -> AsyncIterator[HttpMessage]:
        if self._run is None or not self.is_running():
            raise RuntimeError("the sniffer is not running: there is nothing to iterate over")
        run, sink = self._run, IteratorSink(self._settings.queue_size(self._callbacks))
        run.add(sink)
        try:
            while (message := await sink.next()) is not None:
                yield message
        finally:
            sink.leave()
            run.remove(sink)

    async def _start(self) -> Run:
        engine = Engine.open(self._settings.engine_json(callbacks=self._callbacks))
        try:
            run = Run(self._settings, engine, self._sinks(engine))
            engine.start()
            await run.start(embedded="iteration" if self._on_http_message is None else "callback")
        except BaseException:
            engine.close()
            raise
        return run

    def _sinks(self, engine: Engine) -> list[Sink]:
        queue_size = self._settings.queue_size(self._callbacks)
        instance = os.urandom(16).hex()
        sinks = outputs.build(self._settings, instance=instance, exclude=engine.exclude, queue_size=queue_size)
        if self._on_http_message is not None:
            self._callback = CallbackSink(self._on_http_message, queue_size)
            sinks.append(self._callback)
        return sinks
