#include "exchange.h"

#include <algorithm>
#include <array>

namespace sniffer {
namespace {

constexpr std::array<std::string_view, 10> kNames = {"_OTHER",  "CONNECT", "DELETE", "GET", "HEAD",
                                                     "OPTIONS", "PATCH",   "POST",   "PUT", "TRACE"};

}  // namespace

Method method_of(std::string_view name) {
    for (size_t i = 1; i < kNames.size(); ++i)
        if (name == kNames[i]) return static_cast<Method>(i);
    return Method::other;
}

bool begins_known_method(std::string_view bytes) {
    const std::string_view word = bytes.substr(0, bytes.find(' '));
    return std::any_of(kNames.begin() + 1, kNames.end(), [&](std::string_view name) {
        return word.size() == bytes.size() ? name.starts_with(word) : name == word;
    });
}

std::string_view to_string(Method method) { return kNames[static_cast<size_t>(method)]; }

}  // namespace sniffer
