"""`tcp-sniffer timing` of any file writes tables, or says in a line what is wrong with it."""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports():
    from appliance.cli import main

FILE = Path(tempfile.mkdtemp()) / "any.pcap"
CODES = (0, 1, 2)


def enter(data: bytes) -> None:
    FILE.write_bytes(data)
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        try:
            code = main(["timing", str(FILE)])
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
    assert code in CODES, code
    assert "Traceback" not in errors.getvalue()
    assert (code == 0) or errors.getvalue().strip()


if __name__ == "__main__":
    atheris.Setup(sys.argv, enter)
    atheris.Fuzz()
