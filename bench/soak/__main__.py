"""`scripts/soak HOURS`: directs a soak and writes its report. Runs in a network namespace of its own."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.generate import exchanges
from bench.network import Here, web_server
from bench.paced import Paced
from bench.report import Report
from bench.sniffer import Sniffer, running
from bench.soak import judge, page
from bench.soak.account import Account, listening
from bench.soak.background import Background
from bench.soak.course import Phase, course
from bench.soak.sampler import Life, Sample, sample
from bench.tools import CACHE, Tools

_TARGET, _COLLECTOR = 80, 81
_STATUS = "127.0.0.1:8082"
_REQUESTS_A_SECOND, _CONNECTIONS = 200, 50
_DRAIN = 300.0  # seconds at most until all that waits is delivered
_MIB = 1 << 20
MAX_MEMORY = 48 * _MIB
_OPTIONS = (
    f"--max-memory={MAX_MEMORY}",
    "--output-stdout",
    f"--output-url=http://127.0.0.1:{_COLLECTOR}/",
    "--output-batch-max-messages=100",
    "--output-timeout-ms=2000",
    f"--output-spool-max-bytes={2 << 30}",
    f"--status-listen={_STATUS}",
)


@dataclass
class Soak:
    """All that was seen."""

    phases: list[tuple[float, Phase]] = field(default_factory=list)  # by their beginning
    lives: list[Life] = field(default_factory=list)


def main() -> int:
    args = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    tools = Tools.found(args.sniffer, CACHE / "native")
    report = Report()
    report.heading(f"Soak: {args.hours:g} h, seed {args.seed}")
    with tempfile.TemporaryDirectory() as name, _traffic(Path(name), args.hours * 3600, args.seed) as background:
        soak = _direct(tools, background, args, Path(name) / "spool")
    judge.judge(report, soak.lives, background, MAX_MEMORY)
    reached = report.finish()
    page.write(args.report, f"Soak: {args.hours:g} h, seed {args.seed}", soak.phases, soak.lives, report)
    print(f"report: {args.report}")
    return 0 if reached else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("hours", type=float, metavar="HOURS", help="such as 24, or 0.1")
    parser.add_argument("--seed", type=int, default=1, help="of what happens when (default: %(default)s)")
    parser.add_argument("--every", type=float, default=5, metavar="SECONDS", help="a sample (default: %(default)s)")
    parser.add_argument("--report", type=Path, default=CACHE / "soak.html", help="(default: %(default)s)")
    parser.add_argument("--sniffer", default="tcp-sniffer", help="the command to run")
    args = parser.parse_args()
    if args.hours <= 0:
        parser.error("HOURS must be more than 0")
    return args


@contextlib.contextmanager
def _traffic(folder: Path, seconds: float, seed: int) -> Iterator[Background]:
    url = f"http://127.0.0.1:{_TARGET}/data.json"
    longest = 2 * seconds + _DRAIN
    with (
        web_server(Here(), folder, exchanges()[0].body),
        contextlib.closing(
            Paced(Here(), url, connections=_CONNECTIONS, rate=_REQUESTS_A_SECOND, seconds=longest, ramp=5)
        ),
        Background(_TARGET, _COLLECTOR, seed) as background,
    ):
        yield background


def _direct(tools: Tools, background: Background, args: argparse.Namespace, spool: Path) -> Soak:
    soak = Soak()
    began = time.monotonic()
    phases = list(course(args.hours * 3600, args.seed))
    while phases:
        with (
            listening(background.account) as made,
            running(
                tools, Here(), *_OPTIONS, f"--output-spool-directory={spool}", interface="lo", stdout=made
            ) as sniffer,
        ):
            soak.lives.append(life := Life())
            while phases and not life.ended:
                phase = phases.pop(0)
                soak.phases.append((at := time.monotonic() - began, phase))
                print(
                    f"{at:7.0f} s  the collector: {phase.mood}{phase.ending and f', then {phase.ending}'}", flush=True
                )
                background.change(phase.mood)
                _watch(sniffer, life, began, phase.seconds, args.every)
                if phase.ending and phases:
                    _end(sniffer, life, phase.ending, background.account)
            if not life.ended:
                background.change("well")
                _drain(sniffer, life, began, args.every)
                _end(sniffer, life, "SIGTERM", background.account)
    return soak


def _watch(sniffer: Sniffer, life: Life, began: float, seconds: float, every: float) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:  # its status server listens a moment after its capture opened
        time.sleep(min(every, left))
        try:
            life.samples.append(Sample(time.monotonic() - began, sample(sniffer.child, _STATUS)))
        except OSError as error:
            if life.samples or sniffer.child.ended():
                raise RuntimeError(f"the sniffer's status is gone: {error}") from error


def _drain(sniffer: Sniffer, life: Life, began: float, every: float) -> None:
    """Until the disk holds no more than what is on its way."""
    until = time.monotonic() + _DRAIN
    while time.monotonic() < until:
        _watch(sniffer, life, began, every, every)
        if life.samples and life.samples[-1].values["sink_spooled"] == 0:
            return


def _end(sniffer: Sniffer, life: Life, how: str, account: Account) -> None:
    if how == "SIGKILL":
        killed = time.time()
        sniffer.child.send(signal.SIGKILL)
        sniffer.child.wait()
        account.kill(killed, time.time())
    else:
        life.final = {"status": sniffer.stop().status, **sniffer.stats()}
    life.ended = how


if __name__ == "__main__":
    sys.exit(main())
