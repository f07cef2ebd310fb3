"""Each mistake: where it is, the path, the value, what was expected; all of them at once."""

from __future__ import annotations

import pytest
from configuring import Load, Mistakes

from appliance.config import ConfigError, gather

PORT = 'a port from 1 to 65535 or a range such as "9000-9100"'
PORTS = f"a list of 1 to 64 entries, each {PORT}"
RANGE = "a range whose first port is not above its last, and its last at most 65535"
LONG = 64 * "a"
URL = "a URL with a host, an address or a name in parts of 1 to 63 characters, and, if any, a port from 1 to 65535"
RULE = "a rule with at least one of method, path, header"

# YAML of line 2 (line 1 gives ports) → the mistake it makes, without its origin.
FIELDS = {
    "interface: a/b": 'interface: expected an interface\'s name of 1 to 15 characters, or any, got "a/b"',
    'interface: "eth0\\n"': 'interface: expected an interface\'s name of 1 to 15 characters, or any, got "eth0\\n"',
    'interface: "et\\0h"': 'interface: expected text without NUL, got "et\\u0000h"',
    "interface: abcdefghijklmnop": "interface: expected an interface's name of 1 to 15 characters, or any, "
    'got "abcdefghijklmnop"',
    "captureDirection: in": 'captureDirection: expected one of both, inbound, outbound, got "in"',
    'captureFilter: ""': 'captureFilter: expected a filter of 1 to 4096 characters, got ""',
    "captureBufferSize: 4096": "captureBufferSize: expected a whole number from 524288 to 1073741824, got 4096",
    "sampleRate: 1.5": "sampleRate: expected a number from 0 to 1, got 1.5",
    "sampleRate: .nan": 'sampleRate: expected a number from 0 to 1, got ".nan"',
    "maxBodySize: -1": "maxBodySize: expected a whole number from 0 to 1073741824, got -1",
    "maxBodySize: 1.5": "maxBodySize: expected a whole number from 0 to 1073741824, got 1.5",
    "maxBodySize: true": "maxBodySize: expected a whole number from 0 to 1073741824, got true",
    "maxBodySize: 64 KiB": 'maxBodySize: expected a whole number from 0 to 1073741824, got "64 KiB"',
    "maxBodySize: 0x10": 'maxBodySize: expected a whole number from 0 to 1073741824, got "0x10"',
    "maxBodySize: 010": 'maxBodySize: expected a whole number from 0 to 1073741824, got "010"',
    "maxBodySize:": "maxBodySize: expected a whole number from 0 to 1073741824, got null",
    "maxBodySize: [1]": "maxBodySize: expected a whole number from 0 to 1073741824, got a list",
    "maxHeaderSize: 255": "maxHeaderSize: expected a whole number from 256 to 16777216, got 255",
    "maxRecordSize: 2147483649": "maxRecordSize: expected a whole number from 4096 to 2147483648, got 2147483649",
    "maxMemory: 8388607": "maxMemory: expected a whole number from 8388608 to 1099511627776, got 8388607",
    "decodeBody: 2": "decodeBody: expected true or false, got 2",
    "redactHeaders: x-a": 'redactHeaders: expected a list of at most 256 entries, each a header\'s name, got "x-a"',
    "redactHeaders: [x-a, a b]": 'redactHeaders[1]: expected a header\'s name, got "a b"',
    "redactHeaders: [x-a, X-A]": 'redactHeaders[1]: expected each name once, in any case, got "X-A"',
    "redactFields: [a, a]": 'redactFields[1]: expected an entry that is not there already, got "a"',
    'redactFields: [""]': 'redactFields[0]: expected a field\'s name of 1 to 256 characters, got ""',
    "exclude: [{}]": f"exclude[0]: expected {RULE}, got a mapping",
    "exclude: [/healthz]": f'exclude[0]: expected {RULE}, got "/healthz"',
    "exclude: [{method: A B}]": 'exclude[0].method: expected a method\'s name, got "A B"',
    "exclude: [{path: 5}]": "exclude[0].path: expected a glob of 1 to 1024 characters, got 5",
    "exclude: [{header: {value: x}}]": "exclude[0].header.name: expected a header's name; it is missing",
    "exclude: [{header: x-a}]": 'exclude[0].header: expected a mapping with name and value, got "x-a"',
    "outputBatch: 5": "outputBatch: expected a mapping of maxMessages, maxBytes, maxDelayMs, got 5",
    "outputBatch: {maxMessages: 0}": "outputBatch.maxMessages: expected a whole number from 1 to 100000, got 0",
    "outputUrl: collector/x": 'outputUrl: expected an http:// or https:// URL, got "collector/x"',
    "outputUrl: ftp://collector/": 'outputUrl: expected an http:// or https:// URL, got "ftp://collector/"',
    "outputUrl: https://h:99999/": f'outputUrl: expected {URL}, got "https://h:99999/"',
    "outputUrl: https://:80/": f'outputUrl: expected {URL}, got "https://:80/"',
    "outputUrl: https://a..b/": f'outputUrl: expected {URL}, got "https://a..b/"',
    "outputUrl: https://.b/": f'outputUrl: expected {URL}, got "https://.b/"',
    f"outputUrl: https://{LONG}.b/": f'outputUrl: expected {URL}, got "https://{LONG}.b/"',
    "otlpEndpoint: collector:4317": 'otlpEndpoint: expected an http:// or https:// URL, got "collector:4317"',
    "otlpEndpoint: http://h:0": f'otlpEndpoint: expected {URL}, got "http://h:0"',
    "otlpEndpoint: http://a..b": f'otlpEndpoint: expected {URL}, got "http://a..b"',
    "outputClientCertFile: a.pem": "outputClientKeyFile: expected a file's path, because outputClientCertFile is set",
    "outputClientKeyFile: a.key": "outputClientCertFile: expected a file's path, because outputClientKeyFile is set",
    "recording: {ports: [5-3]}": "recording.ports[0]: expected a range whose first port is not above its last, and its "
    'last at most 65535, got "5-3"',
    "recording: {protocols: [icmp]}": 'recording.protocols[0]: expected tcp or udp, got "icmp"',
    "recording: {enabled: true, trigger: match}": "recording.trigger: expected always, or one of triggerStatus, "
    'triggerPath and triggerLatencyMs beside it, got "match"',
    "recording: {enabled: true, anonymize: prefix-preserving}": "recording.anonymize: expected none, or a key in the "
    'variable RECORDING_ANONYMIZE_KEY, got "prefix-preserving"',
    "recording: {streamListen: 127.0.0.1:99999}": "recording.streamListen: expected address:port, the port from 1 to "
    '65535, got "127.0.0.1:99999"',
    "recording: {anonymizeKey: 5}": "recording.anonymizeKey: expected a known field, of which anonymize is the nearest",
    "onFatal: restart": 'onFatal: expected one of exit, idle, got "restart"',
    "statusListen: 9090": "statusListen: expected address:port, such as 127.0.0.1:9090 or [::1]:9090, got 9090",
    "statusListen: 127.0.0.1:99999": "statusListen: expected address:port, the port from 1 to 65535, "
    'got "127.0.0.1:99999"',
    'statusListen: "[::1::]:80"': 'statusListen: expected address:port, the port from 1 to 65535, got "[::1::]:80"',
    "logLevel: trace": 'logLevel: expected one of debug, info, warning, error, got "trace"',
}

PORT_LISTS = {
    "[]": f"ports: expected {PORTS}, got a list",
    "8080": f"ports: expected {PORTS}, got 8080",
    "[0]": f"ports[0]: expected {PORT}, got 0",
    "[80, 65536]": f"ports[1]: expected {PORT}, got 65536",
    '["80"]': f'ports[0]: expected {PORT}, got "80"',
    "[22:22]": f'ports[0]: expected {PORT}, got "22:22"',
    '["80-"]': f'ports[0]: expected {PORT}, got "80-"',
    '["9100-9000"]': f'ports[0]: expected {RANGE}, got "9100-9000"',
    '["9000-99999"]': f'ports[0]: expected {RANGE}, got "9000-99999"',
    '[80, "80-90"]': 'ports[1]: expected ports that 80 does not hold already, got "80-90"',
    '["80-90", "85-95"]': 'ports[1]: expected ports that "80-90" does not hold already, got "85-95"',
    str(list(range(1, 66))): f"ports: expected {PORTS}, got a list",
}


@pytest.mark.parametrize("line", FIELDS)
def test_a_wrong_field(mistakes: Mistakes, line: str) -> None:
    assert mistakes(f"ports: [8080]\n{line}\n") == [f"sniffer.yaml:2: {FIELDS[line]}"]


@pytest.mark.parametrize("ports", PORT_LISTS)
def test_wrong_ports(mistakes: Mistakes, ports: str) -> None:
    assert mistakes(f"ports: {ports}") == [f"sniffer.yaml:1: {PORT_LISTS[ports]}"]


def test_a_port_twice(mistakes: Mistakes) -> None:
    assert mistakes("ports:\n- 80\n- 81\n- 80\n") == [
        "sniffer.yaml:4: ports[2]: expected an entry that is not there already, got 80"
    ]


def test_ports_that_nothing_gives(mistakes: Mistakes) -> None:
    nowhere = "neither the file, PORTS, DETECTED_PORTS nor --ports gives it"
    assert mistakes("logLevel: info") == [f"sniffer.yaml: ports: expected {PORTS}; {nowhere}"]
    assert mistakes() == [f"default.yaml: ports: expected {PORTS}; {nowhere}"]


def test_where_the_file_cannot_be_read_nothing_is_said_of_what_it_may_hold(mistakes: Mistakes) -> None:
    assert mistakes("ports: [1\n", {"MAX_BODY_SIZE": "-1"}) == [
        "sniffer.yaml:2:1: expected valid YAML (did not find expected ',' or ']')",
        "environment MAX_BODY_SIZE: maxBodySize: expected a whole number from 0 to 1073741824, got -1",
    ]


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("port", "ports"),
        ("maxBodysize", "maxBodySize"),
        ("MAX_BODY_SIZE", "maxBodySize"),
        ("output-url", "outputUrl"),
        ("stdout", "outputStdout"),
        ("maxMessages", "outputBatch.maxMessages"),
        ("outputBatch.maxMessages", "outputBatch.maxMessages"),
        ("tcp-sniffer/ports", "ports"),
        ("samplerate", "sampleRate"),
    ],
)
def test_an_unknown_key_suggests_the_nearest(mistakes: Mistakes, key: str, nearest: str) -> None:
    expected = f"sniffer.yaml:2: {key}: expected a known field, of which {nearest} is the nearest"
    assert mistakes(f"ports: [8080]\n{key}: 5") == [expected]


@pytest.mark.parametrize("key", ["'<<'", "5", "tls", "proxy"])
def test_nothing_is_suggested_that_is_not_like_it(mistakes: Mistakes, key: str) -> None:
    """A hint that has nothing to do with what was written misleads."""
    assert mistakes(f"ports: [8080]\n{key}: 5") == [f"sniffer.yaml:2: {key.strip(chr(39))}: expected a known field"]


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ('"a\\rb"', '"a\\rb"'),
        ('"\\e[31mred"', '"\\u001b[31mred"'),
        ("schlüssel", '"schl\\u00fcssel"'),
        ("'https://user:SECRET@host/'", '"https://***@host/"'),
        ("x" * 5000, '"' + "x" * 99 + "…"),
    ],
)
def test_a_key_cannot_say_anything_to_a_terminal(mistakes: Mistakes, key: str, shown: str) -> None:
    (line,) = mistakes(f"ports: [8080]\n? {key}\n: 5")
    assert line.startswith(f"sniffer.yaml:2: {shown}: expected a known field")


def test_unknown_keys_inside(mistakes: Mistakes) -> None:
    yaml = "ports: [1]\noutputBatch:\n  maxMessage: 5\nexclude:\n- {path: /a}\n- {pth: /b}\n- header: {nam: x}\n"
    assert mistakes(yaml) == [
        "sniffer.yaml:3: outputBatch.maxMessage: expected a known field, of which maxMessages is the nearest",
        "sniffer.yaml:6: exclude[1].pth: expected a known field, of which path is the nearest",
        "sniffer.yaml:7: exclude[2].header.name: expected a header's name; it is missing",
        "sniffer.yaml:7: exclude[2].header.nam: expected a known field, of which name is the nearest",
    ]


def test_every_mistake_of_every_layer_at_once(mistakes: Mistakes) -> None:
    yaml = "ports: [0, 80, 80-90]\nmaxbody: 1\nmaxBodySize: -1\nlogLevel: loud\n"
    env = {"SAMPLE_RATE": "2", "OUTPUT_STDOUT": "yes"}
    options = {"outputBatch.maxBytes": "many"}
    assert sorted(mistakes(yaml, env, **options)) == [
        'environment OUTPUT_STDOUT: outputStdout: expected true or false, got "yes"',
        "environment SAMPLE_RATE: sampleRate: expected a number from 0 to 1, got 2",
        "option --output-batch-max-bytes: outputBatch.maxBytes: expected a whole number from 1024 to 1073741824, "
        'got "many"',
        f"sniffer.yaml:1: ports[0]: expected {PORT}, got 0",
        'sniffer.yaml:1: ports[2]: expected ports that 80 does not hold already, got "80-90"',
        "sniffer.yaml:2: maxbody: expected a known field, of which maxBodySize is the nearest",
        "sniffer.yaml:3: maxBodySize: expected a whole number from 0 to 1073741824, got -1",
        'sniffer.yaml:4: logLevel: expected one of debug, info, warning, error, got "loud"',
    ]


def test_each_problem_has_its_parts() -> None:
    with pytest.raises(ConfigError) as caught:
        gather(None, {"PORTS": "80,x"}, {}).validate()
    assert list(caught.value.problems) == [("environment PORTS", "ports[1]", '"x"', PORT)]


def test_values_of_the_library_that_no_file_could_hold() -> None:
    document = {"ports": [80], "sampleRate": float("nan"), "maxBodySize": object(), "interface": "\udc80", 5: 1}
    with pytest.raises(ConfigError) as caught:
        gather(None, {}, {}, document=document).validate()
    assert str(caught.value).splitlines() == [
        "configuration: 5: expected a known field",
        'configuration: interface: expected text in UTF-8, got "\\udc80"',
        "configuration: sampleRate: expected a finite number, got NaN",
        "configuration: maxBodySize: expected a whole number from 0 to 1073741824, got object",
    ]


def test_a_draft_that_cannot_be_given_to_the_engine_says_what_is_wrong() -> None:
    draft = gather(None, {"PORTS": "80", "MAX_MEMORY": "lots"}, {})
    with pytest.raises(ConfigError, match="environment MAX_MEMORY: maxMemory: expected a whole number"):
        draft.engine_json()


def test_long_values_are_cut(mistakes: Mistakes) -> None:
    (line,) = mistakes(f"ports: [1]\nlogLevel: {'x' * 5000}")
    assert len(line) < 200
    assert line.endswith("xxx…")


URL_RULE = "expected https://, for the host is not loopback (or allowInsecureOutputUrl: true)"


@pytest.mark.parametrize("host", ["collector", "10.0.0.1", "localhost.example", "[2001:db8::1]", "127.1x"])
def test_http_only_to_loopback(mistakes: Mistakes, load: Load, host: str) -> None:
    yaml = f"ports: [1]\noutputUrl: http://{host}/x"
    assert mistakes(yaml) == [f'sniffer.yaml:2: outputUrl: {URL_RULE}, got "http://{host}/x"']
    assert load(yaml + "\nallowInsecureOutputUrl: true").values["outputUrl"] == f"http://{host}/x"
    assert load(f"ports: [1]\noutputUrl: https://{host}/x").values["outputUrl"] == f"https://{host}/x"


@pytest.mark.parametrize("host", [63 * "a", "a.b.", "[::1]:80", "bücher.example", "xn--bcher-kva.example"])
def test_hosts_that_can_be_looked_up(load: Load, host: str) -> None:
    assert load(f"ports: [1]\noutputUrl: https://{host}/x").values["outputUrl"] == f"https://{host}/x"


@pytest.mark.parametrize("host", [60 * "ä", 128 * "a." + "b", "⒈.example"])
def test_hosts_that_only_look_short_or_whole(mistakes: Mistakes, host: str) -> None:
    """What counts is what the name becomes for a resolver, and its length as a whole."""
    (line,) = mistakes(f"ports: [1]\noutputUrl: https://{host}/x")
    assert line.startswith(f"sniffer.yaml:2: outputUrl: expected {URL}, got ")


def test_a_backslash_before_the_host(mistakes: Mistakes) -> None:
    """Parsers differ in which host that is; the client refuses it."""
    (line,) = mistakes("ports: [1]\noutputUrl: http://collector\\@localhost/x")
    assert line.startswith(f"sniffer.yaml:2: outputUrl: expected {URL}, got ")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "a.localhost", "127.0.0.1", "127.8.8.8:1", "[::1]:80"])
def test_http_to_loopback(load: Load, host: str) -> None:
    assert load(f"ports: [1]\noutputUrl: HTTP://{host}/x").values["outputUrl"] == f"HTTP://{host}/x"


def test_client_certificate_and_key_together(load: Load) -> None:
    values = load("ports: [1]\noutputClientCertFile: a.pem\noutputClientKeyFile: a.key").values
    assert (values["outputClientCertFile"], values["outputClientKeyFile"]) == ("a.pem", "a.key")
