// The time that passes between packets. It never goes back, and where the capture's clock is set, forward or
// back, it goes on from where it was: nothing is overdue at once, and nothing waits for a clock to catch up.
// It ends at kLastTime.
#pragma once

#include <algorithm>
#include <limits>

#include "types.h"

namespace sniffer {

class PacketClock {
 public:
    Nanos now() const { return now_; }
    // `shown`: the time of a packet. False when no time passed.
    bool advance(Nanos shown) {
        if (shift_ > 0 && shown >= now_) shift_ = 0;  // set right again
        const Nanos time = shown + shift_;
        if (time > latest_ || time < now_ - kSetBack) shift_ = now_ - shown;
        return pass(shown + shift_);
    }
    // Time passed without a packet, up to `now`. False when none did.
    bool pass(Nanos now) {
        const Nanos before = now_;
        now_ = std::clamp(now, now_, kLastTime);
        return now_ > before;
    }
    // Where it is known that no packet is later than that: one that seems to be shows that the clock was set.
    void limit(Nanos latest) { latest_ = latest; }

 private:
    // Packets of several interfaces are a little out of order.
    static constexpr Nanos kSetBack = kSecond / 2;
    Nanos now_ = 0, shift_ = 0, latest_ = std::numeric_limits<Nanos>::max();
};

// What a PacketClock would show if a packet came now, told by the steady clock. Live alone.
class LiveClock {
 public:
    // The packets' time, when they were read.
    void saw(Nanos packet_time, Nanos steady) { ahead_ = std::max(ahead_, packet_time - steady); }
    bool known() const { return ahead_ > kUnknown; }
    // Not later than the truth: a packet is read after it was stamped.
    Nanos at(Nanos steady) const { return steady + ahead_; }

 private:
    static constexpr Nanos kUnknown = std::numeric_limits<Nanos>::min() / 2;
    Nanos ahead_ = kUnknown;
};

}  // namespace sniffer
