#include "tcp_reset.h"

namespace sniffer {

bool TcpReset::on_reset(const StreamPair& streams, int side, const Segment& segment) {
    const TcpStream &me = streams[side], &other = streams[1 - side];
    // RFC 9293 3.10.7.3: a reset that answers a SYN counts when it acknowledges it.
    const bool refused = !me.synced && segment.has(kAck) && other.syn_seen && segment.ack == other.isn + 1;
    // Who has sent more already does not reset before it: RFC 9293 3.10.5 gives a reset the next number to send.
    const bool outside =
        !streams.in_window(side, segment.seq, 0) || seq_less(segment.seq, me.next) || me.holds_beyond(segment.seq);
    if (me.synced ? outside : !refused && other.syn_seen) return false;
    if (pending()) return true;
    side_ = static_cast<int8_t>(side);
    at_ = segment.seq;
    exact_ = me.synced && segment.seq == me.next;
    ack_ = streams.heard_by(side, segment);
    // Of a side joined midway what is held, or was acknowledged, tells whether it goes on.
    const bool ahead = !me.held.empty() || (me.acked_known && me.acked != segment.seq);
    if (!me.synced && !ahead) due_ = true;
    return true;
}

bool TcpReset::end_wait(const StreamPair& streams) {
    const bool led_up = streams[side_].synced && streams[side_].next == at_;
    if (led_up)
        due_ = true;
    else
        side_ = -1;
    return led_up;
}

bool TcpReset::reached(const StreamPair& streams) const {
    if (!pending()) return false;
    const TcpStream& me = streams[side_];
    return due_ || me.ended || (exact_ && me.next == at_ && !streams.acknowledges_unseen(side_, ack_));
}

}  // namespace sniffer
