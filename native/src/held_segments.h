// What one side sent and cannot be handed over yet, in the order of its sequence numbers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "arena.h"
#include "decode.h"
#include "seq.h"

namespace sniffer {

// A segment, or the part of one that is new, that can't be handed over yet.
struct HeldSegment {
    uint32_t seq = 0, ack = 0;
    uint32_t length = 0;  // on the wire; data.size() may be less where the snap length cut it
    Nanos time = 0;
    uint64_t number = 0;  // in the recording
    Chain data;
    Checksum checksum = Checksum::unknown;
    bool has_ack = false, segment_start = false, conflicting = false, untrusted = false;
    uint32_t end() const { return seq + length; }
};

// Sorted, none overlaps another. Whoever sends every second byte, in any order, makes thousands of them: a place is
// found by halving, and what moves are bare pointers that lie side by side, for those move as one block. What goes,
// goes first most often.
class HeldSegments {
 public:
    HeldSegments() = default;
    HeldSegments(const HeldSegments&) = delete;
    HeldSegments& operator=(const HeldSegments&) = delete;
    ~HeldSegments() { std::for_each(begin(), segments_.cend(), std::default_delete<HeldSegment>()); }

    bool empty() const { return first_ == segments_.size(); }
    HeldSegment& front() const { return *segments_[first_]; }
    HeldSegment& back() const { return *segments_.back(); }
    size_t size() const { return segments_.size() - first_; }
    HeldSegment& operator[](size_t place) const { return *segments_[first_ + place]; }

    // The place of the first one that ends behind `seq`; size() where there is none.
    size_t place_of(uint32_t seq) const {
        if (empty() || !seq_less(seq, back().end())) return size();  // the common case of a hole with data after it
        const auto ends_before = [seq](const HeldSegment* segment) { return !seq_less(seq, segment->end()); };
        return static_cast<size_t>(std::partition_point(begin(), segments_.end(), ends_before) - begin());
    }

    void insert(size_t place, std::unique_ptr<HeldSegment> segment) {
        const auto at = segments_.insert(begin() + static_cast<ptrdiff_t>(place), nullptr);
        *at = segment.release();  // the list's from here on: it found room
    }
    std::unique_ptr<HeldSegment> take(size_t place) {
        const auto at = begin() + static_cast<ptrdiff_t>(place);
        std::unique_ptr<HeldSegment> taken(*at);
        if (place > 0) {
            segments_.erase(at);
            return taken;
        }
        ++first_;
        if (empty() || first_ >= kMostTaken) forget_taken();
        return taken;
    }

 private:
    static constexpr size_t kMostTaken = 64;  // empty places before the first one
    using Segments = std::vector<HeldSegment*>;
    Segments::const_iterator begin() const { return segments_.begin() + static_cast<ptrdiff_t>(first_); }
    void forget_taken() {
        segments_.erase(segments_.begin(), begin());
        first_ = 0;
        // A connection that was in disorder once keeps no memory for it.
        if (segments_.empty()) Segments().swap(segments_);
    }
    Segments segments_;  // each is this list's own
    size_t first_ = 0;
};

}  // namespace sniffer
