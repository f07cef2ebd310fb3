// What the TCP stage says to the stage after it. Sides are 0 and 1, as TcpConnection numbers them.
#pragma once

#include <cstdint>
#include <string_view>

#include "types.h"

namespace sniffer {

// Bytes of one side in order, without holes. Valid during the call.
struct Piece {
    const char* data;
    uint32_t size;
    Nanos time;          // of the packet that carried them
    bool segment_start;  // `data` is a segment's first byte
    bool conflicting;    // other bytes were seen for the same place
    // All that both sides sent before this piece was acknowledged: by the other side's last bytes, and by this piece.
    bool quiet;
    uint64_t number = 0;  // of that packet in the recording

    std::string_view view() const { return {data, size}; }
};

// How a connection ended; spelled by end_name().
enum class End : uint8_t { fin, reset, evicted, memory, idle_timeout, replaced, capture_end };
constexpr const char* end_name(End end) {
    constexpr const char* names[] = {"fin", "reset", "evicted", "memory", "idle_timeout", "replaced", "capture_end"};
    return names[static_cast<int>(end)];
}

class StreamHandler {
 public:
    virtual ~StreamHandler() = default;
    virtual void on_data(int side, const Piece& piece) = 0;
    // `bytes` are missing here and will not come.
    virtual void on_gap(int side, uint64_t bytes) = 0;
    virtual void on_fin(int side) = 0;
    // What comes next may have been sent after bytes of the other side that come later.
    virtual void on_disorder() = 0;
    // A retransmission had other bytes than those already handed over.
    virtual void on_conflict(int side) = 0;
    // Bytes of this side that were handed over are not what the other side read.
    virtual void on_mistake(int side) = 0;
    // This side was joined midway: its first byte was not seen.
    virtual void on_midway(int side) = 0;
    // Nothing follows.
    virtual void on_end(End end) = 0;
};

}  // namespace sniffer
