"""The command line. Each command is a module, which is imported once it is chosen."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from appliance.arguments import Parser

# name: (module, what it is for)
_COMMANDS = {
    "run": ("run", "capture on a network interface"),
    "replay": ("replay", "read capture files"),
    "timing": ("timing", "delays between packets, requests and responses in capture files"),
    "recordings": ("recordings", "list, verify, export and merge recorded files"),
    "interfaces": ("interfaces", "list the network interfaces"),
    "config": ("config_command", "check or show the configuration"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    _hold_standard_streams()
    try:
        return _run(arguments)
    except OSError as error:
        # What stdout still holds has nowhere to go; Python would complain once more when it flushes.
        sys.stdout = None
        if not isinstance(error, BrokenPipeError):  # where who read our output has gone, nobody asks why
            from appliance.cli.plain_log import say

            say(f"tcp-sniffer: {error}")
        return 1


def _run(arguments: Sequence[str] | None) -> int:
    try:
        args = _parser().parse_args(arguments)
        code: int = args.handler(args)
        return code
    finally:
        if sys.stdout is not None:
            sys.stdout.flush()


def _hold_standard_streams() -> None:
    """Where a standard stream came closed, its number must not become a socket's, which records would then go into.

    stdout stays one that takes nothing, so that its sink ends with its one error.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        flags = os.O_WRONLY if name == "stderr" else os.O_RDONLY
        if getattr(sys, name) is None and os.open(os.devnull, flags) == number:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def _parser() -> Parser:
    parser = Parser(prog="tcp-sniffer", description="Listens to HTTP traffic without touching it.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=_Command)
    for name, (module, text) in _COMMANDS.items():
        subparsers.add_parser(name, help=text, description=text.capitalize() + ".", module=module)
    return parser


class _Command(Parser):
    """A command's parser. It gets its options when it is chosen: no start pays for those of all the others."""

    def __init__(self, *, module: str = "", **options: Any) -> None:
        super().__init__(**options)
        self._module = module

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._module:
            import_module(f"appliance.cli.{self._module}").register(self)
        return super().parse_known_args(args, namespace)


class _Version(argparse.Action):
    def __call__(self, *_: object) -> None:
        from appliance.version import build, version

        print(f"tcp-sniffer {version()} ({build()})")
        sys.exit(0)
