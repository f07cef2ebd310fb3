// The configuration's `recording`.
#include <array>

#include "config_fields.h"

namespace sniffer {
namespace {

using simdjson::dom::object;

// The text's place among `names`; `otherwise` where it is absent.
template <size_t N>
size_t choice(const Fields& fields, std::string_view name, const std::array<std::string_view, N>& names) {
    std::string text(names[0]), expected;
    fields.read(name, text);
    for (size_t i = 0; i < N; ++i) {
        if (names[i] == text) return i;
        expected += (i ? ", " : "one of ") + std::string(names[i]);
    }
    refuse(fields.path(name), expected);
}

void read_protocols(const Fields& fields, RecordingConfig& out) {
    std::vector<std::string> names;
    fields.read("protocols", names);
    if (names.empty()) return;
    out.tcp = out.udp = false;
    for (const std::string& name : names) {
        if (name != "tcp" && name != "udp") refuse(fields.path("protocols"), "a list of tcp and udp");
        (name == "tcp" ? out.tcp : out.udp) = true;
    }
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

void read_anonymize(const Fields& fields, RecordingConfig& out) {
    if (choice<2>(fields, "anonymize", {"none", "prefix-preserving"}) == 0) return;
    std::string text;
    fields.read("anonymizeKey", text);
    for (size_t i = 0; i + 1 < text.size(); i += 2) {
        const int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high >= 0 && low >= 0) out.anonymize_key += static_cast<char>(high << 4 | low);
    }
    if (text.size() != 64 || out.anonymize_key.size() != 32)
        refuse(fields.path("anonymizeKey"), "64 hexadecimal digits");
}

void read_trigger(const Fields& fields, RecordingConfig& out) {
    out.on_match = choice<2>(fields, "trigger", {"always", "match"}) == 1;
    fields.read_integer("preTriggerSeconds", out.pre_trigger_seconds, 3600);
    fields.read_integer("triggerStatus", out.trigger_status, 999);
    fields.read("triggerPath", out.trigger_path);
    fields.read_integer("triggerLatencyMs", out.trigger_latency_ms, 86400000);
}

void read_files(const Fields& fields, RecordingConfig& out) {
    fields.read("directory", out.directory);
    fields.read("prefix", out.prefix);
    if (out.prefix.empty()) out.prefix = "capture";
    out.pcapng = choice<2>(fields, "format", {"pcap", "pcapng"}) == 1;
    using Compress = RecordingConfig::Compress;
    constexpr Compress values[] = {Compress::none, Compress::zstd, Compress::gzip};
    out.compress = values[choice<3>(fields, "compress", {"none", "zstd", "gzip"})];
    fields.read_integer("rotateBytes", out.rotate_bytes, 1ULL << 40);
    fields.read_integer("rotateSeconds", out.rotate_seconds, 1ULL << 32);
    fields.read_integer("maxTotalBytes", out.max_total_bytes, 1ULL << 50);
    fields.read_integer("maxFiles", out.max_files, 1ULL << 32);
    fields.read_integer("maxAgeSeconds", out.max_age_seconds, 1ULL << 32);
}

}  // namespace

RecordingConfig read_recording(const Fields& fields) {
    RecordingConfig out;
    object members;
    if (!fields.enter("recording", members)) return out;
    const Fields parts(members, "recording.");
    parts.read("enabled", out.enabled);
    out.ports = read_ports(parts, "ports");
    read_protocols(parts, out);
    parts.read("filter", out.filter);
    parts.read_integer("snaplen", out.snaplen, 262144);
    parts.read("streamListen", out.stream_listen);
    read_files(parts, out);
    read_trigger(parts, out);
    read_anonymize(parts, out);
    return out;
}

}  // namespace sniffer
