// What may be of the next connection between its ends, where none is proven yet: SYNs, and data that fits no place of
// the one that is there. Of all connections together a bounded amount is kept, for a short time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "arena.h"
#include "decode.h"

namespace sniffer {

class StraySegments {
 public:
    static constexpr Nanos kStay = kSecond;
    static constexpr size_t kMost = 64;

    explicit StraySegments(Budget& budget)
        : budget_(budget), most_(std::min<uint64_t>(256 << 10, budget.limit() / 16)) {}
    ~StraySegments() {
        while (!strays_.empty()) forget_oldest();
    }
    // `hash`: of its ends.
    void keep(uint64_t hash, int side, const Segment& segment, Nanos now) {
        if (segment.captured > most_) return;
        while (!strays_.empty() && (strays_.size() >= kMost || bytes_ + segment.captured > most_)) forget_oldest();
        strays_.push_back({hash, side, now, segment, {segment.data, segment.data + segment.captured}});
        Stray& stray = strays_.back();
        stray.segment.data = stray.data.data();
        bytes_ += segment.captured;
        budget_.force(segment.captured);
    }
    // visit(side, segment) of what these ends sent lately, in the order in which it came.
    template <typename Visit>
    void each(uint64_t hash, Nanos now, Visit visit) const {
        for (const Stray& stray : strays_)
            if (stray.hash == hash && now - stray.since <= kStay) visit(stray.side, stray.segment);
    }
    // Each is handed over once: else who sends a few could have them read again and again.
    void forget(uint64_t hash) {
        std::erase_if(strays_, [&](const Stray& stray) {
            if (stray.hash != hash) return false;
            give_back(stray);
            return true;
        });
    }

 private:
    struct Stray {
        uint64_t hash;
        int side;
        Nanos since;
        Segment segment;
        std::vector<uint8_t> data;
    };
    void forget_oldest() {
        give_back(strays_.front());
        strays_.pop_front();
    }
    void give_back(const Stray& stray) {
        bytes_ -= stray.data.size();
        budget_.give(stray.data.size());
    }

    Budget& budget_;
    const uint64_t most_;  // bytes of all
    uint64_t bytes_ = 0;
    std::deque<Stray> strays_;
};

}  // namespace sniffer
