"""A recording's folder: the files, and what index.jsonl says of them."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

INDEX = "index.jsonl"
_NAME = re.compile(r"(?P<prefix>.+?)(\.(?P<sequence>[0-9]{4,}))?\.pcap(ng)?(\.(zst|gz))?")


class FolderError(Exception):
    """The folder or its index cannot be read, or holds no recording."""


@dataclass(frozen=True)
class Recorded:
    """One file. `sequence` is None for the file that is being written; `facts` is its line of the index."""

    path: Path
    prefix: str
    sequence: int | None
    bytes: int
    facts: dict[str, Any] = field(default_factory=dict)


def recorded_files(name: str) -> list[Recorded]:
    """Every recording in the folder, by prefix and number, the open file of each prefix last. Raises FolderError."""
    folder = Path(name)
    files = _recordings(folder, _index(folder))
    if not files:
        raise FolderError(f"there is no recording in {folder}")
    return sorted(files, key=lambda file: (file.prefix, file.sequence is None, file.sequence or 0))


def problems(folder: str) -> list[str]:
    """What is wrong with the folder's files, one sentence each: also which are missing, but for those older than the
    oldest, which were deleted to make room.

    Raises FolderError.
    """
    found: list[str] = []
    before: dict[str, int] = {}
    for file in recorded_files(folder):
        if file.sequence is None:
            continue
        last = before.get(file.prefix)
        if last is not None and file.sequence != last + 1:
            found.append(f"{file.path.name}: the files {last + 1} to {file.sequence - 1} before it are missing")
        before[file.prefix] = file.sequence
        found.extend(_faults(file))
    # The index is written when a file has its number, so it may know of newer ones than are here.
    for name in _index(Path(folder)):
        match = _NAME.fullmatch(name)
        if match and match["sequence"] and int(match["sequence"]) > before.get(match["prefix"], 0):
            found.append(f"{name}: it is in {INDEX}, and missing")
    return found


def _faults(file: Recorded) -> list[str]:
    if not file.facts:
        return [f"{file.path.name}: not in {INDEX}: it may still be hashed, or come from elsewhere"]
    try:
        with file.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        return [f"{file.path.name}: {error.strerror}"]
    if digest != file.facts.get("sha256"):
        return [f"{file.path.name}: its SHA-256 is {digest}, the index has {file.facts.get('sha256')}"]
    return []


def _index(folder: Path) -> dict[str, dict[str, Any]]:
    try:
        lines = (folder / INDEX).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except NotADirectoryError as error:
        raise FolderError(f"{folder}: not a folder; name the one that recording.directory names") from error
    except (OSError, UnicodeDecodeError) as error:
        raise FolderError(f"{folder / INDEX}: {error}") from error
    facts: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(lines, 1):
        try:
            entry = _entry(line)
        except ValueError as error:
            raise FolderError(f"{folder / INDEX}:{number}: no line of an index: {error}") from error
        facts[entry["name"]] = entry
    return facts


def _entry(line: str) -> dict[str, Any]:
    """Raises ValueError."""
    entry = json.loads(line)
    texts = ("name", "firstTime", "lastTime", "sha256")
    if not isinstance(entry, dict) or not all(isinstance(entry.get(name), str) for name in texts):
        raise ValueError(f"expected an object with {', '.join(texts)}")
    return entry


def _recordings(folder: Path, facts: dict[str, dict[str, Any]]) -> list[Recorded]:
    try:
        found = [_recorded(path, facts) for path in folder.iterdir()]
    except OSError as error:
        raise FolderError(f"{folder}: {error.strerror}; name the folder that recording.directory names") from error
    return [file for file in found if file is not None]


def _recorded(path: Path, facts: dict[str, dict[str, Any]]) -> Recorded | None:
    match = _NAME.fullmatch(path.name)
    if match is None or path.name.startswith("."):
        return None
    try:
        status = path.stat()
    except FileNotFoundError:  # deleted meanwhile, to make room
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    sequence = int(match["sequence"]) if match["sequence"] else None
    return Recorded(path, match["prefix"], sequence, status.st_size, facts.get(path.name, {}))
