// The effective configuration, as the engine reads it from JSON text (see sniffer_open).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sniffer {

struct PortRange {
    uint16_t first, last;  // both included
};

enum class Direction { both, inbound, outbound };

// One rule of `exclude`: the parts that are set must all match. Globs: `*` any run of bytes,
// `?` one byte.
struct ExcludeRule {
    std::string method;        // exact, any case; empty: any
    std::string path;          // glob on the part before `?`; empty: any
    std::string header_name;   // lower case; empty: any
    std::string header_value;  // glob
};

// `recording`: what is recorded, and where. Empty `ports`: as the capture's.
struct RecordingConfig {
    bool enabled = false;
    std::string directory = "/captures";
    std::string prefix;  // the files' names up to their number, safe for a file system
    std::vector<PortRange> ports;
    bool tcp = true, udp = true;
    std::string filter;
    bool pcapng = false;
    uint32_t snaplen = 262144;
    uint64_t rotate_bytes = 100 << 20;
    int64_t rotate_seconds = 3600;
    uint64_t max_total_bytes = 0;  // 0: 0.9 of the volume's size
    uint64_t max_files = 0;        // 0: any number
    int64_t max_age_seconds = 0;   // 0: any age
    enum class Compress { none, zstd, gzip } compress = Compress::none;
    bool on_match = false;  // trigger
    int64_t pre_trigger_seconds = 10;
    int trigger_status = 0;           // 0: no such rule
    std::string trigger_path;         // empty: no such rule
    int64_t trigger_latency_ms = -1;  // -1: no such rule
    std::string anonymize_key;        // 32 bytes; empty: addresses stay
    std::string stream_listen;        // "address:port"; empty: off
};

struct Config {
    std::string interface;  // empty: the first that is up and not loopback
    std::vector<PortRange> ports;
    Direction direction = Direction::both;
    std::string filter;  // the user's BPF
    uint32_t buffer_size = 8 << 20;
    double sample_rate = 1;
    uint64_t max_body = 65536, max_head = 65536, max_record = 1 << 20;
    uint32_t max_connections = 10000;
    int64_t idle_timeout_ms = 300000;
    uint64_t max_memory = 128 << 20;
    bool decode_body = false;
    std::vector<std::string> redact_headers;  // lower case, the built-in list included
    std::vector<std::string> redact_fields;
    bool withhold_unparsable = true;  // what redact_fields cannot be searched for beyond doubt
    std::vector<ExcludeRule> exclude;
    bool output_connections = false;
    bool log_samples = false;
    std::string source_json;                // `"source":{...}`, or empty where no part of it is known
    std::vector<std::string> replay_files;  // empty: live
    double replay_speed = 0;
    RecordingConfig recording;
    bool reassemble = true;  // false: nobody wants the messages, only the packets

    bool replay() const { return !replay_files.empty(); }
    bool has_port(uint16_t port) const;
};

// Throws EngineError(SNIFFER_CONFIG) naming the field where the text is not what the schema says.
Config parse_config(std::string_view json);

}  // namespace sniffer
