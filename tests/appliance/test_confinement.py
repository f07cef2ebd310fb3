"""A sniffer that captures has nothing left that is worth taking over."""

from __future__ import annotations

from pathlib import Path

from servers import get, unused_port
from sniffing import Sniffing

NOTHING = "0" * 16


def status(task: Path) -> dict[str, str]:
    lines = (task / "status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


async def test_no_thread_keeps_a_privilege(tmp_path: Path, target: int) -> None:
    """With all that starts threads: the recorder, its index, the name's resolution for a POST, the writer of
    stdout, the spool."""
    options = ["--ports", str(target), "--output-stdout", "--output-url", f"http://localhost:{unused_port()}/"]
    options += ["--status-listen", f"127.0.0.1:{unused_port()}"]
    options += ["--output-spool-directory", str(tmp_path / "spool")]
    options += ["--recording", f"--recording-directory={tmp_path}"]
    options += ["--recording-stream-listen", f"127.0.0.1:{unused_port()}"]
    async with Sniffing(tmp_path / "s", *options) as sniffing:
        await sniffing.until_event("start")
        await get(target)
        await sniffing.until_records(2)
        process = Path("/proc", str(sniffing.process.pid))
        threads = [status(task) for task in (process / "task").iterdir()]
        assert len(threads) > 4
        for thread in threads:
            for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                assert thread[kind] == NOTHING, thread
            assert thread["NoNewPrivs"] == "1"
            assert thread["Seccomp"] == "2"  # a filter
        (core,) = (line for line in (process / "limits").read_text().splitlines() if line.startswith("Max core"))
        assert core.split()[4:6] == ["0", "0"]
        assert not sniffing.events("not_confined")
        await sniffing.until_event("post_spooled")  # the disk takes what nobody else does, behind the filter
        assert await sniffing.stop() == 0
        assert sniffing.sink("http")["spooled"] > 0
