"""Start fast and stay small: what is loaded when, and how much of it stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from servers import Collector, get, unused_port
from sniffing import Sniffing, until

HEAVY = ("asyncio", "jsonschema", "aiohttp", "uvloop", "logging", "pythonjsonlogger", "ssl", "pathlib")
CPU = 0.2  # seconds; a machine at rest needs half of it
MIB = 1024

AT_OPEN = """
import json, os, sys, time
from appliance import engine
def report(config):
    print(json.dumps({"modules": sorted(sys.modules), "cpu": time.process_time()}), flush=True)
    os._exit(0)
engine.Engine.open = report
from appliance.cli import main
main()
"""


def at_open(*arguments: str) -> tuple[set[str], float]:
    done = subprocess.run(
        [sys.executable, "-c", AT_OPEN, *arguments], capture_output=True, text=True, check=True, timeout=30
    )
    report = json.loads(done.stdout)
    return set(report["modules"]), report["cpu"]


def test_nothing_heavy_is_loaded_before_the_capture_opens(tmp_path: Path) -> None:
    config = tmp_path / "sniffer.yaml"
    config.write_text("ports: [8080]\noutputStdout: true\noutputUrl: https://collector.example/\n")
    modules, _ = at_open("run", "--config", str(config))
    assert not modules.intersection(HEAVY)
    assert min(at_open("run", "--config", str(config))[1] for _ in range(3)) < CPU


def test_nor_for_a_replay() -> None:
    modules, _ = at_open("replay", "some.pcap", "--ports", "8080")
    assert not modules.intersection(HEAVY)


def test_a_replay_to_stdout_does_without_an_event_loop(tmp_path: Path) -> None:
    code = f"import sys, runpy; sys.argv = ['x', 'replay', {str(tmp_path / 'no.pcap')!r}, '--ports', '80']"
    code += "\ntry: runpy.run_module('appliance', run_name='__main__')\nfinally: print('asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert done.stdout.strip() == "False"


def resident(sniffing: Sniffing) -> int:
    """KiB, the kernel's ring included where it was touched."""
    status = of_process(sniffing, "status")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))


def of_process(sniffing: Sniffing, file: str) -> str:
    return Path(f"/proc/{sniffing.process.pid}/{file}").read_text(encoding="utf-8")


async def test_memory_with_stdout_alone(tmp_path: Path, target: int) -> None:
    async with Sniffing(tmp_path / "s", "--ports", str(target), "--output-stdout") as sniffing:
        await sniffing.until_event("start")
        await get(target, 100)
        await sniffing.until_records(200)
        assert resident(sniffing) <= 48 * MIB
        loaded = of_process(sniffing, "maps")
        assert await sniffing.stop() == 0
    assert "aiohttp" not in loaded


async def test_memory_with_a_collector_and_status(tmp_path: Path, target: int, collector: Collector) -> None:
    options = ["--output-stdout", "--output-url", collector.url, "--status-listen", f"127.0.0.1:{unused_port()}"]
    async with Sniffing(tmp_path / "s", "--ports", str(target), *options) as sniffing:
        await sniffing.until_event("start")
        await get(target, 100)
        await until(lambda: len(collector.records) == 200, "the records")
        assert resident(sniffing) <= 56 * MIB
        assert "sqlite" not in of_process(sniffing, "maps")  # without a spool
        assert await sniffing.stop() == 0


def test_a_file_that_a_killed_sniffer_left_does_not_make_the_next_one_ready(tmp_path: Path) -> None:
    """It is gone before the capture opens, which may take its time."""
    left = tmp_path / "capture-open"
    left.touch()
    code = f"""
import os, sys
from appliance import engine
engine.Engine.open = lambda _: os._exit(os.path.exists({str(left)!r}))
from appliance.cli import main
main(["run", "--ports", "80"])
"""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False, timeout=30).returncode == 0


def test_the_ready_file_in_its_own_folder() -> None:
    """Without TMPDIR it is under /run/tcp-sniffer."""
    env = {name: value for name, value in os.environ.items() if name != "TMPDIR"}
    code = "from appliance import ready; print(ready.folder())"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "/run/tcp-sniffer"
