#include "excluded_ends.h"

#include <algorithm>
#include <cstdlib>

namespace sniffer {

// A closed end belongs to who connects from it later, and after a while to anybody.
bool ExcludedEnds::Excluded::left_to(const Segment& segment) const {
    if (closed == kOpen || segment.time <= closed) return false;
    const bool connects = segment.has(kSyn) && !segment.has(kAck);
    return connects || segment.time - closed > kStay;
}

void ExcludedEnds::add(const Endpoint& end) {
    std::lock_guard lock(mutex_);
    std::erase_if(ends_, [&](const Excluded& each) { return each.end == end; });
    make_room();
    ends_.push_back({end, kOpen});
    any_.store(true, std::memory_order_release);
}

// Those in use go last: they are no more than the reader has connections.
void ExcludedEnds::make_room() {
    if (ends_.size() < kMost) return;
    const auto closed = std::ranges::find_if(ends_, [](const Excluded& each) { return each.closed != kOpen; });
    ends_.erase(closed == ends_.end() ? ends_.begin() : closed);
}

void ExcludedEnds::close(const Endpoint& end, Nanos now) {
    std::lock_guard lock(mutex_);
    // Of a clock that was set back, too.
    std::erase_if(ends_,
                  [&](const Excluded& each) { return each.closed != kOpen && std::abs(now - each.closed) > kStay; });
    for (Excluded& each : ends_)
        if (each.end == end && each.closed == kOpen) each.closed = now;
}

bool ExcludedEnds::has(const Segment& segment) {
    if (!any_.load(std::memory_order_acquire)) return false;
    std::lock_guard lock(mutex_);
    const auto own = std::ranges::find_if(
        ends_, [&](const Excluded& each) { return each.end == segment.source || each.end == segment.destination; });
    if (own == ends_.end()) return false;
    if (!own->left_to(segment)) return true;
    ends_.erase(own);
    any_.store(!ends_.empty(), std::memory_order_release);
    return false;
}

}  // namespace sniffer
