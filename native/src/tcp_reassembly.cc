#include "tcp_reassembly.h"

#include <algorithm>

namespace sniffer {

void TcpReassembly::on_ack(int side, const Segment& segment) {
    TcpStream& other = streams[1 - side];
    if (!other.synced) return on_early_ack(side, segment);
    if (!streams.beyond_window(1 - side, seq_diff(segment.ack, other.next))) acknowledge(other, segment.ack);
}

// Nothing tells yet where the other side begins. The third packet of a handshake whose SYN-ACK was not seen does, and
// the first data, which had heard as little. A late copy from before the port was used again says nothing.
void TcpReassembly::on_early_ack(int side, const Segment& segment) {
    const TcpStream& me = streams[side];
    TcpStream& other = streams[1 - side];
    if (streams.foreign(side, segment.seq)) return;
    const bool first = segment.seq == me.isn + 1 || (segment.seq == me.next && !other.acked_known);
    const bool fits = other.held.empty() || !seq_less(other.held.front().seq, segment.ack);
    if (me.syn_seen && !segment.has(kSyn) && first && fits) {
        other.next = segment.ack;
        other.synced = true;
    }
    acknowledge(other, segment.ack);
}

void TcpReassembly::acknowledge(TcpStream& me, uint32_t ack) {
    if (me.acked_known && !seq_less(me.acked, ack)) return;
    me.acked = ack;
    me.acked_known = true;
    me.forget_acknowledged(context_);
}

void TcpReassembly::on_payload(int side, const Segment& segment) {
    TcpStream& me = streams[side];
    uint32_t seq = segment.seq;
    if (me.ended || (me.fin_known && !seq_less(seq, me.fin_at))) return;
    if (!streams.in_window(side, seq, segment.length) && !seq_less(seq, me.next)) return count_out_of_window();
    if (!me.synced && me.acked_known && me.acked == seq && me.held.empty()) join_midway(side, seq);
    if (me.synced && seq_less(seq, me.next)) {
        context_.ledger.streams.retransmitted_bytes.add(std::min(segment.length, me.next - seq));
        compare_copy(side, segment, seq);
        if (!seq_less(me.next, seq + segment.length)) return;
        seq = me.next;
    }
    if (segment.checksum == Checksum::valid) me.saw_valid_data = true;
    bool untrusted = suspicious(side, segment);
    bool waits = segment.has(kAck) && streams.acknowledges_unseen(side, segment.ack);
    if (me.synced && seq == me.next && me.held.empty() && !untrusted && !waits) return deliver(side, segment, seq);
    if (me.hold(context_, segment, seq, untrusted)) return;
    while (resolve(side)) {
        pump_side(side);
        if (!me.holds_too_much(context_)) return;
    }
}

// Whether it may be forged: its checksum is wrong, or unfinished, where the others were right. It waits until a valid
// copy comes. (Where offload leaves all checksums unfinished none is ever valid, and nothing waits.)
bool TcpReassembly::suspicious(int side, const Segment& segment) const {
    if (segment.checksum == Checksum::invalid) return streams.doubts_wrong(side);
    return segment.checksum == Checksum::unfinished && streams[side].checksums_tell();
}

// Where no SYN was seen: the first byte of this side is one in the midst of what it says.
void TcpReassembly::join_midway(int side, uint32_t seq) {
    streams[side].next = seq;
    streams[side].synced = true;
    handler_.on_midway(side);
}

// Says so where a copy of what was handed over has other bytes.
void TcpReassembly::compare_copy(int side, const Segment& segment, uint32_t seq) {
    TcpStream& me = streams[side];
    if (suspicious(side, segment) || !me.differs_from_history(segment, seq)) return;
    context_.ledger.streams.conflicts.add();
    me.conflicts = true;
    handler_.on_conflict(side);
    // The first right checksum of this side: what was taken before may have been forged.
    if (segment.checksum == Checksum::valid && !me.checksums_tell()) {
        handler_.on_mistake(side);
        me.note_contradicted();
    }
}

void TcpReassembly::on_fin(int side, const Segment& segment, uint32_t seq) {
    TcpStream& me = streams[side];
    if (me.fin_known || !streams.in_window(side, seq + segment.length, 0)) return;
    if (!me.synced && me.held.empty()) {
        me.next = seq;
        me.synced = true;
    }
    me.fin_at = seq + segment.length;
    me.fin_ack = streams.heard_by(side, segment);
    me.fin_known = true;
}

void TcpReassembly::deliver(int side, const Segment& segment, uint32_t seq) {
    uint32_t skip = seq - segment.seq;
    if (skip < segment.captured)
        hand_over(side, {reinterpret_cast<const char*>(segment.data) + skip, segment.captured - skip, segment.time,
                         skip == 0, false, heard_all(side, segment.has(kAck), segment.ack), segment.number});
    if (segment.has(kAck)) streams[side].note_ack(segment.ack);
    uint32_t cut = segment.length - std::max(segment.captured, skip);
    if (cut > 0) gap(side, cut);
    streams[side].forget_acknowledged(context_);
}

void TcpReassembly::hand_over(int side, Piece piece) {
    TcpStream &me = streams[side], &other = streams[1 - side];
    // That it was acknowledged by now is not enough where bytes came late: who spoke last had heard all before it, and
    // not it, as one may who was joined midway: that may have been the answer. Nor may the answer be what was lost
    // since.
    piece.quiet = piece.quiet && me.acked_known && !seq_less(me.acked, me.next) && other.acked_known &&
                  !seq_less(other.acked, other.next) && other.said_ack_known && other.said_ack == me.next;
    me.conflicts |= piece.conflicting;
    me.next += piece.size;
    me.bytes += piece.size;
    me.waiting_since = -1;
    me.remember(context_, piece.data, piece.size);
    handler_.on_data(side, piece);
}

// Whether who said this had heard all of the other side that was handed over or given up.
bool TcpReassembly::heard_all(int side, bool has_ack, uint32_t ack) const {
    return has_ack && !seq_less(ack, streams[1 - side].next);
}

void TcpReassembly::deliver_held(int side) {
    TcpStream& me = streams[side];
    std::unique_ptr<HeldSegment> segment = me.take_held();
    if (segment->checksum == Checksum::invalid && segment->untrusted) ++me.others_taken;  // not noted when it came
    uint64_t skip = me.next - segment->seq;
    const bool heard = heard_all(side, segment->has_ack, segment->ack);
    bool start = segment->segment_start && skip == 0;
    for (const Chunk* chunk = segment->data.first(); chunk; chunk = chunk->next) {
        if (skip >= chunk->size) {
            skip -= chunk->size;
            continue;
        }
        hand_over(side, {chunk->data + skip, static_cast<uint32_t>(chunk->size - skip), segment->time, start,
                         segment->conflicting, heard, segment->number});
        start = false;
        skip = 0;
    }
    if (segment->has_ack) me.note_ack(segment->ack);
    if (seq_less(me.next, segment->end())) gap(side, segment->end() - me.next);
    me.discard(context_, *segment);
    me.forget_acknowledged(context_);
}

void TcpReassembly::deliver_fin(int side) {
    TcpStream& me = streams[side];
    me.fin_done = me.ended = true;
    me.next = me.fin_at + 1;
    me.waiting_since = -1;
    handler_.on_fin(side);
}

void TcpReassembly::gap(int side, uint32_t bytes) {
    TcpStream& me = streams[side];
    me.next += bytes;
    me.missing += bytes;
    me.waiting_since = -1;
    me.forget(context_);  // what is remembered no longer ends at `next`
    context_.ledger.streams.gaps.add();
    context_.ledger.streams.gap_bytes.add(bytes);
    handler_.on_gap(side, bytes);
}

bool TcpReassembly::may_deliver(int side, const HeldSegment& segment) const {
    if (segment.has_ack && streams.acknowledges_unseen(side, segment.ack)) return false;
    if (!segment.untrusted) return true;
    const TcpStream& me = streams[side];
    // By now this side has shown that it makes none.
    if (segment.checksum == Checksum::invalid && !streams.doubts_wrong(side)) return true;
    // What this machine sent itself and was acknowledged was no forgery.
    return segment.checksum == Checksum::unfinished && me.acked_known && !seq_less(me.acked, segment.end());
}

// The receiver took no such segment where it takes data with right checksums: what was acknowledged in its place was
// not seen. Where data with a right checksum never came it may be that somebody writes wrong ones; and of copies that
// differ the first is taken, which the record says.
bool TcpReassembly::forged(int side, const HeldSegment& segment) const {
    const bool wrong = segment.untrusted && segment.checksum == Checksum::invalid && streams[side].checksums_tell();
    return wrong && !segment.conflicting && (streams[0].saw_valid_data || streams[1].saw_valid_data);
}

void TcpReassembly::pump() {
    for (bool progress = true; progress;) {
        progress = pump_side(0);
        progress |= pump_side(1);
    }
}

bool TcpReassembly::pump_side(int side) {
    TcpStream& me = streams[side];
    if (!me.synced || me.ended) return false;
    bool progress = false;
    me.drop_before_next(context_);
    while (!me.held.empty() && !seq_less(me.next, me.held.front().seq) && may_deliver(side, me.held.front())) {
        deliver_held(side);
        me.drop_before_next(context_);
        progress = true;
    }
    if (me.fin_known && !seq_less(me.next, me.fin_at) && !streams.acknowledges_unseen(side, me.fin_ack)) {
        deliver_fin(side);
        progress = true;
    }
    return progress;
}

// `catching_up`: for the other side, which has begun to.
bool TcpReassembly::resolve(int side, bool catching_up) {
    TcpStream& me = streams[side];
    if (me.ended) return false;
    if (!me.synced) {
        if (me.held.empty()) return false;
        join_midway(side, me.held.front().seq);
        return true;
    }
    bool dropped = drop_forged(side);
    if (!me.held.empty() && !seq_less(me.next, me.held.front().seq)) {
        if (me.held.front().has_ack && !catch_up(side, me.held.front().ack, catching_up)) handler_.on_disorder();
        deliver_held(side);
        return true;
    }
    if (me.fin_known && !seq_less(me.next, me.fin_at)) {
        deliver_fin(side);
        return true;
    }
    uint32_t hole = hole_of(side);
    bool closing = streams[1 - side].fin_known && !me.fin_known && me.held.empty();
    if (hole == 1 && closing) {  // what a closing side acknowledged last: the FIN, which was not seen
        me.fin_known = true;
        me.fin_at = me.next;
        deliver_fin(side);
    } else if (hole > 0) {
        gap(side, hole);
    }
    return dropped || hole > 0;
}

// Gives up what is missing of the other side before what this side acknowledged: to hand that over first would turn the
// order of what was said around. False where it can't be: what both sides hold acknowledges the other's.
bool TcpReassembly::catch_up(int side, uint32_t ack, bool catching_up) {
    if (!streams.acknowledges_unseen(side, ack)) return true;
    if (catching_up) return false;
    while (streams.acknowledges_unseen(side, ack) && resolve(1 - side, true)) pump_side(1 - side);
    return !streams.acknowledges_unseen(side, ack);
}

// What stands where the next bytes should.
bool TcpReassembly::drop_forged(int side) {
    TcpStream& me = streams[side];
    bool dropped = false;
    while (!me.held.empty() && !seq_less(me.next, me.held.front().seq) && forged(side, me.held.front())) {
        me.discard(context_, *me.take_held());
        me.drop_before_next(context_);
        dropped = true;
    }
    return dropped;
}

// How many bytes are missing before what is held, or acknowledged.
uint32_t TcpReassembly::hole_of(int side) const {
    const TcpStream& me = streams[side];
    const bool waits = me.waiting_since >= 0;
    const uint32_t acknowledged = waits ? me.waited_for : me.acked;
    const bool acked = (waits ? me.waited_for_known : me.acked_known) && seq_less(me.next, acknowledged);
    size_t real = 0;
    while (real < me.held.size() && forged(side, me.held[real])) ++real;
    uint32_t to = me.next;
    if (real < me.held.size())
        to = acked ? seq_min(me.held[real].seq, acknowledged) : me.held[real].seq;
    else if (acked)
        to = acknowledged;
    if (me.fin_known) to = seq_min(to, me.fin_at);
    // What the other side said in the midst of the hole, having heard its first part, comes between the parts.
    const TcpStream& other = streams[1 - side];
    const bool heard = other.synced && !other.held.empty() && other.held.front().has_ack &&
                       !seq_less(other.next, other.held.front().seq);
    if (heard && seq_less(me.next, other.held.front().ack)) to = seq_min(to, other.held.front().ack);
    return to - me.next;
}

void TcpReassembly::flush(int side, bool reset) {
    TcpStream& me = streams[side];
    while (!me.held.empty() && resolve(side)) me.drop_before_next(context_);
    pump_side(side);
    while ((reset || streams.lacks_bytes(side)) && resolve(side)) {
    }
    pump_side(side);
    // A FIN tells where the end is, acknowledged or not.
    if (me.synced && !me.ended && me.fin_known && seq_less(me.next, me.fin_at)) gap(side, me.fin_at - me.next);
}

void TcpReassembly::end(End how) {
    handler_.on_end(how);
    release();
}

void TcpReassembly::release() {
    streams[0].release(context_);
    streams[1].release(context_);
}

}  // namespace sniffer
