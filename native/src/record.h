// A finished message in, one JSON line out. The shape stands in message.schema.json.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "arena.h"
#include "config.h"
#include "text.h"
#include "trace_context.h"
#include "types.h"

namespace sniffer {

struct KnownHeader;
class KnownHeaders;

struct HeaderField {
    std::string_view name;               // as sent, without surrounding white space
    std::string_view value;              // folded lines joined by one space, without surrounding white space
    const KnownHeader* known = nullptr;  // where it came before
};

// A message's head as it was parsed. The views point into memory that is valid during the call.
struct Head {
    bool request = true;
    std::string_view method, target;  // request
    int status = -1;                  // response; -1 where an answer has no status line
    std::string_view reason;
    std::string_view version;  // "1.1"
    std::span<const HeaderField> headers;
    KnownHeaders* known = nullptr;  // where those that come again are kept; none: nowhere
    bool truncated = false;         // headers were left out for maxHeaderSize
    TraceContext trace;             // of a request's one traceparent header
};

// Why a message is not complete: incompleteReason, spelled as in message.schema.json.
enum class Incomplete : uint8_t {
    none,
    gap,
    reset,
    closed,
    evicted,
    memory,
    idle_timeout,
    replaced,
    capture_end,
    unknown_request,
    malformed
};

// A connection's name in its records: 16 hexadecimal digits, written once.
struct ConnectionId : std::array<char, 16> {
    ConnectionId() { fill('0'); }
};

// What is known of a message while it is being read, too.
struct MessageFacts {
    Nanos timestamp = 0, latency = -1;  // latency: -1: absent
    uint64_t body_size = 0;             // the bytes seen
    uint64_t missing_bytes = 0;
    uint64_t first_packet = 0, last_packet = 0;  // numbers in the recording; 0: not there
    uint32_t exchange = 0;
    bool body_cut = false;        // bytes that followed the kept ones without a hole were not kept
    bool unsure = false;          // the body is a range of something (RFC 9110 section 14.4), or of one of two types
    bool transfer_coded = false;  // and not by chunked alone
    bool interim = false, midstream = false;
    bool headers_truncated = false, ambiguous_framing = false, conflicting_data = false;
};

// Everything known at the message's end.
struct Message : MessageFacts {
    Endpoint receiver, destination;  // receiver: the server
    bool request = true;
    ConnectionId connection_id;
    std::string_view head_json;                       // from encode_head
    std::string_view request_json;                    // of a paired response, from encode_request_reference; else empty
    std::string_view trailers_json;                   // from encode_trailers; else empty
    const Chain* body = nullptr;                      // the bytes kept, at most maxBodySize
    std::string_view content_encoding, content_type;  // header values, for decoding and redaction
    std::string_view pcap_json;                       // `"pcap":[…]`: the frames of the recording's files; else empty
    Incomplete incomplete = Incomplete::none;
};

// A connection's end (outputConnections).
struct ConnectionEnd {
    Nanos timestamp = 0, ended = 0;  // first and last packet
    Endpoint receiver, destination;
    ConnectionId connection_id;
    std::string_view end;       // "fin", "reset", "evicted", "idle_timeout", "replaced", "capture_end", "memory"
    std::string_view protocol;  // "http", "tls", ..., "unknown"
    uint64_t packets[2] = {}, bytes[2] = {}, missing[2] = {}, messages[2] = {};  // [0] by the client
    bool handshake = false, conflicting_data = false;
    bool self_delivery = false;  // it carried a sniffer's own deliveries
};

struct EncodedHead {
    bool whole;               // false: something was left out; then the message has headersTruncated
    size_t request_line = 0;  // the bytes at the beginning that are `"method":…,"path":…`; 0 where they are not UTF-8
};

class RecordEncoder {
 public:
    // `budget` counts what decoding keeps, and outlives the encoder; none: one of its own, of maxMemory.
    explicit RecordEncoder(const Config& config, Budget* budget = nullptr);
    ~RecordEncoder();

    // Appends `"method":…,"path":…,"httpVersion":…,"headers":{…}` and, where they hold,
    // `"headEncoding":"latin1"` and `"traceId":…,"parentSpanId":…`: header names in lower case, repeated ones as an
    // array, redacted. At most `limit` bytes: headers (last ones first), then the target's end are left out.
    EncodedHead encode_head(const Head& head, size_t limit, Text& out);
    // Appends `"request":{"method":…,"path":…}` (or latin1, as encode_head) and the trace's fields, at most `limit`
    // bytes. `request_line`: what encode_head made of the method and the path; empty: to be encoded anew.
    void encode_request_reference(const Head& head, std::string_view request_line, size_t limit, Text& out);
    // Appends `"trailers":{…}`; returns false when some were left out.
    bool encode_trailers(std::span<const HeaderField> trailers, size_t limit, Text& out);
    // Replaces `out` by the message's line, closing line feed included, at most maxRecordSize bytes.
    void encode(const Message& message, Text& out);
    void encode(const ConnectionEnd& connection, Text& out);

 private:
    struct Scratch;
    const Config& config_;
    std::unique_ptr<Scratch> scratch_;
};

// True when a rule of `exclude` matches this request.
bool excluded(const Config& config, const Head& head);

}  // namespace sniffer
