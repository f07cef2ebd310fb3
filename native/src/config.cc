#include "config.h"

#include <algorithm>
#include <charconv>

#include "config_fields.h"

namespace sniffer {
namespace {

std::string lower(std::string text) {
    for (char& c : text)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    return text;
}

constexpr std::string_view kPortExpected = "a list of ports (1 to 65535) and ranges such as \"9000-9100\"";

uint16_t parse_port(std::string_view text, const std::string& path) {
    unsigned port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc() || end != text.data() + text.size() || port < 1 || port > 65535)
        refuse(path, kPortExpected);
    return static_cast<uint16_t>(port);
}

PortRange parse_range(element item, const std::string& path) {
    int64_t number = 0;
    if (item.get(number) == simdjson::SUCCESS) {
        const uint16_t port = parse_port(std::to_string(number), path);
        return {port, port};
    }
    std::string_view text;
    if (item.get(text) != simdjson::SUCCESS) refuse(path, kPortExpected);
    const size_t dash = text.find('-');
    if (dash == std::string_view::npos) {
        const uint16_t port = parse_port(text, path);
        return {port, port};
    }
    const PortRange range{parse_port(text.substr(0, dash), path), parse_port(text.substr(dash + 1), path)};
    if (range.first > range.last) refuse(path, kPortExpected);
    return range;
}

void read_unparsable(const Fields& fields, Config& config) {
    std::string text = "withhold";
    fields.read("redactUnparsable", text);
    if (text != "withhold" && text != "search") refuse("redactUnparsable", "withhold or search");
    config.withhold_unparsable = text == "withhold";
}

void read_direction(const Fields& fields, Config& config) {
    std::string text = "both";
    fields.read("captureDirection", text);
    if (text == "both") {
        config.direction = Direction::both;
    } else if (text == "inbound") {
        config.direction = Direction::inbound;
    } else if (text == "outbound") {
        config.direction = Direction::outbound;
    } else {
        refuse("captureDirection", "both, inbound or outbound");
    }
}

ExcludeRule parse_rule(element item, const std::string& path) {
    object members;
    if (item.get(members) != simdjson::SUCCESS) refuse(path, "an object with method, path or header");
    const Fields fields(members, path + ".");
    ExcludeRule rule;
    fields.read("method", rule.method);
    fields.read("path", rule.path);
    object header;
    if (fields.enter("header", header)) {
        const Fields parts(header, path + ".header.");
        rule.header_value = "*";
        parts.read("name", rule.header_name);
        parts.read("value", rule.header_value);
        if (rule.header_name.empty()) refuse(path + ".header.name", "a header's name");
        rule.header_name = lower(rule.header_name);
    }
    if (rule.method.empty() && rule.path.empty() && rule.header_name.empty())
        refuse(path, "an object with method, path or header");
    return rule;
}

void read_exclude(const Fields& fields, Config& config) {
    element list;
    if (!fields.find("exclude", list)) return;
    if (!list.is_array()) refuse("exclude", "a list of rules");
    for (element item : simdjson::dom::array(list))
        config.exclude.push_back(parse_rule(item, "exclude[" + std::to_string(config.exclude.size()) + "]"));
}

// Every record carries it, so it is made once, as it will stand there.
void read_source(const Fields& fields, Config& config) {
    object source;
    if (!fields.enter("source", source)) return;
    const Fields parts(source, "source.");
    for (const char* name : {"pod", "namespace", "node"}) {
        std::string text;
        parts.read(name, text);
        if (text.empty()) continue;
        config.source_json += config.source_json.empty() ? "\"source\":{" : ",";
        config.source_json += "\"" + std::string(name) + "\":" + simdjson::minify(source[name].value_unsafe());
    }
    if (!config.source_json.empty()) config.source_json += '}';
}

void read_replay(const Fields& fields, Config& config) {
    object replay;
    if (!fields.enter("replay", replay)) return;
    const Fields parts(replay, "replay.");
    parts.read("files", config.replay_files);
    if (config.replay_files.empty()) refuse("replay.files", "a list with at least one file");
    parts.read("speed", config.replay_speed, 0, 1e9);
}

void read_limits(const Fields& fields, Config& config) {
    // libpcap takes the ring's size as an int.
    fields.read_integer("captureBufferSize", config.buffer_size, std::numeric_limits<int>::max());
    fields.read_integer("maxBodySize", config.max_body, 1ULL << 30);
    fields.read_integer("maxHeaderSize", config.max_head, 1ULL << 30);
    fields.read_integer("maxRecordSize", config.max_record, 1ULL << 31);
    fields.read_integer("maxConcurrentConnections", config.max_connections);
    fields.read_integer("connectionIdleTimeoutMs", config.idle_timeout_ms, 1ULL << 32);
    fields.read_integer("maxMemory", config.max_memory, 1ULL << 50);
    fields.read("sampleRate", config.sample_rate, 0, 1);
}

}  // namespace

std::vector<PortRange> read_ports(const Fields& fields, std::string_view name) {
    std::vector<PortRange> ports;
    element list;
    if (!fields.find(name, list)) return ports;
    if (!list.is_array()) refuse(fields.path(name), kPortExpected);
    for (element item : simdjson::dom::array(list)) ports.push_back(parse_range(item, fields.path(name)));
    if (ports.empty()) refuse(fields.path(name), kPortExpected);
    return ports;
}

bool Config::has_port(uint16_t port) const {
    return std::any_of(ports.begin(), ports.end(),
                       [port](const PortRange& range) { return port >= range.first && port <= range.last; });
}

Config parse_config(std::string_view json) {
    simdjson::dom::parser parser;
    object document;
    if (const auto error = parser.parse(json.data(), json.size()).get(document))
        throw EngineError(SNIFFER_CONFIG,
                          std::string("configuration: not a JSON object: ") + simdjson::error_message(error));
    const Fields fields(document, "");
    Config config;
    fields.read("interface", config.interface);
    fields.read("captureFilter", config.filter);
    fields.read("decodeBody", config.decode_body);
    fields.read("redactHeaders", config.redact_headers);
    fields.read("redactFields", config.redact_fields);
    read_unparsable(fields, config);
    fields.read("outputConnections", config.output_connections);
    fields.read("logSamples", config.log_samples);
    for (std::string& name : config.redact_headers) name = lower(std::move(name));
    config.ports = read_ports(fields, "ports");
    if (config.ports.empty()) refuse("ports", kPortExpected);
    config.recording = read_recording(fields);
    fields.read("reassemble", config.reassemble);
    if (!config.reassemble && !config.recording.enabled) refuse("reassemble", "true where nothing is recorded");
    read_direction(fields, config);
    read_exclude(fields, config);
    read_limits(fields, config);
    read_source(fields, config);
    read_replay(fields, config);
    return config;
}

}  // namespace sniffer
