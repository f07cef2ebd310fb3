"""Writing to a descriptor that others may share."""

from __future__ import annotations

import os
import select


def write_all(fd: int, text: bytes | memoryview) -> tuple[int, OSError | None]:
    """Waits for room where there is none. Returns how many bytes were written, and what ended it before the end."""
    rest = memoryview(text)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            # Somebody who shares the descriptor made it non-blocking.
            _wait_writable(fd)
        except OSError as error:
            return len(text) - len(rest), error
    return len(text), None


def _wait_writable(fd: int) -> None:
    poller = select.poll()
    poller.register(fd, select.POLLOUT)
    poller.poll()
