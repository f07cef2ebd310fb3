// Which frames of which files the packets became: what a record's `pcap` says.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <string>

namespace sniffer {

class FrameIndex {
 public:
    // `packets` that follow each other from number `first` on are frames of one file from `frame` on.
    void add(uint64_t sequence, uint64_t first, uint64_t packets, uint64_t frame) {
        if (!runs_.empty()) {
            Run& last = runs_.back();
            if (last.sequence == sequence && last.first + last.packets == first && last.frame + last.packets == frame) {
                last.packets += packets;
                return;
            }
        }
        if (runs_.size() == kMostRuns) runs_.pop_front();
        runs_.push_back({sequence, first, packets, frame});
    }

    // `"pcap":[{"sequence":…,"firstFrame":…,"lastFrame":…}]` of the packets from `first` to `last`;
    // empty where none of them was recorded.
    std::string json(uint64_t first, uint64_t last) const {
        std::string out;
        auto run = std::lower_bound(runs_.begin(), runs_.end(), first,
                                    [](const Run& r, uint64_t number) { return r.first + r.packets <= number; });
        for (int entries = 0; run != runs_.end() && run->first <= last && entries < kMostEntries; ++run, ++entries) {
            const uint64_t from = std::max(first, run->first), to = std::min(last, run->first + run->packets - 1);
            out += out.empty() ? "\"pcap\":[" : ",";
            out += "{\"sequence\":" + std::to_string(run->sequence) +
                   ",\"firstFrame\":" + std::to_string(run->frame + from - run->first) +
                   ",\"lastFrame\":" + std::to_string(run->frame + to - run->first) + "}";
        }
        return out.empty() ? out : out + "]";
    }

 private:
    static constexpr size_t kMostRuns = 4096;
    static constexpr int kMostEntries = 64;
    struct Run {
        uint64_t sequence, first, packets, frame;
    };
    std::deque<Run> runs_;
};

}  // namespace sniffer
