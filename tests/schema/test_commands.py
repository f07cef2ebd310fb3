"""`tcp-sniffer config validate|show|reference`, each in a process of its own, and the documents they keep."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest
import yaml
from configuring import ROOT, Command, Load

from appliance.config import add_options, overrides_from
from appliance.config.fields import fields

NO_FILTER = "can't parse filter expression: syntax error"


def test_validate_says_that_files_are_valid(command: Command) -> None:
    Path("a.yaml").write_text("ports: [80]")
    Path("b.yaml").write_text("ports: [81]")
    done = command("validate", "a.yaml", "b.yaml")
    assert (done.returncode, done.stdout, done.stderr) == (0, "a.yaml: valid\nb.yaml: valid\n", "")


def test_validate_reports_every_mistake_of_every_file(command: Command) -> None:
    Path("good.yaml").write_text("ports: [80]")
    Path("bad.yaml").write_text("ports: [80]\nmaxBody: 1\nlogLevel: loud\n")
    done = command("validate", "bad.yaml", "good.yaml", "absent.yaml")
    assert done.returncode == 2
    assert done.stdout == "good.yaml: valid\n"
    assert done.stderr.splitlines() == [
        "bad.yaml:2: maxBody: expected a known field, of which maxBodySize is the nearest",
        'bad.yaml:3: logLevel: expected one of debug, info, warning, error, got "loud"',
        "absent.yaml: expected a file that exists",
    ]


def test_validate_takes_variables_and_options_as_run_would(command: Command) -> None:
    Path("a.yaml").write_text("logLevel: info")
    assert command("validate", "a.yaml").returncode == 2
    assert command("validate", "a.yaml", PORTS="80").returncode == 0
    assert command("validate", "--ports", "80", "a.yaml").returncode == 0


@pytest.mark.parametrize("field", ["captureFilter", "recording.filter"])
def test_validate_compiles_filters(command: Command, field: str) -> None:
    line = "captureFilter: {}" if field == "captureFilter" else "recording: {{enabled: true, filter: {}}}"
    Path("good.yaml").write_text("ports: [80]\n" + line.format("host 10.0.0.1"))
    Path("bad.yaml").write_text("ports: [80]\n" + line.format("host or"))
    done = command("validate", "good.yaml", "bad.yaml")
    assert (done.returncode, done.stdout) == (2, "good.yaml: valid\n")
    assert done.stderr == f'bad.yaml:2: {field}: expected a filter that compiles ({NO_FILTER}), got "host or"\n'


def test_validate_reports_filters_and_tls_files_with_the_rest(command: Command) -> None:
    """Each with its origin, beside what the schema finds."""
    Path("sniffer.yaml").write_text(
        "ports: [80]\nsampleRate: 3\noutputUrl: https://h/\noutputCaFile: /nope\noutputClientCertFile: junk.pem\n"
    )
    Path("junk.pem").write_text("junk")
    done = command("validate", "--capture-filter", "bogus (", "sniffer.yaml", OUTPUT_CLIENT_KEY_FILE="/no.key")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "sniffer.yaml:2: sampleRate: expected a number from 0 to 1, got 3",
        f'option --capture-filter: captureFilter: expected a filter that compiles ({NO_FILTER}), got "bogus ("',
        'sniffer.yaml:4: outputCaFile: expected a PEM file that can be used (No such file or directory), got "/nope"',
        "sniffer.yaml:5: outputClientCertFile: expected a PEM file that can be used (NO_CERTIFICATE_OR_CRL_FOUND), "
        'got "junk.pem"',
        "environment OUTPUT_CLIENT_KEY_FILE: outputClientKeyFile: expected a PEM file that can be used "
        '(No such file or directory), got "/no.key"',
    ]


def test_validate_wants_the_library(command: Command) -> None:
    Path("a.yaml").write_text("ports: [80]")
    done = command("validate", "a.yaml", TCP_SNIFFER_LIBRARY="/dev/null")
    assert (done.returncode, done.stdout) == (5, "")
    assert "/dev/null cannot be loaded" in done.stderr


def test_validate_wants_a_file(command: Command) -> None:
    assert command("validate").returncode == 2


def test_a_fifo_that_nobody_writes_to_is_empty(command: Command) -> None:
    """Nothing waits for a writer: SIGTERM would wait with it."""
    os.mkfifo("fifo")
    done = command("validate", "fifo")
    assert (done.returncode, done.stderr) == (2, "fifo: expected a file that is not empty\n")


@pytest.mark.parametrize("name", ["/dev/stdin", "<(sleep 0.5; echo 'ports: [80]')"])
def test_a_pipe_that_is_written_to_is_a_file(name: str) -> None:
    """What stands in it is waited for."""
    line = f"(sleep 0.5; echo 'ports: [80]') | {sys.executable} -m appliance config validate {name}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0
    assert done.stdout.endswith(": valid\n")


def test_warnings_do_not_make_it_invalid(command: Command) -> None:
    Path("a.yaml").write_text("ports: [80]\nmaxRecordSize: 9000000\n")
    done = command("validate", "a.yaml")
    assert (done.returncode, done.stdout) == (0, "a.yaml: valid\n")
    assert done.stderr.startswith("warning: maxRecordSize (9000000) is above an output's queue")


def test_show_gives_each_value_with_its_origin(command: Command) -> None:
    Path("a.yaml").write_text("ports: [80]\noutputBatch:\n  maxMessages: 5\n")
    done = command("show", "--config", "a.yaml", "--no-redact-builtin", SAMPLE_RATE="0.5", POD_NAME="web-1\n#")
    assert (done.returncode, done.stderr) == (0, "")
    for line in (
        "# interface: the first interface that is up and not loopback",
        "ports: [80]  # a.yaml:1",
        "sampleRate: 0.5  # environment SAMPLE_RATE",
        "redactBuiltin: false  # option --redact-builtin",
        "  maxMessages: 5  # a.yaml:3",
        "  maxBytes: 1048576  # default",
        "# outputUrl: not set",
        "# OUTPUT_URL_AUTH_TOKEN: not set",
        '# POD_NAME: "web-1\\n#"',
    ):
        assert line in done.stdout.splitlines()


def test_what_show_prints_is_a_configuration_with_the_same_values(command: Command, load: Load) -> None:
    text = "ports: [80, 90-95]\nexclude: [{path: /a*, header: {name: x}}]\noutputUrl: https://c/x\n"
    settings = load(text)
    shown = command("show", CONFIG_FILE="sniffer.yaml").stdout
    assert load(shown).values == settings.values


def test_show_of_what_is_wrong(command: Command) -> None:
    done = command("show")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("/etc/tcp-sniffer/sniffer.yaml: ports: expected a list of 1 to 64 entries")


def test_the_docs_hold_the_reference(command: Command) -> None:
    done = command("reference")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (ROOT / "docs" / "configuration.md").read_text()


def test_the_reference_has_every_field(command: Command) -> None:
    text = command("reference").stdout
    for name, field in fields().items():
        assert f"# `{name}`\n" in text
        assert field.schema["description"] in text
        assert not field.env or f"- Variable `{field.env}`, annotation `{field.annotation}`" in text
    assert "`OUTPUT_URL_AUTH_TOKEN`" in text


def test_the_reference_names_both_options_of_a_boolean(command: Command) -> None:
    text = command("reference").stdout
    assert "option `--output-stdout` or `--no-output-stdout`\n" in text
    assert "option `--output-url`\n" in text


@pytest.mark.parametrize(
    "words",
    [["--output-stdout=true"], ["--output-stdout", "true"], ["--no-output-stdout=0"], ["--no-output-stdout", "False"]],
)
def test_a_boolean_option_takes_no_value(command: Command, words: list[str]) -> None:
    """Where a command takes files, too: the value is none of them."""
    Path("a.yaml").write_text("ports: [80]")
    for arguments in (["show", "--config", "a.yaml", *words], ["validate", *words, "a.yaml"]):
        done = command(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        told = "--output-stdout takes no value; --no-output-stdout turns it off"
        name = f"tcp-sniffer config {arguments[0]}"
        assert done.stderr == f"{name}: {told}; see {name} --help\n"


def test_a_file_may_be_called_like_a_value(command: Command) -> None:
    Path("true").write_text("ports: [80]")
    assert command("validate", "--output-stdout", "./true").returncode == 0
    assert command("validate", "--output-stdout", "--", "true").returncode == 0


def test_the_default_file_is_valid_and_equals_the_defaults(load: Load, command: Command) -> None:
    file = ROOT / "config" / "sniffer.yaml"
    assert command("validate", str(file), PORTS="80").returncode == 0
    settings = load(file.read_text(), {"PORTS": "80"})
    assert settings.values == load(None, {"PORTS": "80"}).values
    # Every default stands there, not only some.
    assert [name for name in fields() if settings.origin(name) == "default"] == ["maxMemory"]


def _uncomment(match: re.Match[str]) -> str:
    """Only lines of a field's name: the indented ones are the recording's."""
    indent, start = match.groups()
    name = start.removesuffix(": ")
    return indent + start if (f"recording.{name}" if indent else name) in fields() else match[0]


def test_the_default_file_names_every_field_and_its_examples_are_valid(load: Load) -> None:
    text = (ROOT / "config" / "sniffer.yaml").read_text()
    with_examples = re.sub(r"^( *)# (\w+: )", _uncomment, text, flags=re.MULTILINE)
    settings = load(with_examples)
    assert [name for name in fields() if not settings.origin(name).startswith("sniffer.yaml:")] == []


def test_the_built_in_headers_of_the_default_file_are_those_of_the_schema() -> None:
    text = " ".join((ROOT / "config" / "sniffer.yaml").read_text().replace("#", " ").split())
    assert ", ".join(fields()["redactHeaders"].schema["x-builtin"]) + "." in text


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("arguments", [["show", "--ports", "80"], ["reference"]])
def test_a_full_disk_behind_stdout(command: Command, arguments: list[str], unbuffered: str) -> None:
    """Whether what is printed fills Python's buffer or not."""
    with Path("/dev/full").open("wb") as full:
        done = command(*arguments, stdout=full, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (1, "tcp-sniffer: [Errno 28] No space left on device\n")


def test_every_field_is_an_option() -> None:
    parser = ArgumentParser()
    add_options(parser)
    text = parser.format_help()
    for field in fields().values():
        assert not field.option or field.option in text
    args = parser.parse_args(["--ports", "80,90-95", "--output-stdout", "--no-decode-body"])
    assert overrides_from(args) == {"ports": "80,90-95", "outputStdout": True, "decodeBody": False}


def test_gathering_imports_nothing_heavy() -> None:
    """The capture opens with what it gives; under a tenth of a CPU each of these would take long."""
    Path("sniffer.yaml").write_text("ports: [80]\noutputUrl: https://c/\nmaxBodySize: -5\n")
    code = """
import sys
from appliance.config import gather
gather("sniffer.yaml", {"SAMPLE_RATE": "0.5"}, {"logLevel": "debug"}).engine_json()
heavy = {"jsonschema", "asyncio", "inspect", "dataclasses", "pathlib", "urllib", "ipaddress", "argparse", "difflib"}
print(sorted(heavy & sys.modules.keys()))
"""
    # Without site: a .pth file of the environment may import anything by itself.
    path = [str(ROOT), str(Path(yaml.__file__).parents[1])]
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:0] = {path}{code}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("folder", ["appliance/schemas", "."])
def test_the_schema_is_found_in_a_package_and_in_a_checkout(tmp_path: Path, folder: str) -> None:
    package = tmp_path / "appliance" / "schemas"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()  # a package proper, found before one that is installed
    (package / "__init__.py").write_bytes((ROOT / "appliance" / "schemas" / "__init__.py").read_bytes())
    (tmp_path / folder / "sniffer.schema.json").write_text('{"title": "found"}')
    code = "from appliance import schemas; print(schemas.load(schemas.CONFIGURATION)['title'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "found\n"
