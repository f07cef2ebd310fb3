#include "tcp_connection.h"

namespace sniffer {

Outcome TcpConnection::on_segment(int side, const Segment& segment, Nanos now) {
    TcpStream& me = reassembly_.streams[side];
    uint32_t seq = segment.seq;
    ++me.packets;
    if (segment.has(kSyn)) {
        switch (handshake_.on_syn(reassembly_.streams, side, segment, ended_)) {
            case TcpHandshake::Answer::reopen:
                return Outcome::reopen;
            case TcpHandshake::Answer::ignore:
                reassembly_.count_out_of_window();
                me.note_checksum(segment);
                return Outcome::stray;
            case TcpHandshake::Answer::proceed:
                break;
        }
        ++seq;
    }
    if (ended_ || handshake_.watchful()) {
        const bool data = segment.length > 0 && !segment.has(kSyn);
        if (data && handshake_.reopens(reassembly_.streams, side, segment, ended_)) return Outcome::reopen;
        if (ended_) return Outcome::open;
    }
    // It is far from all that this side said and may say.
    if (segment.length > 0 && reassembly_.streams.foreign(side, seq)) {
        reassembly_.count_out_of_window();
        return Outcome::stray;
    }
    // What its receiver drops says nothing, but may be all that was seen of its data.
    const bool doubted = segment.checksum == Checksum::invalid && reassembly_.streams.doubts_wrong(side);
    const bool dropped = doubted && me.checksums_known();
    if (!dropped) {
        if (segment.has(kAck)) reassembly_.on_ack(side, segment);
        reset_.on_sent(side, seq + segment.length);
        me.window = segment.window;
    }
    if (segment.length > 0) on_payload(side, segment, seq);
    // Doubted data counts once it is taken.
    if (!doubted || (!dropped && segment.length == 0)) me.note_checksum(segment);
    if (!dropped && (segment.flags & (kFin | kRst))) on_last(side, segment, seq);
    if (!unsettled()) return Outcome::open;
    reassembly_.pump();
    int first = side_with_hole();
    watch(first, now);
    watch(1 - first, now);
    return settle();
}

void TcpConnection::on_payload(int side, const Segment& segment, uint32_t seq) {
    if (seq == segment.seq) return reassembly_.on_payload(side, segment);
    Segment data = segment;  // a SYN's data begins one after its own number
    data.seq = seq;
    reassembly_.on_payload(side, data);
}

void TcpConnection::on_last(int side, const Segment& segment, uint32_t seq) {
    if (segment.has(kFin)) reassembly_.on_fin(side, segment, seq);
    if (segment.has(kRst) && !reset_.on_reset(reassembly_.streams, side, segment)) reassembly_.count_out_of_window();
}

bool TcpConnection::must_wait(int side) const { return reset_.pending_of(side) || lacks_bytes(side); }

bool TcpConnection::lacks_bytes(int side) const { return reassembly_.streams.lacks_bytes(side); }

void TcpConnection::start_waiting(TcpStream& me, Nanos now) {
    me.waiting_since = now;
    me.waited_packets = 0;
    me.waited_for = me.acked;
    me.waited_for_known = me.acked_known;
}

// A gap is what the other side acknowledged and 3 further packets, or 50 ms, went by without.
void TcpConnection::watch(int side, Nanos now) {
    TcpStream& me = reassembly_.streams[side];
    if (ended_ || !must_wait(side)) {
        me.waiting_since = -1;
    } else if (me.waiting_since < 0 || (me.synced && lacks_bytes(side) && !me.waits_for_bytes())) {
        start_waiting(me, now);  // also where it was waiting for a reset, and now lacks bytes
    } else if (++me.waited_packets >= kGapPackets && lacks_bytes(side)) {
        reassembly_.resolve(side);
        reassembly_.pump();
        if (must_wait(side)) start_waiting(me, now);
    }
}

// The side to give up waiting for first: a segment that is only waiting for what it acknowledges comes behind that.
int TcpConnection::side_with_hole() const {
    const TcpStream& me = stream(0);
    return me.synced && !me.held.empty() && !seq_less(me.next, me.held.front().seq) ? 1 : 0;
}

Outcome TcpConnection::on_time(Nanos now) {
    int first = side_with_hole();
    for (int side : {first, 1 - first}) {
        TcpStream& me = reassembly_.streams[side];
        while (!ended_ && me.waiting_since >= 0 && now - me.waiting_since >= kGapDelay && must_wait(side)) {
            Nanos since = me.waiting_since;
            bool progress = lacks_bytes(side) && reassembly_.resolve(side);
            reassembly_.pump();
            if (!progress && reset_.pending_of(side) && !reset_.end_wait(reassembly_.streams))
                reassembly_.count_out_of_window();
            // Without a step to take only a further packet can change anything.
            me.waiting_since = progress ? since : -1;
        }
        if (!must_wait(side)) me.waiting_since = -1;
    }
    return settle();
}

Outcome TcpConnection::settle() {
    if (ended_) return Outcome::open;
    const bool closed = stream(0).fin_done && stream(1).fin_done;
    if (!closed && !reset_.reached(reassembly_.streams)) return Outcome::open;
    finish(closed ? End::fin : End::reset);
    return Outcome::ended;
}

void TcpConnection::finish(End end) {
    if (ended_) return;
    if (end == End::capture_end && reset_.pending()) end = End::reset;
    // The client's side first where it is known: a request comes before its response.
    int first = syn_side() == 1 ? 1 : 0;
    for (int side : {first, 1 - first}) reassembly_.flush(side, reset_.pending_of(side));
    ended_ = true;
    how_ = end;
    reassembly_.end(end);
}

}  // namespace sniffer
