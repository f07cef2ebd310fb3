#include "record.h"

#include "record_scratch.h"

namespace sniffer {

namespace {

// Bytes that the fields of fixed length take at most: those before the head, and those after the body.
constexpr size_t kFrontRoom = 320, kBackRoom = 480;

std::string_view incomplete_reason(Incomplete reason) {
    switch (reason) {
        case Incomplete::none:
            break;
        case Incomplete::gap:
            return "gap";
        case Incomplete::reset:
            return "reset";
        case Incomplete::closed:
            return "closed";
        case Incomplete::evicted:
            return "evicted";
        case Incomplete::memory:
            return "memory";
        case Incomplete::idle_timeout:
            return "idle_timeout";
        case Incomplete::replaced:
            return "replaced";
        case Incomplete::capture_end:
            return "capture_end";
        case Incomplete::unknown_request:
            return "unknown_request";
        case Incomplete::malformed:
            return "malformed";
    }
    return {};
}

// The fields that every record begins with.
template <typename Record>
char* put_front(const Record& record, std::string_view direction, Usual& usual, char* out) {
    out = usual.timestamp.put(record.timestamp, put(out, "{\"timestamp\":\""));
    out = usual.receiver.put(record.receiver, put(out, "\",\"receiver\":"));
    out = put_endpoint(record.destination, put(out, ",\"destination\":"));
    out = put(put(out, ",\"direction\":\""), direction);
    return put(out, "\",");
}

char* put_connection_id(const ConnectionId& id, char* out) {
    out = put(out, "\"connectionId\":\"");
    std::memcpy(out, id.data(), id.size());
    return put(out + id.size(), "\"");
}

char* put_completeness(const Message& message, char* out) {
    if (message.incomplete == Incomplete::none) {
        out = put(out, ",\"complete\":true");
    } else {
        out = put(out, ",\"complete\":false,\"incompleteReason\":\"");
        out = put(put(out, incomplete_reason(message.incomplete)), "\"");
    }
    if (message.missing_bytes > 0) out = put_number(message.missing_bytes, put(out, ",\"missingBytes\":"));
    return out;
}

// What is optional and of any length: it goes in as far as the line has room for it.
struct Optional {
    std::string_view head, trailers, request, pcap, source;
    bool left_out = false;

    Optional(const Message& message, const Config& config)
        : head(message.head_json),
          trailers(message.trailers_json),
          request(message.request_json),
          pcap(message.pcap_json),
          source(config.source_json) {
        const size_t fixed = kFrontRoom + kBackRoom + RecordBody::kFieldsRoom;
        if (!head.empty() && head.size() + after_body() + fixed <= config.max_record) [[likely]]
            return;
        size_t left = config.max_record > fixed ? config.max_record - fixed : 0;
        left_out = head.size() > left;
        if (left_out || head.empty()) head = "\"headers\":{}";
        left -= std::min(left, head.size());
        for (std::string_view* part : {&source, &pcap, &request, &trailers}) {
            if (part->size() > left) *part = {};
            left -= part->size();
        }
        left_out |= trailers.size() != message.trailers_json.size();
    }
    size_t after_body() const { return trailers.size() + request.size() + pcap.size() + source.size(); }
};

char* put_with_comma(std::string_view field, char* out) {
    if (field.empty()) return out;
    *out++ = ',';
    return put(out, field);
}

char* put_back(const Message& message, const Optional& optional, char* out) {
    if (!optional.trailers.empty()) out = put(put(out, optional.trailers), ",");
    out = put_connection_id(message.connection_id, out);
    out = put_number(message.exchange, put(out, ",\"exchange\":"));
    if (message.latency >= 0) out = put_millis(message.latency, put(out, ",\"latencyMs\":"));
    out = put_with_comma(optional.request, out);
    if (message.interim) out = put(out, ",\"interim\":true");
    out = put_completeness(message, out);
    if (message.midstream) out = put(out, ",\"midstream\":true");
    if (message.headers_truncated || optional.left_out) out = put(out, ",\"headersTruncated\":true");
    if (message.ambiguous_framing) out = put(out, ",\"ambiguousFraming\":true");
    if (message.conflicting_data) out = put(out, ",\"conflictingData\":true");
    out = put_with_comma(optional.pcap, out);
    out = put_with_comma(optional.source, out);
    return put(out, "}\n");
}

// `"name":{"client":1,"server":2},`
template <size_t N>
char* put_both(const char (&name)[N], const uint64_t (&values)[2], char* out) {
    out = put_number(values[0], put(put(out, name), "{\"client\":"));
    out = put_number(values[1], put(out, ",\"server\":"));
    return put(out, "}");
}

}  // namespace

RecordEncoder::RecordEncoder(const Config& config, Budget* budget)
    : config_(config), scratch_(std::make_unique<Scratch>(config, budget)) {}
RecordEncoder::~RecordEncoder() = default;

void RecordEncoder::encode(const Message& message, Text& out) {
    out.clear();
    scratch_->body.prepare(message);
    const Optional optional(message, config_);
    char* to = out.room(kFrontRoom + optional.head.size() + 1);
    to = put_front(message, message.request ? "request" : "response", scratch_->usual, to);
    out.end(put(put(to, optional.head), ","));
    const size_t back = kBackRoom + optional.after_body();
    scratch_->body.write(config_.max_record > back ? config_.max_record - back : 0, out);
    out.end(put_back(message, optional, out.room(back)));
}

void RecordEncoder::encode(const ConnectionEnd& connection, Text& out) {
    out.clear();
    char* to = out.room(1024 + connection.end.size() + connection.protocol.size() + config_.source_json.size());
    to = put_front(connection, "connection", scratch_->usual, to);
    to = put_connection_id(connection.connection_id, to);
    to = put_millis(std::max<Nanos>(0, connection.ended - connection.timestamp), put(to, ",\"durationMs\":"));
    to = put(put(put(to, ",\"end\":\""), connection.end), "\",\"protocol\":\"");
    to = put(put(to, connection.protocol), "\"");
    to = put_both(",\"packets\":", connection.packets, to);
    to = put_both(",\"bytes\":", connection.bytes, to);
    to = put_both(",\"missingBytes\":", connection.missing, to);
    to = put_both(",\"messages\":", connection.messages, to);
    if (!connection.handshake) to = put(to, ",\"midstream\":true");
    if (connection.conflicting_data) to = put(to, ",\"conflictingData\":true");
    to = put_with_comma(config_.source_json, to);
    out.end(put(to, "}\n"));
}

}  // namespace sniffer
