// One direction of a TCP connection: what was seen of it, what is next, what waits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

#include "arena.h"
#include "decode.h"
#include "held_segments.h"
#include "ledger.h"
#include "seq.h"

namespace sniffer {

struct TcpContext {
    Arena& arena;
    Budget& budget;
    Ledger& ledger;
    MemoryRelief& relief;
    uint64_t reorder_limit;  // bytes of chunks that one direction may hold back
};

// The numbers that one side used: from its SYN to its FIN, as far as they were seen.
struct SentRange {
    uint32_t first = 0, end = 0;
    bool known = false;  // else nothing of that side was seen
    // Of SYNs only the same one is a copy: a new connection may begin in the midst of what a fast one had sent.
    bool has(const Segment& segment) const {
        if (!known) return false;
        const bool alone = segment.length == 0;  // an acknowledgment, which stands behind what was sent before it
        return segment.has(kSyn) ? segment.seq == first : segment.seq - first < end - first + alone;
    }
    // Whether this is the answer to the SYN of this side.
    bool is_answered_by(const Segment& segment) const {
        return known && segment.has(kSyn) && segment.has(kAck) && segment.ack == first + 1;
    }
};

class TcpStream {
 public:
    void release(TcpContext& context);

    // Keeps what of this range is not held yet. Bytes that differ from held ones: those with a valid
    // checksum win over those without, else the first; what is untrusted gives way whole. False when the
    // limit or the ceiling is reached.
    bool hold(TcpContext& context, const Segment& segment, uint32_t seq, bool untrusted);
    bool holds_too_much(const TcpContext& context) const {
        return held_memory_ > context.reorder_limit || (context.arena.scarce() && waiting() > context.budget.share());
    }
    // Bytes of what was said and is neither handed over nor forgotten.
    uint64_t kept() const { return waiting() + history_.size(); }
    // The first held segment leaves.
    std::unique_ptr<HeldSegment> take_held() { return take_held(0); }
    bool holds_beyond(uint32_t seq) const { return !held.empty() && seq_less(seq, held.back().end()); }
    // Frees a segment that left.
    void discard(TcpContext& context, HeldSegment& segment);
    // Drops the held segments that lie before `next` whole.
    void drop_before_next(TcpContext& context);

    void note_ack(uint32_t ack) {
        said_ack = ack;
        said_ack_known = true;
    }

    void note_checksum(const Segment& segment) {
        if (segment.checksum == Checksum::valid)
            ++right_checksums;
        else if (segment.checksum != Checksum::unknown)
            ++others_taken;
    }
    // One of the others was other than a copy with a right checksum: it does not speak for others any longer.
    void note_contradicted() { others_taken -= others_taken > 0; }

    // Bytes that were handed over but not acknowledged are remembered, to compare retransmissions.
    void remember(TcpContext& context, const void* data, uint32_t size);
    void forget(TcpContext& context);
    void forget_acknowledged(TcpContext& context);
    // True when `segment` repeats remembered bytes differently.
    bool differs_from_history(const Segment& segment, uint32_t seq) const;

    uint32_t isn = 0, next = 0, acked = 0, fin_at = 0;
    std::optional<uint32_t> fin_ack;  // none: it had heard nothing that is known
    uint32_t said_ack = 0;            // what came with the last bytes that were handed over acknowledged
    uint32_t window = 0;              // last advertised by this side, unscaled
    int8_t scale = -1;                // of this side's SYN; -1: none or not seen
    bool synced = false;              // `next` is known
    bool syn_seen = false;            // so that `isn` is known
    bool said_ack_known = false;
    bool acked_known = false, fin_known = false, fin_done = false;
    bool ended = false;
    bool saw_valid_data = false;  // data with a right checksum
    bool conflicts = false;       // other bytes were seen for the same place
    // Segments with a right checksum, and those without that were taken all the same.
    uint32_t right_checksums = 0, others_taken = 0;
    bool checksums_known() const { return right_checksums + others_taken > 0; }
    // Whether a wrong checksum is a reason to doubt: where none are made one in 65,536 is right by chance.
    bool checksums_tell() const { return right_checksums > others_taken; }
    uint8_t waited_packets = 0;  // packets of the connection since waiting_since
    uint32_t waited_for = 0;     // what was acknowledged then
    bool waited_for_known = false;
    Nanos waiting_since = -1;  // since when this side has a hole that was acknowledged; -1: it has none
    // Whether anything of it is held, missing, waited for or about to end.
    bool unsettled() const { return seq_less(next, acked) || !held.empty() || fin_known || waiting_since >= 0; }
    bool waits_for_bytes() const { return waited_for_known && seq_less(next, waited_for); }
    HeldSegments held;
    uint64_t packets = 0, bytes = 0, missing = 0;

    uint64_t sent() const { return bytes + missing; }
    // Whether a SYN of this number is the one before all that was seen of it.
    bool begins_with(uint32_t syn) const { return synced && range().first == syn; }
    // Half of the numbers at most: more can't be told apart.
    SentRange range() const {
        return {next - fin_done - 1 - static_cast<uint32_t>(std::min<uint64_t>(sent(), 1u << 31)), next, synced};
    }

 private:
    // Nullptr where there is no room.
    HeldSegment* insert(TcpContext& context, size_t place, const Segment& segment, uint32_t from, uint32_t to);
    std::unique_ptr<HeldSegment> take_held(size_t place);
    static bool compare(TcpContext& context, const HeldSegment& other, const Segment& segment, uint32_t at,
                        uint32_t end);
    bool cut_out(TcpContext& context, size_t place, uint32_t at, uint32_t end);
    bool keep_part(TcpContext& context, size_t place, const HeldSegment& whole, uint32_t from, uint32_t to);
    // A full packet fills its chunk by more than a half; whoever sends less in one counts as if it were as much.
    uint64_t waiting() const { return held_memory_ / 2; }
    uint64_t held_memory_ = 0;
    Chain history_;  // the bytes before `next`
};

}  // namespace sniffer
