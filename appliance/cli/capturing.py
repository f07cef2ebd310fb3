"""What `run` and `replay` have in common: options, and records for people."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from appliance.config import add_options, gather, overrides_from
from appliance.exit_codes import MEANINGS

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from appliance.config import Draft
    from appliance.sinks.writer import Render


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="the YAML file (default: CONFIG_FILE, else the system's)")
    parser.add_argument("--pretty", action="store_true", help="one line per exchange for people, on stdout")
    add_options(parser)
    parser.epilog = "Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in MEANINGS.items()) + "."


def gathered(args: Namespace, defaults: Mapping[str, Any]) -> Draft:
    draft = gather(args.config, os.environ, overrides_from(args), defaults=defaults)
    if args.pretty and draft.values["outputStdout"] is False:
        draft.warnings.append(f"--pretty has no effect: outputStdout is false ({draft.origin('outputStdout')})")
    return draft


def render(args: Namespace) -> Render | None:
    if not args.pretty:
        return None
    from appliance.cli.pretty import Pretty

    return Pretty.for_stream(sys.stdout)
