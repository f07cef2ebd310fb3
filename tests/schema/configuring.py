"""The types of this folder's fixtures, and where the repository is."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from appliance.config import Settings

ROOT = Path(__file__).parents[2]

Load = Callable[..., Settings]
Mistakes = Callable[..., list[str]]
Command = Callable[..., subprocess.CompletedProcess[str]]
