// Payload of both sides in, bytes in causal order out.
//
// A receiver orders what it gets by sequence numbers alone (RFC 9293 section 3.10.7.4, seventh step). Who sees both
// sides has to put what one said behind what it had heard, too: a segment is handed over when all before it was, and
// all that it acknowledges was. Until then it is held; how long is the connection's to say, as far as there is room.
#pragma once

#include <cstdint>

#include "decode.h"
#include "stream_handler.h"
#include "stream_pair.h"

namespace sniffer {

class TcpReassembly {
 public:
    TcpReassembly(TcpContext& context, StreamHandler& handler) : context_(context), handler_(handler) {}
    ~TcpReassembly() { release(); }
    TcpReassembly(const TcpReassembly&) = delete;
    TcpReassembly& operator=(const TcpReassembly&) = delete;

    // Steps of a segment. `seq`: of its first byte of data.
    void on_ack(int side, const Segment& segment);
    void on_payload(int side, const Segment& segment);
    void on_fin(int side, const Segment& segment, uint32_t seq);

    // Hands over all that need not wait.
    void pump();
    // Stops waiting on this side: goes one step on. False when there is no step.
    bool resolve(int side) { return resolve(side, false); }
    // Hands over, with gaps, all that is held, and after a reset all that is known to be missing.
    void flush(int side, bool reset);
    // Nothing follows: tells the handler, and frees what was kept.
    void end(End how);
    // A segment came that its receiver does not take.
    void count_out_of_window() { context_.ledger.streams.out_of_window.add(); }

    StreamPair streams;  // the handshake sets where they begin, the connection since when they wait

 private:
    void on_early_ack(int side, const Segment& segment);
    void acknowledge(TcpStream& me, uint32_t ack);
    void join_midway(int side, uint32_t seq);
    bool suspicious(int side, const Segment& segment) const;
    void compare_copy(int side, const Segment& segment, uint32_t seq);
    void deliver(int side, const Segment& segment, uint32_t seq);
    bool heard_all(int side, bool has_ack, uint32_t ack) const;
    void deliver_held(int side);
    void deliver_fin(int side);
    void hand_over(int side, Piece piece);
    void gap(int side, uint32_t bytes);
    bool pump_side(int side);
    bool may_deliver(int side, const HeldSegment& segment) const;
    bool forged(int side, const HeldSegment& segment) const;
    bool drop_forged(int side);
    bool resolve(int side, bool catching_up);
    bool catch_up(int side, uint32_t ack, bool catching_up);
    uint32_t hole_of(int side) const;
    void release();

    TcpContext& context_;
    StreamHandler& handler_;
};

}  // namespace sniffer
