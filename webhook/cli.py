"""The command line of the webhook. Each command imports what it needs only when it is chosen."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from appliance.arguments import Parser


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    try:
        code: int = args.handler(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who read our output has gone, as `| head` does; Python would complain once more when it flushes.
        sys.stdout = None
        return 1
    return code


def _parser() -> Parser:
    from webhook import explain, reference, serve_command

    parser = Parser(prog="tcp-sniffer-webhook", description="Adds the tcp-sniffer sidecar to pods that are labelled.")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (explain, reference, serve_command):
        command.register(subparsers)
    return parser
