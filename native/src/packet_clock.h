// The time that passes between packets. It never goes back: where the capture's clock is set back, it goes on from
// where it was, so that nothing is overdue at once and nothing waits for the clock to catch up.
#pragma once

#include <algorithm>

#include "types.h"

namespace sniffer {

class PacketClock {
 public:
    Nanos now() const { return now_; }
    // What the capture's clock showed last.
    Nanos shown() const { return now_ - shift_; }
    // `shown`: the time of a packet, or of a tick. False when no time passed.
    bool advance(Nanos shown) {
        if (shown < now_) return catch_up(shown);
        now_ = shown;
        shift_ = 0;  // or: set right again
        return true;
    }

 private:
    bool catch_up(Nanos shown) {
        if (shown + shift_ < now_ - kSetBack) shift_ = now_ - shown;
        const Nanos before = now_;
        now_ = std::max(now_, shown + shift_);
        return now_ > before;
    }

    // Packets of several interfaces are a little out of order.
    static constexpr Nanos kSetBack = kSecond / 2;
    Nanos now_ = 0, shift_ = 0;
};

}  // namespace sniffer
