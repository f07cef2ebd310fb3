// What connections that are gone had sent: a copy of it that comes late is of no new connection.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "tcp_stream.h"

namespace sniffer {

class FormerConnections {
 public:
    // How long a copy may be on its way: as long as Linux stays in TIME_WAIT (RFC 9293 section 3.3.2: 2 MSL).
    static constexpr Nanos kStay = 60 * kSecond;

    FormerConnections() : former_(kMost), newest_(kPlaces) {}
    // `hash`: of its ends. Of the last kMost connections is known what they sent.
    void add(uint64_t hash, const std::array<SentRange, 2>& sent, Nanos now) {
        uint64_t& newest = newest_[hash % kPlaces];
        at(++count_) = {hash, newest, now, sent};
        newest = count_;
    }
    bool sent(uint64_t hash, int side, const Segment& segment, Nanos now) const {
        uint64_t number = newest_[hash % kPlaces];
        for (int own = 0; own < kMostOfOne && is_known(number, now); number = at(number).before) {
            const Former& former = at(number);
            if (former.hash != hash) continue;
            if (former.sent[side].known ? former.sent[side].has(segment)
                                        : former.sent[1 - side].is_answered_by(segment))
                return true;
            ++own;  // those of others are not counted: which share the place is chance, and a replay gives the same
        }
        return false;
    }

 private:
    static constexpr size_t kMost = 4096, kPlaces = 2 * kMost;
    static constexpr int kMostOfOne = 64;  // who uses one port again and again costs no more
    struct Former {
        uint64_t hash, before;  // the number of the one before it in its place; 0: none
        Nanos since;
        std::array<SentRange, 2> sent;
    };
    Former& at(uint64_t number) { return former_[number % kMost]; }
    const Former& at(uint64_t number) const { return former_[number % kMost]; }
    bool is_known(uint64_t number, Nanos now) const {
        return number > 0 && count_ - number < kMost && now - at(number).since <= kStay;
    }
    std::vector<Former> former_;    // a ring
    std::vector<uint64_t> newest_;  // by hash
    uint64_t count_ = 0;            // numbers begin at 1
};

}  // namespace sniffer
