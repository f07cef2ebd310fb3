"""A replay to stdout alone: read a batch, write a batch."""

from __future__ import annotations

import select
import sys
from typing import TYPE_CHECKING

from appliance.engine import OK
from appliance.ledger import SinkLedger
from appliance.sinks.stdout import Render, StdoutWriter

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
        print(f"tcp-sniffer: standard output takes no more records: {error.strerror}", file=sys.stderr)
        engine.stop()

    writer = StdoutWriter(sys.stdout.fileno(), SinkLedger(), on_error, render)
    signals.on_stop(engine.stop)
    status = _copy(engine, writer if settings.values["outputStdout"] else None, progress)
    writer.end()
    if status != OK:
        raise engine.error(status)
    return 1 if writer.closed else 0


def _copy(engine: Engine, writer: StdoutWriter | None, progress: Progress | None) -> int:
    """Until the capture's end; returns its status."""
    poller = select.poll()
    poller.register(engine.event_fd, select.POLLIN)
    while True:
        # Asked before the last read: what is finished in between announces itself.
        status = engine.finished()
        while batch := engine.read():
            if writer is not None:
                writer.write(batch.data, batch.count)
            batch.release()
        if status is not None:
            return status
        if progress is not None:
            progress.show(engine.stats())
        poller.poll(_LOOK_EVERY_MS)
        engine.acknowledge()
