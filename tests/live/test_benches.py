"""scripts/bench and scripts/soak still work: they measure for seconds and write their reports. No figure is judged."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SNIFFER = f"--sniffer={sys.executable} -m appliance"
GOAL = re.compile(r"^(\w+: .*?)  +\S.*  (reached| MISSED)$", re.MULTILINE)
EVERY_MODULE = """
import importlib, pkgutil, bench
for module in pkgutil.walk_packages(bench.__path__, "bench."):
    importlib.import_module(module.name)
from bench import documented
documented.said()
"""


def python(library: Path, *arguments: str, prefix: tuple[str, ...] = ()) -> tuple[int, str]:
    """(its pid, what it said) of a command whose goals may be missed on a busy machine."""
    environment = {**os.environ, "TCP_SNIFFER_LIBRARY": str(library)}
    with subprocess.Popen(
        [*prefix, sys.executable, *arguments], cwd=ROOT, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        said, _ = process.communicate()
    assert process.returncode in (0, 1), said
    assert "Traceback" not in said, said
    return process.pid, said


def goals(said: str) -> dict[str, str]:
    """Of the closing table: whether each was reached."""
    return {what.strip(): verdict.strip() for what, verdict in GOAL.findall(said.partition("== Goals")[2])}


class Page(HTMLParser):
    """The cells of its table, and whether it has a plot."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.plots = 0
        self._tag = ""
        self.feed(text)

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        self._tag = tag
        self.plots += tag == "svg"

    def handle_data(self, data: str) -> None:
        if self._tag == "td":
            self.cells.append(data)


def test_every_module_of_the_benches(library: Path) -> None:
    """And docs/performance.md says how cost grows in the words that are compared with what is measured."""
    _, said = python(library, "-c", EVERY_MODULE)
    assert said == ""


def test_a_load_of_seconds(library: Path) -> None:
    pid, said = python(
        library, "-m", "bench", SNIFFER, "load", "--load-connections=50", "--load-seconds=12", "--pairs=0"
    )
    found = goals(said)
    assert found["load: requests that failed"] == "reached"
    assert found["load: what is missing is in the ledger"] == "reached"
    assert "load: memory's slope" in found
    left = subprocess.run(["ip", "netns", "list"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert f"-{pid}" not in left


@pytest.mark.timeout(400)  # what waits is delivered at the end, however busy the machine is
def test_a_soak_of_seconds(library: Path, tmp_path: Path) -> None:
    alone = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    report = tmp_path / "soak.html"
    _, said = python(
        library, "-m", "bench.soak", SNIFFER, "--every=0.5", f"--report={report}", str(20 / 3600), prefix=alone
    )
    found = goals(said)
    for what in (
        "ledgers that do not balance",
        "records made, a second before a kill, that did not come",
        "records that came and were not made, or with two keys",
    ):
        assert found[f"soak: {what}"] == "reached", said
    page = Page(report.read_text())
    assert set(found) <= set(page.cells)
    assert page.plots == 1


def test_a_surplus_does_not_hide_a_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside each there is one that a kill excuses."""
    monkeypatch.syspath_prepend(ROOT)
    from bench.soak.account import Account

    def record(name: str, second: float) -> bytes:
        when = datetime.fromtimestamp(second, UTC).isoformat()
        return json.dumps({"timestamp": when, "name": name}).encode()

    account = Account()
    account.kill(sent=10.5, died=10.6)
    for made in (record("delivered", 1), record("lost", 2), record("young", 10)):
        account.make(made)
    for came in (record("delivered", 1), record("invented", 2), record("young, too", 10)):
        account.come(came)
    assert (account.made, account.came, account.missing(), account.unknown()) == (3, 3, 1, 1)
