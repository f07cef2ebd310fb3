"""The command line. Each command is a module; nothing heavy is imported before it is chosen."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    _hold_standard_streams()
    args = _parser().parse_args(arguments)
    handler = args.handler
    try:
        code: int = handler(args)
    except BrokenPipeError:
        # Who read our output has gone; Python would complain once more when it flushes.
        sys.stdout = None
        return 1
    return code


def _hold_standard_streams() -> None:
    """Where a standard stream came closed, its number must not become a socket's, which records would then go into.

    stdout stays one that takes nothing, so that its sink ends with its one error.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        flags = os.O_WRONLY if name == "stderr" else os.O_RDONLY
        if getattr(sys, name) is None and os.open(os.devnull, flags) == number:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def _parser() -> argparse.ArgumentParser:
    from appliance.cli import config_command, interfaces, recordings, replay, run, timing

    parser = argparse.ArgumentParser(prog="tcp-sniffer", description="Listens to HTTP traffic without touching it.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (run, replay, timing, recordings, interfaces, config_command):
        command.register(subparsers)
    return parser


class _Version(argparse.Action):
    def __call__(self, *_: object) -> None:
        from appliance.version import build, version

        print(f"tcp-sniffer {version()} ({build()})")
        sys.exit(0)
