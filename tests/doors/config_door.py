"""A configuration file of any bytes is a configuration, or a ConfigError that says what is wrong."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports():
    import yaml

    from appliance.config import ConfigError, gather

FILE = Path(tempfile.mkdtemp()) / "any.yaml"


def enter(data: bytes) -> None:
    FILE.write_bytes(data)
    try:
        gather(str(FILE), {}, {}).validate().engine_json()
    except ConfigError as error:
        assert error.problems
        assert "Traceback" not in str(error)


if __name__ == "__main__":
    assert yaml.__version__
    atheris.Setup(sys.argv, enter)
    atheris.Fuzz()
