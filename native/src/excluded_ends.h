// The ends of the reader's own connections, of which nothing is to be told.
#pragma once

#include <atomic>
#include <limits>
#include <mutex>
#include <vector>

#include "decode.h"

namespace sniffer {

class ExcludedEnds {
 public:
    static constexpr size_t kMost = 1024;

    // Before its socket connects.
    void add(const Endpoint& end);
    // Before its socket closes, at `now` as packets are stamped. What the connection still says stays excluded; the
    // next one from this end is somebody else's.
    void close(const Endpoint& end, Nanos now);
    // Whether the segment is of an own connection. Called for segments of no known connection alone.
    bool has(const Segment& segment);

 private:
    static constexpr Nanos kOpen = std::numeric_limits<Nanos>::max();
    static constexpr Nanos kStay = 60 * kSecond;  // the longest that a system keeps repeating what was not acknowledged
    struct Excluded {
        Endpoint end;
        Nanos closed;
        bool left_to(const Segment& segment) const;
    };
    void make_room();

    std::atomic<bool> any_{false};
    std::mutex mutex_;
    std::vector<Excluded> ends_;  // oldest first
};

}  // namespace sniffer
