// One TCP connection: segments of both sides in, bytes in causal order out.
//
// A segment is handed over when all before it was, and all that it acknowledges was too: so a
// response never comes before its request, however the capture ordered the packets.
#pragma once

#include <array>
#include <optional>

#include "stream_handler.h"
#include "tcp_stream.h"

namespace sniffer {

// What a segment meant for the connection as a whole.
enum class Outcome : uint8_t {
    open,
    ended,   // both FINs, or a reset: the handler got on_end
    reopen,  // this segment belongs to a new connection between the same ends
};

class TcpConnection {
 public:
    // How long an acknowledged hole may stay before it is called a gap.
    static constexpr Nanos kGapDelay = 50 * kMillisecond;
    static constexpr int kGapPackets = 3;

    TcpConnection(TcpContext& context, StreamHandler& handler) : context_(context), handler_(handler) {}
    ~TcpConnection() { release(); }
    TcpConnection(const TcpConnection&) = delete;
    TcpConnection& operator=(const TcpConnection&) = delete;

    // `side` is who sent it; `now`: by the clock that on_time() knows.
    Outcome on_segment(int side, const Segment& segment, Nanos now);
    // Declares the holes that are overdue.
    Outcome on_time(Nanos now);
    // Hands over what is held, with gaps, and tells the handler the end.
    void finish(End end);
    // A SYN of this side opened the connection that on_segment() then answered with `reopen`.
    void adopt_syn(int side, uint32_t isn);
    // Which sides make checksums, as far as the connection before this one tells, between the same ends.
    void adopt_checksums(const std::array<bool, 2>& tell) {
        for (int side : {0, 1}) streams_[side].right_checksums += tell[side];
    }
    std::array<bool, 2> checksums_tell() const { return {streams_[0].checksums_tell(), streams_[1].checksums_tell()}; }

    // For bytes that may still come; nothing comes after the end.
    bool waiting() const { return !ended_ && (streams_[0].waiting_since >= 0 || streams_[1].waiting_since >= 0); }
    bool ended() const { return ended_; }
    End how() const { return how_; }  // once it ended
    bool conflicts() const { return conflicts_; }
    // Who sent the SYN; -1 where none was seen.
    int syn_side() const { return syn_side_; }
    bool handshake_seen() const { return streams_[0].syn_seen && streams_[1].syn_seen; }
    // Whether it can tell this side's segment from one of an earlier connection: where both sides stand, or that it is
    // the next one.
    bool knows_places(int side, const Segment& segment) const {
        const bool both = streams_[0].synced && streams_[1].synced;
        return both || (streams_[side].synced && streams_[side].next == segment.seq);
    }
    const TcpStream& stream(int side) const { return streams_[side]; }
    // The sequence number of the SYN that made on_segment() answer `reopen`, and who sent it.
    uint32_t reopen_isn() const { return reopen_isn_; }
    int reopen_side() const { return reopen_side_; }

 private:
    enum class SynAnswer : uint8_t { proceed, ignore, reopen };
    bool reopens(int side, const Segment& segment);
    bool foreign(int side, uint32_t seq) const;
    SynAnswer on_syn(int side, const Segment& segment);
    bool shows_beginning(int side, const Segment& segment);
    bool is_late_syn(int side, const Segment& segment);
    void on_ack(int side, const Segment& segment);
    void on_payload(int side, const Segment& segment);
    void on_last(int side, const Segment& segment, uint32_t seq);
    void on_fin(int side, const Segment& segment, uint32_t seq);
    void on_reset(int side, const Segment& segment);
    void end_wait_for_reset();
    bool in_window(int side, uint32_t seq, uint32_t length) const;
    uint32_t window_of(int side) const;
    bool beyond_window(int side, int32_t ahead) const;
    bool suspicious(TcpStream& me, const Segment& segment) const;

    void deliver(int side, const Segment& segment, uint32_t seq);
    void deliver_held(int side);
    void deliver_fin(int side);
    void hand_over(int side, Piece piece);
    void gap(int side, uint32_t bytes);
    void pump();
    bool pump_side(int side);
    bool may_deliver(int side, const HeldSegment& segment) const;
    bool forged(const HeldSegment& segment) const;
    bool drop_forged(int side);
    bool catch_up(int side, uint32_t ack);
    std::optional<uint32_t> heard_by(int side, const Segment& last) const;
    bool acknowledges_unseen(int side, std::optional<uint32_t> ack) const;
    bool acknowledges_unseen(int side, uint32_t ack) const;

    bool unsettled() const;
    bool must_wait(int side) const;
    bool lacks_bytes(int side) const;
    int side_with_hole() const;
    static void start_waiting(TcpStream& me, Nanos now);
    void watch(int side, Nanos now);
    bool resolve(int side);
    uint32_t hole_of(int side) const;
    void flush(int side);
    Outcome settle();
    void release();

    TcpContext& context_;
    StreamHandler& handler_;
    TcpStream streams_[2];
    int8_t syn_side_ = -1, reset_side_ = -1, reopen_side_ = -1, answered_side_ = -1;
    bool ended_ = false, reset_due_ = false, reset_exact_ = false, conflicts_ = false, catching_up_ = false;
    bool watchful_ = false;  // it ended, or a new connection between the same ends may have begun
    End how_ = End::capture_end;
    uint32_t reset_at_ = 0, reopen_isn_ = 0;
    std::optional<uint32_t> reset_ack_;  // none: it had heard nothing that is known
    uint32_t answered_isn_ = 0;          // of a SYN that was answered, but not seen
};

}  // namespace sniffer
