"""A replay to stdout alone: read a batch, write a batch."""

from __future__ import annotations

import json
import select
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from appliance.engine import OK
from appliance.ledger import SinkLedger
from appliance.sinks.writer import Render, Writer

if TYPE_CHECKING:
    from appliance.cli.progress import Progress
    from appliance.cli.signals import Signals
    from appliance.config import Settings
    from appliance.engine import Engine

_LOOK_EVERY_MS = 200


def deliver(
    settings: Settings, engine: Engine, signals: Signals, render: Render | None, progress: Progress | None
) -> int:
    def on_error(error: OSError) -> None:
        _say("error", "standard output takes no more records", event="sink_closed", error=error.strerror)
        engine.stop()

    ledger = SinkLedger()
    writer = Writer(sys.stdout.fileno(), ledger, on_error, render)
    signals.on_stop(engine.stop)
    wanted = settings.values["outputStdout"]
    status = _copy(engine, writer if wanted else None, ledger, progress)
    writer.end()
    stats = engine.stats() | {"sinks": {"stdout": ledger.snapshot()} if wanted else {}}
    if progress is not None:
        progress.end()
    elif settings.values["logLevel"] in ("debug", "info"):
        _say("info", "the replay ended", event="stats", final=True, stats=stats)
    if status != OK:
        raise engine.error(status)
    return 1 if writer.closed else 0


def _copy(engine: Engine, writer: Writer | None, ledger: SinkLedger, progress: Progress | None) -> int:
    """Until the capture's end; returns its status."""
    poller = select.poll()
    poller.register(engine.event_fd, select.POLLIN)
    while True:
        # Asked before the last read: what is finished in between announces itself.
        status = engine.finished()
        while batch := engine.read():
            if writer is not None:
                ledger.produce(batch.count)
                writer.write(batch.data, batch.count)
            batch.release()
        if status is not None:
            return status
        if progress is not None:
            progress.show(engine.stats())
        poller.poll(_LOOK_EVERY_MS)
        engine.acknowledge()


def _say(level: str, message: str, **fields: Any) -> None:
    """A log line like all others, without what the logging modules would add to a short run."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    print(json.dumps({"timestamp": now, "level": level, "message": message, **fields}), file=sys.stderr)
