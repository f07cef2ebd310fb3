"""A replay to stdout alone: read a batch, write a batch."""

from __future__ import annotations

import select
import sys
from typing import TYPE_CHECKING

from appliance.cli.plain_log import PlainLog
from appliance.engine import OK
from appliance.events import EventLog
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
    log = PlainLog(settings, progress)

    def on_error(error: OSError) -> None:
        log.say("error", "standard output takes no more records", {"event": "sink_closed", "error": error.strerror})
        engine.stop()

    ledger = SinkLedger()
    writer = Writer(sys.stdout.fileno(), ledger, on_error, render)
    signals.on_stop(engine.stop)
    wanted = settings.values["outputStdout"]
    events = EventLog(log.say)
    status = _copy(engine, writer if wanted else None, ledger, events, progress)
    writer.end()
    events.flush()
    stats = engine.stats() | {"sinks": {"stdout": ledger.snapshot()} if wanted else {}}
    log.say("info", "the replay ended", {"event": "stats", "final": True, "stats": stats})
    if status != OK:
        raise engine.error(status)
    return 1 if writer.closed else 0


def _copy(
    engine: Engine, writer: Writer | None, ledger: SinkLedger, events: EventLog, progress: Progress | None
) -> int:
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
        events.write(engine.events())
        if status is not None:
            return status
        if progress is not None:
            progress.show(engine.stats())
        poller.poll(_LOOK_EVERY_MS)
        engine.acknowledge()
