#include "tcp_connection.h"

#include <algorithm>

namespace sniffer {
namespace {

// What a window may be when its scale was not seen (RFC 7323 section 2.3: at most 14).
constexpr uint32_t kLargestWindow = 1u << 30;
constexpr uint32_t kSmallestWindow = 1u << 16;
// What is accepted whatever the window is: the capture may show data before what made room for it.
constexpr uint32_t kAlwaysInWindow = 4 * kSmallestWindow;

}  // namespace

Outcome TcpConnection::on_segment(int side, const Segment& segment, Nanos now) {
    TcpStream& me = streams_[side];
    uint32_t seq = segment.seq;
    ++me.packets;
    if (segment.has(kSyn)) {
        switch (on_syn(side, segment)) {
            case SynAnswer::reopen:
                return Outcome::reopen;
            case SynAnswer::ignore:
                me.note_checksum(segment);
                return settle();
            case SynAnswer::proceed:
                break;
        }
        ++seq;
    }
    if (watchful_) {
        if (segment.length > 0 && !segment.has(kSyn) && reopens(side, segment)) return Outcome::reopen;
        if (ended_) return Outcome::open;
    }
    // What its receiver drops says nothing, but may be all that was seen of its data.
    const bool dropped = segment.checksum == Checksum::invalid && me.checksums_tell();
    if (!dropped) {
        if (segment.has(kAck)) on_ack(side, segment);
        // RFC 5961 section 3.2: only the exact number resets. Another one may have overtaken data in the
        // capture; but who goes on beyond its reset did not send it.
        if (reset_side_ == side && seq_less(reset_at_, seq + segment.length)) reset_side_ = -1;
        me.window = segment.window;
    }
    if (segment.length > 0 && seq == segment.seq) {
        on_payload(side, segment);
    } else if (segment.length > 0) {
        Segment data = segment;  // a SYN's data begins one after its own number
        data.seq = seq;
        on_payload(side, data);
    }
    if (!dropped) {
        me.note_checksum(segment);
        if (segment.flags & (kFin | kRst)) on_last(side, segment, seq);
    }
    if (!unsettled()) return Outcome::open;
    pump();
    int first = side_with_hole();
    watch(first, now);
    watch(1 - first, now);
    return settle();
}

// Data of a new connection between the same ends, of whose handshake a part was not seen.
bool TcpConnection::reopens(int side, const Segment& segment) {
    if (reopen_side_ == side) return segment.seq == reopen_isn_ + 1 && !in_window(side, segment.seq, 0);
    if (reopen_side_ == 1 - side && segment.has(kAck) && segment.ack - (reopen_isn_ + 1) < kAlwaysInWindow)
        return !in_window(1 - side, segment.ack, 0);  // it heard what followed the new SYN
    if (!foreign(side, segment.seq)) return false;
    if (answered_side_ == side && segment.seq == answered_isn_ + 1) {
        reopen_side_ = answered_side_;  // the SYN itself was not seen, its answer was
        reopen_isn_ = answered_isn_;
        return true;
    }
    return ended_;  // nothing of a handshake was seen
}

// A number that is neither in the window nor one of a late copy.
bool TcpConnection::foreign(int side, uint32_t seq) const {
    const TcpStream& me = streams_[side];
    const uint32_t behind = me.next - seq;
    return me.synced && !in_window(side, seq, 0) && behind > kAlwaysInWindow && behind > me.next - me.range().first;
}

// Whether anything is held, missing or about to end; most segments leave nothing so.
bool TcpConnection::unsettled() const {
    const TcpStream &a = streams_[0], &b = streams_[1];
    bool missing = seq_less(a.next, a.acked) || seq_less(b.next, b.acked);
    return missing || !a.held.empty() || !b.held.empty() || a.fin_known || b.fin_known || reset_side_ >= 0 || waiting();
}

// RFC 9293 3.10.7.4 and RFC 5961 4: on a live connection a SYN proves nothing; the other side's
// SYN-ACK for it does.
TcpConnection::SynAnswer TcpConnection::on_syn(int side, const Segment& segment) {
    TcpStream &me = streams_[side], &other = streams_[1 - side];
    bool answer = segment.has(kAck);
    if (me.syn_seen && me.isn == segment.seq) return SynAnswer::proceed;  // sent again
    if (shows_beginning(side, segment)) return SynAnswer::proceed;
    if (!answer && is_late_syn(side, segment)) return SynAnswer::proceed;
    if (answer && reopen_side_ == 1 - side && segment.ack == reopen_isn_ + 1) return SynAnswer::reopen;
    bool untouched =
        me.bytes + other.bytes == 0 && me.held.empty() && other.held.empty() && !(me.syn_seen && other.syn_seen);
    if (ended_ || (me.syn_seen && untouched && !answer)) {
        reopen_side_ = static_cast<int8_t>(answer ? 1 - side : side);
        reopen_isn_ = answer ? segment.ack - 1 : segment.seq;
        return SynAnswer::reopen;
    }
    // Where the other side was joined midway this is no beginning of what it said.
    const bool joined = !answer && (!other.held.empty() || (other.synced && !other.syn_seen));
    if (me.synced || joined) {
        if (answer) {
            watchful_ = true;
            answered_side_ = static_cast<int8_t>(1 - side);
            answered_isn_ = segment.ack - 1;
        } else {
            watchful_ = true;
            reopen_side_ = static_cast<int8_t>(side);
            reopen_isn_ = segment.seq;
            if (answered_side_ == side && answered_isn_ == segment.seq) return SynAnswer::reopen;
        }
        context_.ledger.streams.out_of_window.add();
        return SynAnswer::ignore;
    }
    me.isn = segment.seq;
    me.next = segment.seq + 1;
    me.syn_seen = me.synced = true;
    me.scale = segment.window_scale;
    if (syn_side_ < 0) syn_side_ = static_cast<int8_t>(answer ? 1 - side : side);
    if (answer && !other.synced) {
        other.next = segment.ack;
        other.synced = true;
    }
    return SynAnswer::proceed;
}

// The SYN of what was seen before it.
bool TcpConnection::shows_beginning(int side, const Segment& segment) {
    TcpStream& me = streams_[side];
    if (!me.synced || me.syn_seen || me.range().first != segment.seq) return false;
    me.isn = segment.seq;
    me.syn_seen = true;
    me.scale = segment.window_scale;
    return true;
}

// A SYN that the capture shows behind the answer to it.
bool TcpConnection::is_late_syn(int side, const Segment& segment) {
    TcpStream &me = streams_[side], &other = streams_[1 - side];
    if (me.syn_seen || !other.syn_seen || syn_side_ != side || me.bytes > 0 || !me.held.empty()) return false;
    uint32_t answered = me.next - 1 - segment.seq;  // the data in the SYN that the answer acknowledged
    if (answered > segment.length) return false;
    me.isn = segment.seq;
    me.next = segment.seq + 1;
    me.syn_seen = true;
    me.scale = segment.window_scale;
    return true;
}

void TcpConnection::adopt_syn(int side, uint32_t isn) {
    TcpStream& me = streams_[side];
    me.isn = isn;
    me.next = isn + 1;
    me.syn_seen = me.synced = true;
    syn_side_ = static_cast<int8_t>(side);
}

// How far beyond its `next` this side may send: what the other side's window allows.
uint32_t TcpConnection::window_of(int side) const {
    const TcpStream &me = streams_[side], &other = streams_[1 - side];
    if (!other.syn_seen || !me.syn_seen) return kLargestWindow;
    int shift = me.scale >= 0 && other.scale >= 0 ? std::min<int>(other.scale, 14) : 0;
    uint64_t window = static_cast<uint64_t>(other.window) << shift;
    // Twice: the capture may show data before the acknowledgment that made room for it.
    return static_cast<uint32_t>(std::clamp<uint64_t>(2 * window, kAlwaysInWindow, kLargestWindow));
}

// Most segments are so near that the window need not be known.
bool TcpConnection::beyond_window(int side, int32_t ahead) const {
    return ahead > static_cast<int32_t>(kAlwaysInWindow) && ahead > static_cast<int32_t>(window_of(side));
}

bool TcpConnection::in_window(int side, uint32_t seq, uint32_t length) const {
    const TcpStream& me = streams_[side];
    if (!me.synced) return true;
    int32_t ahead = seq_diff(seq, me.next);
    if (ahead < 0) return seq_diff(seq + length, me.next) >= 0;
    return !beyond_window(side, ahead);
}

void TcpConnection::on_ack(int side, const Segment& segment) {
    TcpStream& other = streams_[1 - side];
    // The third packet of a handshake whose SYN-ACK was lost tells where the other side begins.
    if (!other.synced && other.held.empty() && streams_[side].syn_seen && !other.acked_known && !segment.has(kSyn)) {
        other.next = segment.ack;
        other.synced = true;
    }
    if (other.synced && beyond_window(1 - side, seq_diff(segment.ack, other.next))) return;
    if (other.acked_known && !seq_less(other.acked, segment.ack)) return;
    other.acked = segment.ack;
    other.acked_known = true;
    other.forget_acknowledged(context_);
}

// True for a copy that may be forged: its checksum is wrong, or unfinished, where this side's others were right.
// It waits until a valid copy comes. (Where offload leaves all checksums unfinished none is ever valid, and nothing
// waits.)
bool TcpConnection::suspicious(TcpStream& me, const Segment& segment) const {
    const bool wrong = segment.checksum == Checksum::invalid || segment.checksum == Checksum::unfinished;
    return wrong && me.checksums_tell();
}

// What this side had heard of the other one when it sent its last segment. Where that does not say so it had heard what
// was seen so far; nothing, as long as it is not known where the other side begins.
std::optional<uint32_t> TcpConnection::heard_by(int side, const Segment& last) const {
    const TcpStream& other = streams_[1 - side];
    if (last.has(kAck)) return last.ack;
    if (!other.synced) return other.acked_known ? std::optional(other.acked) : std::nullopt;
    return other.acked_known ? seq_max(other.acked, other.next) : other.next;
}

bool TcpConnection::acknowledges_unseen(int side, std::optional<uint32_t> ack) const {
    return ack && acknowledges_unseen(side, *ack);
}

bool TcpConnection::acknowledges_unseen(int side, uint32_t ack) const {
    const TcpStream& other = streams_[1 - side];
    if (!other.synced) return !other.held.empty() && seq_less(other.held.front().seq, ack);
    if (other.ended) return false;
    int32_t ahead = seq_diff(ack, other.next);
    return ahead > 0 && !beyond_window(1 - side, ahead);
}

void TcpConnection::on_payload(int side, const Segment& segment) {
    TcpStream& me = streams_[side];
    uint32_t seq = segment.seq;
    if (me.ended || (me.fin_known && !seq_less(seq, me.fin_at))) return;
    if (!in_window(side, seq, segment.length)) {
        if (seq_less(seq, me.next)) {
            context_.ledger.streams.retransmitted_bytes.add(segment.length);
        } else {
            context_.ledger.streams.out_of_window.add();
            return;
        }
    }
    if (!me.synced && me.acked_known && me.acked == seq && me.held.empty()) {
        me.next = seq;
        me.synced = true;
        handler_.on_midway(side);
    }
    if (me.synced && seq_less(seq, me.next)) {
        if (!suspicious(me, segment) && me.differs_from_history(segment, seq)) {
            context_.ledger.streams.conflicts.add();
            conflicts_ = true;
            handler_.on_conflict(side);
            // The first right checksum of this side: what was taken before may have been forged.
            if (segment.checksum == Checksum::valid && !me.checksums_tell()) {
                handler_.on_mistake(side);
                me.note_contradicted();
            }
        }
        if (!seq_less(me.next, seq + segment.length)) return;
        seq = me.next;
    }
    if (segment.checksum == Checksum::valid) me.saw_valid_data = true;
    bool untrusted = suspicious(me, segment);
    bool waits = segment.has(kAck) && acknowledges_unseen(side, segment.ack);
    if (me.synced && seq == me.next && me.held.empty() && !untrusted && !waits) return deliver(side, segment, seq);
    if (!me.hold(context_, segment, seq, untrusted)) resolve(side);
}

void TcpConnection::on_last(int side, const Segment& segment, uint32_t seq) {
    if (segment.has(kFin)) on_fin(side, segment, seq);
    if (segment.has(kRst)) on_reset(side, segment);
}

void TcpConnection::on_fin(int side, const Segment& segment, uint32_t seq) {
    TcpStream& me = streams_[side];
    if (me.fin_known || !in_window(side, seq + segment.length, 0)) return;
    if (!me.synced && me.held.empty()) {
        me.next = seq;
        me.synced = true;
    }
    me.fin_at = seq + segment.length;
    me.fin_ack = heard_by(side, segment);
    me.fin_known = true;
}

void TcpConnection::on_reset(int side, const Segment& segment) {
    const TcpStream &me = streams_[side], &other = streams_[1 - side];
    // RFC 9293 3.10.7.3: a reset that answers a SYN counts when it acknowledges it.
    bool refused = !me.synced && segment.has(kAck) && other.syn_seen && segment.ack == other.isn + 1;
    // Who has sent more already does not reset before it: RFC 9293 3.10.5 gives a reset the next number to send.
    bool outside = !in_window(side, segment.seq, 0) || seq_less(segment.seq, me.next) || me.holds_beyond(segment.seq);
    if (me.synced ? outside : !refused && other.syn_seen) {
        context_.ledger.streams.out_of_window.add();
        return;
    }
    if (reset_side_ >= 0) return;
    reset_side_ = static_cast<int8_t>(side);
    reset_at_ = segment.seq;
    reset_exact_ = me.synced && segment.seq == me.next;
    reset_ack_ = heard_by(side, segment);
    // Of a side joined midway what is held, or was acknowledged, tells whether it goes on.
    const bool ahead = !me.held.empty() || (me.acked_known && me.acked != segment.seq);
    if (!me.synced && !ahead) reset_due_ = true;
}

// RFC 5961 section 3.2: a receiver takes no reset with a number that lies ahead. Where nothing came that leads up to
// it, it is not the end: who could send one would else go on unseen.
void TcpConnection::end_wait_for_reset() {
    if (streams_[reset_side_].synced && streams_[reset_side_].next == reset_at_) {
        reset_due_ = true;
    } else {
        reset_side_ = -1;
        context_.ledger.streams.out_of_window.add();
    }
}

void TcpConnection::hand_over(int side, Piece piece) {
    TcpStream &me = streams_[side], &other = streams_[1 - side];
    // That it was acknowledged by now is not enough where bytes came late: who spoke last had heard all before it, and
    // not it, as one may who was joined midway: that may have been the answer.
    piece.quiet = me.acked_known && !seq_less(me.acked, me.next) && other.acked_known &&
                  !seq_less(other.acked, other.next) && other.said_ack_known && other.said_ack == me.next;
    conflicts_ |= piece.conflicting;
    me.next += piece.size;
    me.bytes += piece.size;
    me.waiting_since = -1;
    me.remember(context_, piece.data, piece.size);
    handler_.on_data(side, piece);
}

void TcpConnection::deliver(int side, const Segment& segment, uint32_t seq) {
    uint32_t skip = seq - segment.seq;
    if (skip < segment.captured)
        hand_over(side, {reinterpret_cast<const char*>(segment.data) + skip, segment.captured - skip, segment.time,
                         skip == 0, false, false, segment.number});
    if (segment.has(kAck)) streams_[side].note_ack(segment.ack);
    uint32_t cut = segment.length - std::max(segment.captured, skip);
    if (cut > 0) gap(side, cut);
    streams_[side].forget_acknowledged(context_);
}

void TcpConnection::deliver_held(int side) {
    TcpStream& me = streams_[side];
    std::unique_ptr<HeldSegment> segment = me.take_held();
    if (segment->checksum == Checksum::invalid && segment->untrusted) ++me.others_taken;  // not noted when it came
    uint64_t skip = me.next - segment->seq;
    bool start = segment->segment_start && skip == 0;
    for (const Chunk* chunk = segment->data.first(); chunk; chunk = chunk->next) {
        if (skip >= chunk->size) {
            skip -= chunk->size;
            continue;
        }
        hand_over(side, {chunk->data + skip, static_cast<uint32_t>(chunk->size - skip), segment->time, start,
                         segment->conflicting, false, segment->number});
        start = false;
        skip = 0;
    }
    if (segment->has_ack) me.note_ack(segment->ack);
    if (seq_less(me.next, segment->end())) gap(side, segment->end() - me.next);
    me.discard(context_, *segment);
    me.forget_acknowledged(context_);
}

void TcpConnection::gap(int side, uint32_t bytes) {
    TcpStream& me = streams_[side];
    me.next += bytes;
    me.missing += bytes;
    me.waiting_since = -1;
    me.forget(context_);  // what is remembered no longer ends at `next`
    context_.ledger.streams.gaps.add();
    context_.ledger.streams.gap_bytes.add(bytes);
    handler_.on_gap(side, bytes);
}

bool TcpConnection::may_deliver(int side, const HeldSegment& segment) const {
    if (segment.has_ack && acknowledges_unseen(side, segment.ack)) return false;
    if (!segment.untrusted) return true;
    // What this machine sent itself and was acknowledged was no forgery.
    const TcpStream& me = streams_[side];
    return segment.checksum == Checksum::unfinished && me.acked_known && !seq_less(me.acked, segment.end());
}

// The receiver took no such segment where it takes data with right checksums: what was acknowledged in its place was
// not seen. Where data with a right checksum never came it may be that somebody writes wrong ones; and of copies that
// differ the first is taken, which the record says.
bool TcpConnection::forged(const HeldSegment& segment) const {
    const bool wrong = segment.untrusted && segment.checksum == Checksum::invalid;
    return wrong && !segment.conflicting && (streams_[0].saw_valid_data || streams_[1].saw_valid_data);
}

bool TcpConnection::pump_side(int side) {
    TcpStream& me = streams_[side];
    if (!me.synced || me.ended) return false;
    bool progress = false;
    me.drop_before_next(context_);
    while (!me.held.empty() && !seq_less(me.next, me.held.front().seq) && may_deliver(side, me.held.front())) {
        deliver_held(side);
        me.drop_before_next(context_);
        progress = true;
    }
    if (me.fin_known && !seq_less(me.next, me.fin_at) && !acknowledges_unseen(side, me.fin_ack)) {
        deliver_fin(side);
        progress = true;
    }
    return progress;
}

void TcpConnection::deliver_fin(int side) {
    TcpStream& me = streams_[side];
    me.fin_done = me.ended = true;
    me.next = me.fin_at + 1;
    me.waiting_since = -1;
    handler_.on_fin(side);
}

void TcpConnection::pump() {
    while (pump_side(0) | pump_side(1)) {
    }
}

bool TcpConnection::must_wait(int side) const { return reset_side_ == side || lacks_bytes(side); }

// Whether bytes are missing that the other side has: only these can be a gap.
bool TcpConnection::lacks_bytes(int side) const {
    const TcpStream& me = streams_[side];
    if (me.ended) return false;
    if (!me.synced) return !me.held.empty();
    return me.acked_known && seq_less(me.next, me.acked) &&
           seq_diff(me.acked, me.next) <= static_cast<int32_t>(window_of(side));
}

void TcpConnection::start_waiting(TcpStream& me, Nanos now) {
    me.waiting_since = now;
    me.waited_packets = 0;
    me.waited_for = me.acked;
    me.waited_for_known = me.acked_known;
}

// A gap is what the other side acknowledged and 3 further packets, or 50 ms, went by without.
void TcpConnection::watch(int side, Nanos now) {
    TcpStream& me = streams_[side];
    if (ended_ || !must_wait(side)) {
        me.waiting_since = -1;
    } else if (me.waiting_since < 0 || (me.synced && lacks_bytes(side) && !me.waits_for_bytes())) {
        start_waiting(me, now);  // also where it was waiting for a reset, and now lacks bytes
    } else if (++me.waited_packets >= kGapPackets && lacks_bytes(side)) {
        resolve(side);
        pump();
        if (must_wait(side)) start_waiting(me, now);
    }
}

// The side to give up waiting for first: a segment that is only waiting for what it acknowledges
// comes behind that.
int TcpConnection::side_with_hole() const {
    const TcpStream& me = streams_[0];
    return me.synced && !me.held.empty() && !seq_less(me.next, me.held.front().seq) ? 1 : 0;
}

Outcome TcpConnection::on_time(Nanos now) {
    int first = side_with_hole();
    for (int side : {first, 1 - first}) {
        TcpStream& me = streams_[side];
        while (!ended_ && me.waiting_since >= 0 && now - me.waiting_since >= kGapDelay && must_wait(side)) {
            Nanos since = me.waiting_since;
            bool progress = lacks_bytes(side) && resolve(side);
            pump();
            if (!progress && reset_side_ == side) end_wait_for_reset();
            // Without a step to take only a further packet can change anything.
            me.waiting_since = progress ? since : -1;
        }
        if (!must_wait(side)) me.waiting_since = -1;
    }
    return settle();
}

// Stops waiting on this side: goes one step on. False when there is no step.
bool TcpConnection::resolve(int side) {
    TcpStream& me = streams_[side];
    if (me.ended) return false;
    if (!me.synced) {
        if (me.held.empty()) return false;
        me.next = me.held.front().seq;
        me.synced = true;
        handler_.on_midway(side);
        return true;
    }
    bool dropped = drop_forged(side);
    if (!me.held.empty() && !seq_less(me.next, me.held.front().seq)) {
        if (me.held.front().has_ack && !catch_up(side, me.held.front().ack)) handler_.on_disorder();
        deliver_held(side);
        return true;
    }
    if (me.fin_known && !seq_less(me.next, me.fin_at)) {
        deliver_fin(side);
        return true;
    }
    uint32_t hole = hole_of(side);
    bool closing = streams_[1 - side].fin_known && !me.fin_known && me.held.empty();
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
bool TcpConnection::catch_up(int side, uint32_t ack) {
    if (!acknowledges_unseen(side, ack)) return true;
    if (catching_up_) return false;
    catching_up_ = true;
    while (acknowledges_unseen(side, ack) && resolve(1 - side)) pump_side(1 - side);
    catching_up_ = false;
    return !acknowledges_unseen(side, ack);
}

// What stands where the next bytes should.
bool TcpConnection::drop_forged(int side) {
    TcpStream& me = streams_[side];
    bool dropped = false;
    while (!me.held.empty() && !seq_less(me.next, me.held.front().seq) && forged(me.held.front())) {
        me.discard(context_, *me.take_held());
        me.drop_before_next(context_);
        dropped = true;
    }
    return dropped;
}

// How many bytes are missing before what is held, or acknowledged.
uint32_t TcpConnection::hole_of(int side) const {
    const TcpStream& me = streams_[side];
    const bool waits = me.waiting_since >= 0;
    const uint32_t acknowledged = waits ? me.waited_for : me.acked;
    const bool acked = (waits ? me.waited_for_known : me.acked_known) && seq_less(me.next, acknowledged);
    size_t real = 0;
    while (real < me.held.size() && forged(me.held[real])) ++real;
    uint32_t to = me.next;
    if (real < me.held.size())
        to = acked ? seq_min(me.held[real].seq, acknowledged) : me.held[real].seq;
    else if (acked)
        to = acknowledged;
    if (me.fin_known) to = seq_min(to, me.fin_at);
    // What the other side said in the midst of the hole, having heard its first part, comes between the parts.
    const TcpStream& other = streams_[1 - side];
    const bool heard = other.synced && !other.held.empty() && other.held.front().has_ack &&
                       !seq_less(other.next, other.held.front().seq);
    if (heard && seq_less(me.next, other.held.front().ack)) to = seq_min(to, other.held.front().ack);
    return to - me.next;
}

void TcpConnection::flush(int side) {
    TcpStream& me = streams_[side];
    while (!me.held.empty() && resolve(side)) me.drop_before_next(context_);
    pump_side(side);
    while (must_wait(side) && resolve(side)) {
    }
    pump_side(side);
    // A FIN tells where the end is, acknowledged or not.
    if (me.synced && !me.ended && me.fin_known && seq_less(me.next, me.fin_at)) gap(side, me.fin_at - me.next);
}

void TcpConnection::finish(End end) {
    if (ended_) return;
    if (end == End::capture_end && reset_side_ >= 0) end = End::reset;
    // The client's side first where it is known: a request comes before its response.
    int first = syn_side_ == 1 ? 1 : 0;
    flush(first);
    flush(1 - first);
    ended_ = watchful_ = true;
    how_ = end;
    handler_.on_end(end);
    release();
}

Outcome TcpConnection::settle() {
    if (ended_) return Outcome::open;
    if (streams_[0].fin_done && streams_[1].fin_done) {
        finish(End::fin);
        return Outcome::ended;
    }
    if (reset_side_ >= 0) {
        const TcpStream& me = streams_[reset_side_];
        bool reached = reset_exact_ && me.next == reset_at_ && !acknowledges_unseen(reset_side_, reset_ack_);
        if (reset_due_ || me.ended || reached) {
            finish(End::reset);
            return Outcome::ended;
        }
    }
    return Outcome::open;
}

void TcpConnection::release() {
    streams_[0].release(context_);
    streams_[1].release(context_);
}

}  // namespace sniffer
