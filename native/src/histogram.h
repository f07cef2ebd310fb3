// Counts values by size class. One writer (the capture thread); any thread may read.
#pragma once

#include <array>
#include <cstddef>

#include "counter.h"

namespace sniffer {

// Upper bounds, which belong to their class ("le" in Prometheus); one more class is for what is above.
template <size_t N>
using Bounds = std::array<uint64_t, N>;

template <const auto& kBounds>
class Histogram {
 public:
    static constexpr size_t kClasses = kBounds.size() + 1;

    void add(uint64_t value) {
        size_t i = 0;
        while (i < kBounds.size() && value > kBounds[i]) ++i;  // most values are small
        counts_[i].add();
        sum_.add(value);
    }
    uint64_t count(size_t i) const { return counts_[i].get(); }
    uint64_t sum() const { return sum_.get(); }

 private:
    std::array<Counter, kClasses> counts_;
    Counter sum_;
};

}  // namespace sniffer
