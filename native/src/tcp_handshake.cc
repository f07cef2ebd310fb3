#include "tcp_handshake.h"

namespace sniffer {
namespace {

void note_syn(TcpStream& me, const Segment& segment) {
    me.isn = segment.seq;
    me.syn_seen = true;
    me.scale = segment.window_scale;
}

// The SYN of what was seen before it.
bool shows_beginning(TcpStream& me, const Segment& segment) {
    if (me.syn_seen || !me.begins_with(segment.seq)) return false;
    note_syn(me, segment);
    return true;
}

}  // namespace

TcpHandshake::Answer TcpHandshake::on_syn(StreamPair& streams, int side, const Segment& segment, bool ended) {
    TcpStream &me = streams[side], &other = streams[1 - side];
    const bool answer = segment.has(kAck);
    if (me.syn_seen && me.isn == segment.seq) return Answer::proceed;  // sent again
    if (shows_beginning(me, segment)) return Answer::proceed;
    if (!answer && is_late_syn(streams, side, segment)) return Answer::proceed;
    if (answer && reopen_side_ == 1 - side && segment.ack == reopen_isn_ + 1) return Answer::reopen;
    const bool untouched =
        me.bytes + other.bytes == 0 && me.held.empty() && other.held.empty() && !(me.syn_seen && other.syn_seen);
    if (ended || (me.syn_seen && untouched && !answer)) {
        reopen_side_ = static_cast<int8_t>(answer ? 1 - side : side);
        reopen_isn_ = answer ? segment.ack - 1 : segment.seq;
        return Answer::reopen;
    }
    // Where the other side was joined midway this is no beginning of what it said.
    const bool joined = !answer && (!other.held.empty() || (other.synced && !other.syn_seen));
    if (me.synced || joined) return on_unproven(side, segment);
    begin(streams, side, segment);
    return Answer::proceed;
}

// A SYN on a live connection, or an answer to one, is remembered: the two of them prove each other.
TcpHandshake::Answer TcpHandshake::on_unproven(int side, const Segment& segment) {
    watchful_ = true;
    if (segment.has(kAck)) {
        answered_side_ = static_cast<int8_t>(1 - side);
        answered_isn_ = segment.ack - 1;
        return Answer::ignore;
    }
    reopen_side_ = static_cast<int8_t>(side);
    reopen_isn_ = segment.seq;
    return answered_side_ == side && answered_isn_ == segment.seq ? Answer::reopen : Answer::ignore;
}

void TcpHandshake::begin(StreamPair& streams, int side, const Segment& segment) {
    TcpStream &me = streams[side], &other = streams[1 - side];
    const bool answer = segment.has(kAck);
    note_syn(me, segment);
    me.next = segment.seq + 1;
    me.synced = true;
    if (syn_side_ < 0) syn_side_ = static_cast<int8_t>(answer ? 1 - side : side);
    if (answer && !other.synced) {
        other.next = segment.ack;
        other.synced = true;
    }
}

// A SYN that the capture shows behind the answer to it.
bool TcpHandshake::is_late_syn(StreamPair& streams, int side, const Segment& segment) const {
    TcpStream &me = streams[side], &other = streams[1 - side];
    if (me.syn_seen || !other.syn_seen || syn_side_ != side || me.bytes > 0 || !me.held.empty()) return false;
    uint32_t answered = me.next - 1 - segment.seq;  // the data in the SYN that the answer acknowledged
    if (answered > segment.length) return false;
    note_syn(me, segment);
    me.next = segment.seq + 1;
    return true;
}

void TcpHandshake::adopt_opener(StreamPair& streams, int side, uint32_t isn) {
    TcpStream& me = streams[side];
    me.next = isn + 1;
    me.synced = true;
    syn_side_ = static_cast<int8_t>(side);
}

bool TcpHandshake::reopens(const StreamPair& streams, int side, const Segment& segment, bool ended) {
    // A SYN that came when it was not known yet where its side begins was this connection's own.
    if (reopen_side_ >= 0 && streams[reopen_side_].begins_with(reopen_isn_)) reopen_side_ = -1;
    if (reopen_side_ == side) return segment.seq == reopen_isn_ + 1 && !streams.in_window(side, segment.seq, 0);
    // It heard what followed the new SYN; a late copy may say so of what followed a late copy of the old one.
    if (reopen_side_ == 1 - side && segment.has(kAck) && segment.ack - (reopen_isn_ + 1) < StreamPair::kAlwaysInWindow)
        return streams.foreign(1 - side, segment.ack);
    if (!streams.foreign(side, segment.seq)) return false;
    if (answered_side_ == side && segment.seq == answered_isn_ + 1) {
        reopen_side_ = answered_side_;  // the SYN itself was not seen, its answer was
        reopen_isn_ = answered_isn_;
        return true;
    }
    if (ended) reopen_side_ = -1;  // nothing of its handshake was seen
    return ended;
}

}  // namespace sniffer
