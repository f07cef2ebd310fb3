// What a fuzz target demands; where it does not hold the target ends and says so.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace sniffer::fuzz {

inline void check(bool holds, const char* what, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    if (holds) return;
    std::fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    std::abort();
}

}  // namespace sniffer::fuzz
