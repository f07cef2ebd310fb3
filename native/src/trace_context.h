// W3C Trace Context, https://www.w3.org/TR/trace-context/: which span a request was made in.
#pragma once

#include <string_view>

namespace sniffer {

// In lower-case hexadecimal digits; views into the header's value. Empty where there is none.
struct TraceContext {
    std::string_view trace_id;   // 32 digits
    std::string_view parent_id;  // 16 digits: the caller's span
    bool empty() const { return trace_id.empty(); }
};

// Reads the value of a `traceparent` header, without surrounding white space. Empty where it is not valid.
TraceContext parse_traceparent(std::string_view value);

}  // namespace sniffer
