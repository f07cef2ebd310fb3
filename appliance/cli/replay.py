"""`tcp-sniffer replay`: capture files through the same engine and outputs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from appliance.cli.capturing import add_arguments, gathered, render
from appliance.cli.numbers import number
from appliance.cli.plain_log import say
from appliance.cli.signals import Signals
from appliance.config import ConfigError
from appliance.engine import EngineError
from appliance.opening import open_capture
from appliance.shared_library import LibraryError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from appliance.cli.progress import Progress
    from appliance.config import Settings
    from appliance.engine import Engine


def register(parser: ArgumentParser) -> None:
    parser.description = "Read capture files (pcap, pcapng, also in gzip or zstd) as if they came from an interface."
    parser.add_argument("files", nargs="+", metavar="FILE", help="a capture file; - is stdin")
    parser.add_argument(
        "--speed",
        type=number(0, 1e9),
        default=0.0,
        metavar="FACTOR",
        help="how many times the recorded pace, 1 for that pace itself (default: 0, as fast as possible)",
    )
    add_arguments(parser)
    parser.set_defaults(handler=_replay)


def _replay(args: Namespace) -> int:
    signals = Signals()
    source = {"files": args.files, "speed": args.speed}
    try:
        opening = open_capture(lambda: gathered(args, {"outputStdout": True}), replay=source)
        # While Python imports the validation, the engine reads; nothing is written before that said yes.
        settings, engine = opening.settle()
        with engine:
            return _deliver(args, settings, engine, signals)
    except (ConfigError, EngineError, LibraryError) as error:
        from appliance import failure

        for sentence in failure.sentences(error):
            say(f"tcp-sniffer: {sentence}")
        return failure.exit_code(error)


def _without_effect(settings: Settings) -> Iterator[str]:
    if (direction := settings.values["captureDirection"]) != "both":
        yield (
            f"captureDirection ({direction}) has no effect: a file does not say which addresses are this machine's, so"
            " both directions are reported"
        )
    if "interface" in settings.values:
        yield f"interface ({settings.values['interface']}) has no effect: the files are read, and all of them"


def _deliver(args: Namespace, settings: Settings, engine: Engine, signals: Signals) -> int:
    for warning in (*settings.warnings, *_without_effect(settings)):
        say(f"tcp-sniffer: warning: {warning}")
    progress = _progress(args)
    # No event loop, and none of its imports, where stdout is all there is to serve.
    if "outputUrl" in settings.values or "statusListen" in settings.values:
        from appliance.cli.replay_service import deliver
    else:
        from appliance.cli.replay_stdout import deliver
    try:
        return deliver(settings, engine, signals, render(args), progress)
    finally:
        if progress is not None:
            progress.end()


def _progress(args: Namespace) -> Progress | None:
    """On a terminal, unless the records go there too."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        return None
    from appliance.cli.progress import Progress

    return Progress(args.files)
