"""`scripts/bench`: measures, prints tables, and ends with an error where a goal is missed."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from bench import live, load, memory, outage, recording, replay, shutdown, startup, timing, webhook
from bench.report import Report
from bench.tools import CACHE, Tools

PARTS = (
    "replay",
    "live",
    "load",
    "memory",
    "startup",
    "shutdown",
    "recording",
    "timing",
    "webhook",
    "outage",
    "growth",
)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--sniffer", default="tcp-sniffer", help="the command to measure")
    parser.add_argument("--native", type=Path, default=CACHE / "native", help="the folder of the native programs")
    parser.add_argument("--rounds", type=int, default=5, help="runs of a replay and a start (default: %(default)s)")
    parser.add_argument("--live-rounds", type=int, default=3, help="runs under load (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=20, help="of each load (default: %(default)s)")
    parser.add_argument("--load-seconds", type=float, default=600, help="of the steady load (default: %(default)s)")
    parser.add_argument(
        "--load-connections", type=int, default=load.CONNECTIONS, help="of the steady load (default: %(default)s)"
    )
    parser.add_argument(
        "--pairs", type=int, default=7, help="of latencies, with and without the sniffer (default: %(default)s)"
    )
    parser.add_argument("--in-flight", type=int, default=500, help="a replay's open connections (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=20, help="of a sniffer that writes to disk (default: %(default)s)")
    parser.add_argument(
        "--outage-seconds", type=float, default=600, help="in which the collector is dead (default: %(default)s)"
    )
    parser.add_argument(
        "--endless", type=float, default=107.4, metavar="GB", help="onto a volume of a hundredth (default: %(default)s)"
    )
    parser.add_argument(
        "--picture", type=Path, default=CACHE / "cost.svg", help="where growth is drawn (default: %(default)s)"
    )
    parser.add_argument("--no-peers", action="store_true", help="without tshark and tcpflow, which take minutes")
    args = parser.parse_args()
    unknown = [part for part in args.parts if part not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}")
    return args


def _growth(report: Report, tools: Tools, args: argparse.Namespace) -> None:
    from bench import growth  # what draws takes long to import

    growth.run(report, tools, seconds=args.seconds / 4, picture=args.picture)


def main() -> int:
    args = _arguments()
    # What was started is ended then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    tools = Tools.found(args.sniffer, args.native)
    report = Report()
    runs = {
        "replay": lambda: replay.run(
            report, tools, rounds=args.rounds, in_flight=args.in_flight, peers=not args.no_peers
        ),
        "live": lambda: live.run(report, tools, rounds=args.live_rounds, seconds=args.seconds),
        "load": lambda: load.run(
            report, tools, seconds=args.load_seconds, pairs=args.pairs, connections=args.load_connections
        ),
        "memory": lambda: memory.run(report, tools),
        "startup": lambda: startup.run(report, tools, rounds=args.rounds),
        "shutdown": lambda: shutdown.run(report, tools),
        "recording": lambda: recording.run(
            report, tools, rounds=args.live_rounds, seconds=args.seconds, kills=args.kills, gigabytes=args.endless
        ),
        "timing": lambda: timing.run(report, tools, rounds=args.rounds),
        "webhook": lambda: webhook.run(report, seconds=args.seconds),
        "outage": lambda: outage.run(report, tools, seconds=args.outage_seconds, kills=args.kills),
        "growth": lambda: _growth(report, tools, args),
    }
    for part in args.parts or PARTS:
        runs[part]()
    return 0 if report.finish() else 1


if __name__ == "__main__":
    sys.exit(main())
