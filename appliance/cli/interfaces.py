"""`tcp-sniffer interfaces`: what `interface` may name on this machine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from appliance.shared_library import LibraryError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def register(parser: ArgumentParser) -> None:
    parser.set_defaults(handler=_interfaces)


def _interfaces(_: Namespace) -> int:
    from appliance import engine, failure

    try:
        found = engine.interfaces()
    except LibraryError as error:
        print(f"tcp-sniffer: {error}", file=sys.stderr)
        return failure.exit_code(error)
    width = max((len(interface["name"]) for interface in found), default=0)
    for interface in found:
        state = "up" if interface["up"] else "down"
        kind = "loopback" if interface["loopback"] else ""
        addresses = ", ".join(interface["addresses"])
        print(f"{interface['name']:<{width}}  {state:<4}  {kind:<8}  {addresses}".rstrip())
    return 0
