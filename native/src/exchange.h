// What is counted of an exchange: a request and its final response.
#pragma once

#include <string_view>

#include "types.h"

namespace sniffer {

// Those that a series may be named after; any other would let a client make series as it likes.
// RFC 9110 section 9.3, and PATCH (RFC 5789).
enum class Method : uint8_t { other, connect, del, get, head, options, patch, post, put, trace };

// Names are case-sensitive.
Method method_of(std::string_view name);
// Whether these bytes may begin a request of one of them. (Half a method may look like a method.)
bool begins_known_method(std::string_view bytes);
// "GET"; "_OTHER", as OpenTelemetry's semantic conventions want it, for what is none of these.
std::string_view to_string(Method method);

struct Exchange {
    Method method = Method::other;  // also where the request was not seen
    uint16_t status = 0;            // 0: an answer without a status line
    Nanos latency = -1;             // from the request's last byte to the response's first; -1: not known
    Nanos duration = -1;            // from the request's first byte to the response's last
    int64_t request_size = -1, response_size = -1;  // bytes of the bodies; -1: not seen whole
};

}  // namespace sniffer
