"""`tcp-sniffer config validate|show|reference`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from appliance.config import ConfigError, Settings, add_options, gather, overrides_from

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from collections.abc import Iterable

    from appliance.config.rules import Rules

_EXIT_CONFIGURATION = 2


def register(parser: ArgumentParser) -> None:
    commands = parser.add_subparsers(title="commands", dest="config_command", required=True, metavar="COMMAND")
    _register_validate(commands)
    _register_show(commands)
    text = "print the reference of all fields as Markdown"
    commands.add_parser("reference", help=text, description=text.capitalize() + ".").set_defaults(handler=_reference)


def _register_validate(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser(
        "validate",
        help="say everything that is wrong with files",
        description="Say everything that is wrong with what `run --config FILE` would take here, variables included.",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a YAML file")
    add_options(parser)
    parser.set_defaults(handler=_validate)


def _register_show(commands: _SubParsersAction[ArgumentParser]) -> None:
    parser = commands.add_parser(
        "show",
        help="print the effective configuration",
        description="Print the effective configuration as YAML, and where each value came from. Secrets are hidden.",
    )
    parser.add_argument("--config", metavar="FILE", help="the YAML file (default: CONFIG_FILE, else the system's)")
    add_options(parser)
    parser.set_defaults(handler=_show)


def _validate(args: Namespace) -> int:
    from appliance import failure
    from appliance.shared_library import LibraryError

    try:
        # Every file is checked, also after one that is wrong.
        results = [_is_valid(name, args) for name in args.files]
    except LibraryError as error:
        print(error, file=sys.stderr)
        return failure.exit_code(error)
    return 0 if all(results) else _EXIT_CONFIGURATION


def _is_valid(name: str, args: Namespace) -> bool:
    """Says so, or what is wrong: all that keeps `run` from its start, but for the interface."""
    from appliance import checks
    from appliance.engine import EngineError, check

    settings = _load(name, args, checks.RULES)
    if settings is None:
        return False
    try:
        check(settings.engine_json())
    except EngineError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return False
    print(f"{name}: valid")
    return True


def _show(args: Namespace) -> int:
    from appliance.config.reference import listing

    settings = _load(args.config, args)
    if settings is None:
        return _EXIT_CONFIGURATION
    sys.stdout.write(listing(settings))
    return 0


def _reference(_: Namespace) -> int:
    from appliance.config.reference import reference

    sys.stdout.write(reference())
    return 0


def _load(config_path: str | None, args: Namespace, rules: Iterable[Rules] = ()) -> Settings | None:
    """The settings; None after their mistakes were printed."""
    try:
        settings = gather(config_path, os.environ, overrides_from(args)).validate(*rules)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return None
    for warning in settings.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return settings
