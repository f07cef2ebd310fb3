"""The parser of the command lines."""

from __future__ import annotations

import argparse
from typing import Any


class Parser(argparse.ArgumentParser):
    """Options are written out: what is short for one today may be short for two tomorrow."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        known, rest = super().parse_known_args(args, namespace)
        # Said here, by the parser of the command that was chosen: it knows which options there are.
        if unknown := [word.partition("=")[0] for word in rest if word.startswith("-")]:
            self.error("; ".join(map(self._unknown, unknown)))
        return known, rest

    def _unknown(self, word: str) -> str:
        from appliance.config.problems import nearest

        options = {option.lstrip("-"): option for option in self._option_string_actions}
        near = nearest(word.lstrip("-"), options)
        return f"unknown option {word}" + (f": the nearest is {options[near]}" if near else "")
