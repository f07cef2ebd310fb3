#include "trace_context.h"

#include <algorithm>

namespace sniffer {
namespace {

// version "-" trace-id "-" parent-id "-" trace-flags (section 3.2.2)
constexpr size_t kTraceId = 3, kTraceIdSize = 32;
constexpr size_t kParentId = 36, kParentIdSize = 16;
constexpr size_t kFlags = 53, kSize = 55;

// HEXDIGLC: upper case is not allowed.
bool hex_digits(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool all_zero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

}  // namespace

TraceContext parse_traceparent(std::string_view value) {
    if (value.size() < kSize) return {};
    const std::string_view version = value.substr(0, 2);
    if (!hex_digits(version) || version == "ff") return {};
    // Section 4.3: a later version may say more behind another dash; version 00 ends here.
    if (value.size() > kSize && (version == "00" || value[kSize] != '-')) return {};
    if (value[kTraceId - 1] != '-' || value[kParentId - 1] != '-' || value[kFlags - 1] != '-') return {};
    const TraceContext context{value.substr(kTraceId, kTraceIdSize), value.substr(kParentId, kParentIdSize)};
    if (!hex_digits(context.trace_id) || !hex_digits(context.parent_id)) return {};
    if (!hex_digits(value.substr(kFlags, 2))) return {};
    if (all_zero(context.trace_id) || all_zero(context.parent_id)) return {};  // sections 3.2.2.3 and 3.2.2.4
    return context;
}

}  // namespace sniffer
