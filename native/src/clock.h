// The machine's two clocks. The one on the wall may be set, forward or back; what waits goes by the steady one.
#pragma once

#include <ctime>

#include "types.h"

namespace sniffer {

inline Nanos read_clock(clockid_t clock) {
    timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * kSecond + now.tv_nsec;
}

inline Nanos wall_time() { return read_clock(CLOCK_REALTIME); }
inline Nanos steady_time() { return read_clock(CLOCK_MONOTONIC); }

}  // namespace sniffer
