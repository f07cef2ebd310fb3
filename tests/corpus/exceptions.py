"""Expected messages of the corpus that are wrong, and why: (capture, frame, direction) to the reason.

One that no longer differs fails the check, so that this list does not outlive its reasons.
"""

from __future__ import annotations

EXCEPTIONS: dict[tuple[str, int, str], str] = {}
