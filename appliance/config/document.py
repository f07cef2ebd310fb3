"""A configuration file: what it holds, where it stands and what is wrong with it."""

from __future__ import annotations

import os
from typing import Any

from appliance.config.fields import Path
from appliance.config.problems import Problem, Source

# A ConfigMap holds at most 1 MiB.
MAX_SIZE = 1 << 20


class Document:
    """The values of a file, or of a caller of the library, who has no lines."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.values: dict[str, Any] = {}
        self.lines: dict[Path, int] = {}
        self.readable = True

    @property
    def source(self) -> Source:
        return Source(self.name, self.lines)

    def refuse(self, expected: str, position: str = "") -> None:
        """The file as a whole is of no use; `position` is `:line:column` where that is known."""
        self.problems.append(Problem(self.name + position, "", None, expected))
        self.readable = False


def read(name: str, *, named: bool) -> Document:
    """The file called `name`. Only one that somebody named must be there and hold something."""
    document = Document(name)
    try:
        with open(name, "rb", opener=_open_at_once) as file:
            os.set_blocking(file.fileno(), True)
            data = file.read(MAX_SIZE + 1)
    except FileNotFoundError:
        if named:
            document.refuse("a file that exists")
        return document
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        document.refuse(f"a file that can be read ({reason})")
        return document
    _parse(document, data)
    if named and document.readable and not document.values and not document.problems:
        document.refuse("a file that is not empty")
    return document


def _open_at_once(name: str, flags: int) -> int:
    """Of a FIFO that nobody writes to, too: it is empty. To wait for a writer would be to be deaf to SIGTERM."""
    return os.open(name, flags | os.O_NONBLOCK)


def from_text(name: str, text: str) -> Document:
    """What a ConfigMap holds, before anybody mounts it; `name` is for the errors."""
    document = Document(name)
    _parse(document, text.encode("utf-8", "surrogatepass"))
    return document


def _parse(document: Document, data: bytes) -> None:
    if len(data) > MAX_SIZE:
        document.refuse(f"a file of at most {MAX_SIZE} bytes")
    elif data.strip():
        # PyYAML takes longer to import than all the rest of the configuration.
        from appliance.config.yaml_values import parse

        parse(document, data)
