"""`tcp-sniffer recordings`: what lies in a recording's folder, and files made of it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from appliance import exit_codes
from appliance.cli.numbers import ports
from appliance.engine import EngineError
from appliance.shared_library import LibraryError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

_KEY = "RECORDING_ANONYMIZE_KEY"
_FOUND = 1  # exit code of `verify` where something is wrong


def register(parser: ArgumentParser) -> None:
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, handler, help_text in (
        ("list", _list, "the files of a folder, with what its index says"),
        ("verify", _verify, "compare each file with the index's SHA-256, and look for missing numbers"),
    ):
        command = commands.add_parser(name, help=help_text, description=help_text.capitalize() + ".")
        command.add_argument("folder", nargs="?", default="/captures", metavar="FOLDER", help="(default: /captures)")
        command.set_defaults(handler=handler)
    for name, help_text in (
        ("export", "one file of all recordings of a folder, or of the files named"),
        ("merge", "one file of several, in the order of time"),
    ):
        command = commands.add_parser(name, help=help_text, description=help_text.capitalize() + ".")
        command.add_argument("paths", nargs="+", metavar="PATH", help="capture files, or folders of recordings")
        command.add_argument("-o", "--output", required=True, metavar="FILE", help="the new file (.pcap or .pcapng)")
        command.set_defaults(handler=_write, anonymize=False, ports=[])
        if name == "export":
            command.add_argument(
                "--anonymize",
                action="store_true",
                help=f"replace addresses, prefixes kept, and clients' ports, by the key of the variable {_KEY}",
            )
            command.add_argument(
                "--ports", type=ports, default=[], metavar="A,B,…", help="the servers' ports, which stay"
            )


def _list(args: Namespace) -> int:
    from appliance.recording.folder import FolderError, recorded_files

    try:
        files = recorded_files(args.folder)
    except FolderError as error:
        return _fail(str(error))
    for file in files:
        facts: dict[str, Any] = file.facts
        times = f"{facts['firstTime']} {facts['lastTime']}" if facts else "not in the index"
        packets = facts.get("packets", "-")
        number = "open" if file.sequence is None else str(file.sequence)
        print(f"{number:>6} {file.bytes:>12} {packets:>9} {times:<61} {file.path.name}".rstrip())
    return 0


def _verify(args: Namespace) -> int:
    from appliance.recording.folder import FolderError, problems

    try:
        found = problems(args.folder)
    except FolderError as error:
        return _fail(str(error))
    for problem in found:
        print(problem)
    return _FOUND if found else 0


def _write(args: Namespace) -> int:
    from appliance import failure
    from appliance.recording.folder import FolderError

    recording: dict[str, Any] = {"format": "pcapng" if args.output.endswith(".pcapng") else "pcap"}
    if args.anonymize:
        key = os.environ.get(_KEY, "").strip()
        if not key:
            return _fail(f"--anonymize needs a key of 64 hexadecimal digits in the variable {_KEY}")
        recording |= {"anonymize": "prefix-preserving", "anonymizeKey": key}
    if args.ports:
        recording["ports"] = args.ports
    try:
        files = [file for path in args.paths for file in _files(path)]
        from appliance import engine

        packets = engine.merge({"files": files, "output": args.output, "recording": recording})
    except FolderError as error:
        return _fail(str(error))
    except (EngineError, LibraryError) as error:
        print(f"tcp-sniffer: {error}", file=sys.stderr)
        return failure.exit_code(error)
    print(f"{packets} packets of {len(files)} files in {args.output}", file=sys.stderr)
    return 0


def _files(path: str) -> Iterator[str]:
    """The recordings of a folder, or the file itself. Raises FolderError."""
    from pathlib import Path

    from appliance.recording.folder import recorded_files

    if Path(path).is_dir():
        yield from (str(file.path) for file in recorded_files(path))
    else:
        yield path


def _fail(sentence: str) -> int:
    print(f"tcp-sniffer: {sentence}", file=sys.stderr)
    return exit_codes.CONFIGURATION
