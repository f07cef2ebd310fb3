"""`tcp-sniffer timing`: who waited for whom, in capture files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from appliance import exit_codes, extras
from appliance.cli.numbers import number, ports, whole

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

_DAY_MS = 86_400_000
_MANY = 1_000_000_000


def register(parser: ArgumentParser) -> None:
    parser.description = (
        "Reads capture files as one stream, and says who sent when: per packet, turn, connection, user and path."
        " Prints tables; with one of the outputs below that instead. Needs the extra `analysis`."
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="a capture file, or a folder of such")
    reading = parser.add_argument_group("reading")
    reading.add_argument(
        "--ports", type=ports, default=["1-65535"], metavar="PORTS", help="the servers' ports: 80,8000-8100 (all)"
    )
    reading.add_argument("--filter", metavar="BPF", help="only packets that match (pcap-filter(7))")
    reading.add_argument("--anonymize", action="store_true", help="replace the addresses, keeping common prefixes")
    reading.add_argument(
        "--packets", action="store_true", help="a row for each packet too, in --json, --csv, --parquet"
    )
    reading.add_argument(
        "--burst-ms", type=number(0, _DAY_MS), default=100, metavar="MS", help="longest pause in a burst (100)"
    )
    reading.add_argument(
        "--burst-requests", type=whole(1, _MANY), default=5, metavar="N", help="fewest requests of a burst (5)"
    )
    output = parser.add_argument_group("output")
    output.add_argument(
        "--top", type=whole(1, _MANY), default=20, metavar="N", help="rows of each table on the terminal (20)"
    )
    output.add_argument("--json", action="store_true", help="all tables as one JSON object on stdout")
    output.add_argument("--csv", metavar="FOLDER", help="a CSV file of each table")
    output.add_argument("--parquet", metavar="FOLDER", help="a Parquet file of each table")
    output.add_argument("--html", metavar="FILE", help="one page with plots, which needs no other file")
    machine = parser.add_argument_group("machine")
    machine.add_argument(
        "--memory", default="1GiB", metavar="SIZE", help="of the database; the rest goes to disk (1GiB)"
    )
    machine.add_argument("--temp", metavar="FOLDER", help="where that disk is (the system's)")
    machine.add_argument(
        "--cluster", metavar="ADDRESS", help="read the files on the workers of this Dask scheduler (extra `cluster`)"
    )
    parser.set_defaults(handler=_timing)


def _timing(args: Namespace) -> int:
    from appliance import failure
    from appliance.engine import EngineError
    from appliance.shared_library import LibraryError

    try:
        from appliance.timing import failures
        from appliance.timing.run import run
    except ImportError as error:
        return _fail(extras.missing(error, "analysis"), exit_codes.OTHER)
    if args.cluster and (args.packets or args.html):
        return _fail("--cluster gives no packets: leave out --packets and --html", exit_codes.CONFIGURATION)
    try:
        return run(args)
    except ImportError as error:
        return _fail(extras.missing(error, "cluster"), exit_codes.OTHER)
    except (EngineError, LibraryError) as error:
        return _fail(str(error), failure.exit_code(error))
    except failures.INPUT as error:
        return _fail(str(error), exit_codes.CONFIGURATION)
    except BrokenPipeError:
        raise  # cli/__init__.py knows what to do
    except failures.OTHER as error:
        return _fail(failures.sentence(error), exit_codes.OTHER)


def _fail(sentence: str, code: int) -> int:
    print(f"tcp-sniffer: {sentence}", file=sys.stderr)
    return code
