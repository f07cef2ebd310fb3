// One TCP connection: segments of both sides in, bytes in causal order out, so that a response never comes before its
// request, however the capture ordered the packets.
//
// What a segment brings goes to who knows about it: a SYN to the handshake, acknowledgment, data and FIN to the
// reassembly, a RST to the reset. Here is what none of them sees alone: how long to wait, and when all is over.
#pragma once

#include <array>

#include "stream_handler.h"
#include "tcp_handshake.h"
#include "tcp_reassembly.h"
#include "tcp_reset.h"

namespace sniffer {

// What a segment meant for the connection as a whole.
enum class Outcome : uint8_t {
    open,
    ended,   // both FINs, or a reset: the handler got on_end
    reopen,  // this segment belongs to a new connection between the same ends
    stray,   // it has no place in this one, and may belong to one that is not proven yet
};

class TcpConnection {
 public:
    // How long an acknowledged hole may stay before it is called a gap.
    static constexpr Nanos kGapDelay = 50 * kMillisecond;
    static constexpr int kGapPackets = 3;

    TcpConnection(TcpContext& context, StreamHandler& handler) : reassembly_(context, handler) {}

    // `side` is who sent it; `now`: by the clock that on_time() knows.
    Outcome on_segment(int side, const Segment& segment, Nanos now);
    // Declares the holes that are overdue.
    Outcome on_time(Nanos now);
    // Hands over what is held, with gaps, and tells the handler the end.
    void finish(End end);
    // A SYN with this number, of this side, opened the connection that on_segment() then answered with `reopen`.
    void adopt_opener(int side, uint32_t isn) { handshake_.adopt_opener(reassembly_.streams, side, isn); }
    // Which sides make checksums, as far as the connection before this one tells, between the same ends.
    void adopt_checksums(const std::array<bool, 2>& tell) {
        for (int side : {0, 1}) reassembly_.streams[side].right_checksums += tell[side];
    }
    std::array<bool, 2> checksums_tell() const { return {stream(0).checksums_tell(), stream(1).checksums_tell()}; }

    // For bytes that may still come; nothing comes after the end.
    bool waiting() const { return !ended_ && (stream(0).waiting_since >= 0 || stream(1).waiting_since >= 0); }
    bool ended() const { return ended_; }
    End how() const { return how_; }  // once it ended
    bool conflicts() const { return stream(0).conflicts || stream(1).conflicts; }
    // Who sent the SYN; -1 where none was seen.
    int syn_side() const { return handshake_.syn_side(); }
    bool handshake_seen() const { return stream(0).syn_seen && stream(1).syn_seen; }
    // Whether it can tell this side's segment from one of an earlier connection: where both sides stand, or that it is
    // the next one.
    bool knows_places(int side, const Segment& segment) const {
        const bool both = stream(0).synced && stream(1).synced;
        return both || (stream(side).synced && stream(side).next == segment.seq);
    }
    const TcpStream& stream(int side) const { return reassembly_.streams[side]; }
    // The number of the SYN that opened the connection for which on_segment() answered `reopen`, and who sent it.
    uint32_t reopen_isn() const { return handshake_.reopen_isn(); }
    int reopen_side() const { return handshake_.reopen_side(); }

 private:
    void on_payload(int side, const Segment& segment, uint32_t seq);
    void on_last(int side, const Segment& segment, uint32_t seq);
    // Whether anything is held, missing or about to end; most segments leave nothing so.
    bool unsettled() const { return stream(0).unsettled() || stream(1).unsettled() || reset_.pending(); }
    bool must_wait(int side) const;
    bool lacks_bytes(int side) const;
    int side_with_hole() const;
    static void start_waiting(TcpStream& me, Nanos now);
    void watch(int side, Nanos now);
    Outcome settle();

    TcpReassembly reassembly_;
    TcpHandshake handshake_;
    TcpReset reset_;
    bool ended_ = false;
    End how_ = End::capture_end;
};

}  // namespace sniffer
