// Both directions of a connection, and what one of them tells about the other: which numbers a side may use (its peer's
// window), and what a side had heard when it spoke. Questions only: who asks them changes the streams.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "decode.h"
#include "seq.h"
#include "tcp_stream.h"

namespace sniffer {

class StreamPair {
 public:
    // What is accepted whatever the window is: the capture may show data before what made room for it. Four of the
    // largest windows that need no scale.
    static constexpr uint32_t kAlwaysInWindow = 4u << 16;

    TcpStream& operator[](int side) { return streams_[side]; }
    const TcpStream& operator[](int side) const { return streams_[side]; }

    // RFC 9293 section 3.10.7.4, first step: whether this side's receiver takes anything with these numbers.
    bool in_window(int side, uint32_t seq, uint32_t length) const {
        const TcpStream& me = streams_[side];
        if (!me.synced) return true;
        int32_t ahead = seq_diff(seq, me.next);
        if (ahead < 0) return seq_diff(seq + length, me.next) >= 0;
        return !beyond_window(side, ahead);
    }
    // Most segments are so near that the window need not be known.
    bool beyond_window(int side, int32_t ahead) const {
        return ahead > static_cast<int32_t>(kAlwaysInWindow) && ahead > static_cast<int32_t>(window_of(side));
    }
    // Whether a wrong checksum is a reason to doubt what this side sent: by its others, and before there are any by the
    // other side's, where that was seen from its SYN on. (Joined midway, who makes none would be doubted at first.)
    bool doubts_wrong(int side) const {
        const TcpStream &me = streams_[side], &other = streams_[1 - side];
        return me.checksums_known() ? me.checksums_tell() : other.syn_seen && other.checksums_tell();
    }
    // A number that is neither in the window nor one of a late copy.
    bool foreign(int side, uint32_t seq) const {
        const TcpStream& me = streams_[side];
        const uint32_t behind = me.next - seq;
        return me.synced && !in_window(side, seq, 0) && behind > kAlwaysInWindow && behind > me.next - me.range().first;
    }
    // Whether bytes are missing that the other side has: only these can be a gap.
    bool lacks_bytes(int side) const {
        const TcpStream& me = streams_[side];
        if (me.ended) return false;
        if (!me.synced) return !me.held.empty();
        return me.acked_known && seq_less(me.next, me.acked) &&
               seq_diff(me.acked, me.next) <= static_cast<int32_t>(window_of(side));
    }

    // What this side had heard of the other one when it sent its last segment. Where that does not say so it had heard
    // what was seen so far; nothing, as long as it is not known where the other side begins.
    std::optional<uint32_t> heard_by(int side, const Segment& last) const {
        const TcpStream& other = streams_[1 - side];
        if (last.has(kAck)) return last.ack;
        if (!other.synced) return other.acked_known ? std::optional(other.acked) : std::nullopt;
        return other.acked_known ? seq_max(other.acked, other.next) : other.next;
    }
    // Whether this side, acknowledging that, had heard what is not handed over yet.
    bool acknowledges_unseen(int side, uint32_t ack) const {
        const TcpStream& other = streams_[1 - side];
        if (!other.synced) return !other.held.empty() && seq_less(other.held.front().seq, ack);
        if (other.ended) return false;
        int32_t ahead = seq_diff(ack, other.next);
        return ahead > 0 && !beyond_window(1 - side, ahead);
    }
    bool acknowledges_unseen(int side, std::optional<uint32_t> ack) const {
        return ack && acknowledges_unseen(side, *ack);
    }

 private:
    // What a window may be when its scale was not seen (RFC 7323 section 2.3: at most 14).
    static constexpr uint32_t kLargestWindow = 1u << 30;

    // How far beyond its `next` this side may send: what the other side's window allows.
    uint32_t window_of(int side) const {
        const TcpStream &me = streams_[side], &other = streams_[1 - side];
        if (!other.syn_seen || !me.syn_seen) return kLargestWindow;
        int shift = me.scale >= 0 && other.scale >= 0 ? std::min<int>(other.scale, 14) : 0;
        uint64_t window = static_cast<uint64_t>(other.window) << shift;
        // Twice: the capture may show data before the acknowledgment that made room for it.
        return static_cast<uint32_t>(std::clamp<uint64_t>(2 * window, kAlwaysInWindow, kLargestWindow));
    }

    TcpStream streams_[2];
};

}  // namespace sniffer
