// White space as HTTP has it around what means something (RFC 9110 section 5.6.3).
#pragma once

#include <string_view>

namespace sniffer {

constexpr bool is_space(char c) { return c == ' ' || c == '\t'; }

[[gnu::noinline]] inline std::string_view trim_spaces(std::string_view text) {
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && (is_space(text.back()) || text.back() == '\r')) text.remove_suffix(1);
    return text;
}

// Nearly always there is nothing to do.
inline std::string_view trim_line(std::string_view text) {
    if (!text.empty() && text.front() > ' ' && text.back() > ' ') [[likely]]
        return text;
    return trim_spaces(text);
}

}  // namespace sniffer
