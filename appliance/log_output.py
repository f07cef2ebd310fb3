"""Where the log's lines go: to a descriptor, in a thread of their own, so that a log nobody reads holds up nobody."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from appliance.descriptor import write_all

# Bytes of lines that may wait for whoever reads them.
ROOM = 1 << 20


class LogOutput:
    """What does not fit, or cannot be written, is counted; `lost` makes a line of the count, to stand in their place.

    `prepare` is the first thing that the thread does.
    """

    def __init__(self, fd: int, lost: Callable[[int], bytes], prepare: Callable[[], object]) -> None:
        self._fd = fd
        self._lost = lost
        self._prepare = prepare
        self._texts: deque[tuple[bytes, int]] = deque()  # and how many lines each stands for
        self._waiting = 0  # bytes, with those that are being written
        self._dropped = 0  # lines, since the last one that was taken
        self._cut = False  # what was written last has no end
        # Re-entrant: a finalizer may log in the midst of a line of this thread's.
        self._changed = threading.Condition()
        # A daemon: a write that never returns must not keep the process.
        threading.Thread(target=self._run, name="log", daemon=True).start()

    def put(self, line: bytes) -> None:
        """Once one is dropped, all are until those before it are written: so the count says what is missing where."""
        with self._changed:
            if self._waiting and (self._dropped or self._waiting + len(line) > ROOM):
                self._dropped += 1
                return
            self._tell_dropped()
            self._take(line, 1)

    def flush(self, patience: float) -> None:
        """Waits until all is written, for so many seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, patience)

    def _take(self, text: bytes, lines: int) -> None:
        self._texts.append((text, lines))
        self._waiting += len(text)
        self._changed.notify_all()

    def _tell_dropped(self) -> None:
        if self._dropped:
            self._take(self._lost(self._dropped), self._dropped)
            self._dropped = 0

    def _run(self) -> None:
        self._prepare()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._texts)
                text, lines = self._texts.popleft()
            written = self._write(text)
            with self._changed:
                self._waiting -= len(text)
                if not written:
                    self._dropped += lines  # told with the next line: it may well find room
                elif not self._waiting:
                    self._tell_dropped()
                self._changed.notify_all()

    def _write(self, text: bytes) -> bool:
        written, error = write_all(self._fd, b"\n" + text if self._cut else text)
        self._cut = error is not None and (self._cut or written > 0)
        return error is None
