"""The server's TLS as a public scanner sees it: sslyze, against Mozilla's "intermediate" configuration."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from certificates import Authority
from conftest import Serve

SSLYZE = Path(__file__).parents[2] / ".cache" / "sslyze" / "bin" / "sslyze"
# An authority of its own is how a webhook is trusted. Python has no way to leave out OpenSSL's two slow curves.
ACCEPTED = {"certificate_path_validation", "tls_curves"}
REFUSED = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")


@pytest.mark.parametrize("asks", [False, True])
async def test_a_scanner_finds_nothing(serve: Serve, tmp_path: Path, asks: bool) -> None:
    serving = await serve(*([f"--client-ca={Authority(tmp_path).certificate}"] if asks else []))
    report = tmp_path / "report.json"
    process = await asyncio.create_subprocess_exec(
        *(SSLYZE, f"--json_out={report}", "--mozilla_config=intermediate", urlsplit(serving.url).netloc),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert "COMPLIANCE AGAINST TLS CONFIGURATION" in said.decode()
    objections = set(re.findall(r"^ +\* (\w+): ", said.decode().partition("COMPLIANCE AGAINST")[2], re.MULTILINE))
    assert objections == ACCEPTED
    assert_nothing_found(json.loads(report.read_text())["server_scan_results"][0])


def assert_nothing_found(scan: dict[str, Any]) -> None:
    assert scan["scan_status"] == "COMPLETED"
    found = {name: one["result"] for name, one in scan["scan_result"].items() if one and one["status"] == "COMPLETED"}
    for version in REFUSED:
        assert found[f"{version}_cipher_suites"]["is_tls_version_supported"] is False
    for version in ("tls_1_2", "tls_1_3"):
        accepted = [one["cipher_suite"]["name"] for one in found[f"{version}_cipher_suites"]["accepted_cipher_suites"]]
        assert accepted
        assert all(
            name.startswith(("TLS_ECDHE_", "TLS_AES_", "TLS_CHACHA20_")) and "CBC" not in name for name in accepted
        )
    assert found["tls_compression"]["supports_compression"] is False
    assert found["openssl_ccs_injection"]["is_vulnerable_to_ccs_injection"] is False
    assert found["heartbleed"]["is_vulnerable_to_heartbleed"] is False
    assert found["robot"]["robot_result"].startswith("NOT_VULNERABLE")
    assert found["session_renegotiation"]["is_vulnerable_to_client_renegotiation_dos"] is False
    assert found["session_renegotiation"]["supports_secure_renegotiation"] is True
    assert found["tls_fallback_scsv"]["supports_fallback_scsv"] is True
