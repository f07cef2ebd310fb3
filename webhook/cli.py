"""The command line of the webhook. Each command imports what it needs only when it is chosen."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    code: int = args.handler(args)
    return code


def _parser() -> argparse.ArgumentParser:
    from webhook import explain, reference, serve_command

    parser = argparse.ArgumentParser(
        prog="tcp-sniffer-webhook", description="Adds the tcp-sniffer sidecar to pods that are labelled."
    )
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (explain, reference, serve_command):
        command.register(subparsers)
    return parser
