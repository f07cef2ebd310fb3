#include "exchange.h"

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

std::string_view to_string(Method method) { return kNames[static_cast<size_t>(method)]; }

}  // namespace sniffer
