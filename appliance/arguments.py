"""The parser of the command lines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, NoReturn

# What people give to a switch that takes nothing, as if it were the field of a file.
_TRUTHS = ("true", "false", "1", "0")


class Parser(argparse.ArgumentParser):
    """Options are written out: what is short for one today may be short for two tomorrow."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """One line: dozens of options before it hide what is wrong."""
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if misused := self._switch_with_value(sys.argv[1:] if args is None else args):
            on, off = misused.option_strings
            self.error(f"{on} takes no value; {off} turns it off")
        known, rest = super().parse_known_args(args, namespace)
        # Said here, by the parser of the command that was chosen: it knows which options there are.
        if unknown := [word.partition("=")[0] for word in rest if word.startswith("-")]:
            self.error("; ".join(map(self._unknown, unknown)))
        return known, rest

    def _switch_with_value(self, words: Sequence[str]) -> argparse.BooleanOptionalAction | None:
        """Looked for before anything is parsed: where a command takes files, the value would be one of them."""
        for word, after in zip_longest(words, words[1:], fillvalue=""):
            if word == "--":
                break
            name, equals, _ = word.partition("=")
            action = self._option_string_actions.get(name)
            if isinstance(action, argparse.BooleanOptionalAction) and (equals or after.lower() in _TRUTHS):
                return action
        return None

    def _unknown(self, word: str) -> str:
        from appliance.config.problems import nearest

        options = {option.lstrip("-"): option for option in self._option_string_actions}
        near = nearest(word.lstrip("-"), options)
        return f"unknown option {word}" + (f": the nearest is {options[near]}" if near else "")
