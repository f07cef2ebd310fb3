"""Which capture files, and in which order: that of their packets."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from appliance.timing.library import first_packet_time

_SUFFIXES = (".pcap", ".pcapng", ".cap")
_COMPRESSED = (".gz", ".zst")


class NoCaptureError(Exception):
    """What was named holds no capture file."""


def in_time_order(named: Iterable[str]) -> list[str]:
    """The files, and the capture files of the folders, that were named, by their first packet's time.

    A recording that was rotated has its files in sequence so, whatever the order on the command line.
    Files of one time stay in the order of their names. Raises NoCaptureError, and EngineError where one
    cannot be read.
    """
    files = [file for name in named for file in _files_of(name)]
    if not files:
        raise NoCaptureError("no capture file was named")
    times = {file: first_packet_time(file) for file in files}
    # One without packets tells nothing of time: it goes last.
    return sorted(times, key=lambda file: (times[file] is None, times[file] or 0, file))


def _files_of(name: str) -> list[str]:
    folder = Path(name)
    if not folder.is_dir():
        return [name]
    files = sorted(str(path) for path in folder.iterdir() if path.is_file() and _is_capture(path))
    if not files:
        raise NoCaptureError(
            f"{name}: there is no capture file in this folder ({', '.join(_SUFFIXES)}, also compressed)"
        )
    return files


def _is_capture(path: Path) -> bool:
    name = path.name
    for suffix in _COMPRESSED:
        name = name.removesuffix(suffix)
    return name.endswith(_SUFFIXES)
