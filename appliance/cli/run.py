"""`tcp-sniffer run`: captures until it is told to stop."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from appliance import exit_codes, ready
from appliance.cli.capturing import add_arguments, gathered, render
from appliance.cli.signals import Signals
from appliance.engine import Engine
from appliance.opening import Opening, open_capture

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

# A sniffer with every output has about as many when it has started. The event loop would abort without a word.
_DESCRIPTORS = 24


def register(parser: ArgumentParser) -> None:
    parser.description = "Capture on a network interface, deliver every HTTP message, until SIGTERM or SIGINT."
    add_arguments(parser)
    parser.set_defaults(handler=run)


def run(args: Namespace) -> int:
    signals = Signals()
    if error := _lacks_descriptors():
        print(f"tcp-sniffer: {_DESCRIPTORS} file descriptors must be left to start with: {error}", file=sys.stderr)
        return exit_codes.OTHER
    ready.clear()  # a sniffer that was killed left it, and a pod's volume outlives the container
    defaults = {"outputStdout": True} if args.pretty else {}

    def open_once() -> Opening:
        return open_capture(lambda: gathered(args, defaults))

    opening = open_once()
    if isinstance(opening.capture, Engine):
        # Also said after validation, with a warning where it fails: the probe need not wait for that.
        ready.write(ready.CAPTURE_OPEN)
    return _serve(args, signals, opening, open_once)


def _lacks_descriptors() -> OSError | None:
    held = []
    try:
        for _ in range(_DESCRIPTORS):
            held.append(os.dup(sys.stderr.fileno()))  # noqa: PERF401 - what was held before it failed is closed, too
    except OSError as error:
        return error
    finally:
        for descriptor in held:
            os.close(descriptor)
    return None


def _serve(args: Namespace, signals: Signals, opening: Opening, open_once: Callable[[], Opening]) -> int:
    """The capture is open: from here on imports may take their time."""
    import asyncio

    import uvloop

    from appliance import failure
    from appliance.service import Service

    async def serve() -> int:
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        signals.attach(loop)
        signals.on_stop(stop.set)
        return await Service(open_once, stop, render(args)).serve(opening)

    code: int | None = None
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(serve())
    except Exception as error:  # noqa: BLE001 - the last word, whatever it was
        if code is None:
            return failure.write_unexpected(error)
        failure.write_unclosed(error)
    return code
