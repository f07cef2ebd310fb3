"""What is wrong with a configuration, in words: origin, path, value, what was expected."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from appliance.config.fields import Path, env_only

_SHOWN_LENGTH = 100
_MOST_UNKNOWN = 20


class Problem(NamedTuple):
    """One mistake. `value` is text that may be shown, None where there is none."""

    origin: str
    path: str
    value: str | None
    expected: str

    def __str__(self) -> str:
        where = f"{self.origin}: {self.path}" if self.path else self.origin
        got = "" if self.value is None else f", got {self.value}"
        return f"{where}: expected {self.expected}{got}"


class ConfigError(Exception):
    """Every mistake of a configuration at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Source(NamedTuple):
    """Where a value came from: a label and, in a file, the line of each part."""

    label: str
    lines: Mapping[Path, int] = {}

    def at(self, path: Path) -> str:
        """The origin of what stands at `path`, or of the nearest part above it that has a line."""
        for end in range(len(path), 0, -1):
            if line := self.lines.get(path[:end]):
                return f"{self.label}:{line}"
        return self.label


def shown(value: Any, *, url: bool = False) -> str:
    """A value on one line of an error text, without the secrets a URL may hold.

    Escapes what is not ASCII: a terminal must not obey what a configuration says.
    """
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, str):
        text = json.dumps(hide_url(value) if url or "://" in value else value)
    elif value is None or isinstance(value, bool | int | float):
        text = json.dumps(value)
    else:
        text = type(value).__name__
    return text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "…"


def path_text(path: Path) -> str:
    """`("exclude", 0, "path")` as people write it: `exclude[0].path`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in path)[1:]


def _key(key: str) -> str:
    """A key is the author's own text too: see shown()."""
    return key if key.isascii() and key.isprintable() and "://" not in key and len(key) < _SHOWN_LENGTH else shown(key)


def hide_url(url: str) -> str:
    """A URL without user, password, query and fragment.

    It must hold for mistyped ones too, with an `@`, `/` or `?` in the password: what stands before the last
    `@` is hidden, though it may be a part of the path, and everything where an `@` follows a `?`.
    """
    before, separator, rest = url.partition("://")
    scheme, rest = (before + separator, rest) if separator else ("", url)
    head, mark, tail = _cut(rest, "?#")
    if "@" in tail:
        return f"{scheme}***"
    _, at, place = head.rpartition("@")
    return f"{scheme}{'***@' if at else ''}{place}{mark}{'***' if mark else ''}"


def _cut(text: str, marks: str) -> tuple[str, str, str]:
    """The text before the first of the marks, the mark, and what follows."""
    index = next((index for index, character in enumerate(text) if character in marks), len(text))
    return text[:index], text[index : index + 1], text[index + 1 :]


def unknown_key(key: str, path: str, known: Iterable[str], origin: str) -> Problem:
    """A key no field has, with the nearest that one has. Its value may be a secret: it is not shown."""
    if secret := _env_only_name(key):
        return Problem(origin, path, None, f"nothing here: it comes by the variable {secret} alone")
    names: dict[str, str] = {}
    for name in known:
        for spelling in (name, name.rpartition(".")[2]):
            names.setdefault(_letters(spelling), name)  # `ports`, not `recording.ports`
    near = nearest(_letters(key), names)
    return Problem(origin, path, None, "a known field" + (f", of which {names[near]} is the nearest" if near else ""))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of them that may have been meant; None where none is like it."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, known, n=1)), None)


def unknown_keys(paths: Sequence[Path], known: Iterable[str], at: Callable[[Path], str]) -> Iterator[Problem]:
    """The same for many keys of one place: comparing names takes its time, so of more than 20 the rest is counted."""
    known = list(known)
    for path in paths[:_MOST_UNKNOWN]:
        yield unknown_key(str(path[-1]), path_text(path), known, at(path))
    if (more := len(paths) - _MOST_UNKNOWN) > 0:
        yield Problem(at(paths[_MOST_UNKNOWN]), "", None, f"known fields alone; {more} more are not")


def _env_only_name(key: str) -> str | None:
    letters = _letters(key)
    return next((name for name in env_only() if _letters(name) == letters), None)


def _letters(name: str) -> str:
    """A name without what its spelling as key, variable or option changes."""
    return name.lower().replace("_", "").replace("-", "").replace(".", "").removeprefix("tcpsniffer/")
