#include "tcp_stream.h"

#include <algorithm>

namespace sniffer {
namespace {

constexpr uint64_t kHistoryLimit = 64 << 10;

uint64_t memory_of(const HeldSegment& segment) {
    return sizeof(HeldSegment) + (segment.data.size() + Chunk::kRoom - 1) / Chunk::kRoom * Chunk::kSize;
}

// Walks `size` bytes of a chain from `offset` on: visit(chain bytes, position in the walk, length).
template <typename Visit>
void walk(const Chain& chain, uint64_t offset, uint64_t size, Visit visit) {
    uint64_t done = 0;
    for (const Chunk* chunk = chain.first(); chunk && done < size; chunk = chunk->next) {
        if (offset >= chunk->size) {
            offset -= chunk->size;
            continue;
        }
        uint64_t n = std::min<uint64_t>(chunk->size - offset, size - done);
        visit(chunk->data + offset, done, n);
        done += n;
        offset = 0;
    }
}

bool same_bytes(const Chain& chain, uint64_t offset, const uint8_t* data, uint64_t size) {
    bool same = true;
    walk(chain, offset, size,
         [&](const char* bytes, uint64_t at, uint64_t n) { same = same && std::memcmp(bytes, data + at, n) == 0; });
    return same;
}

// The bytes that a held segment and another have both, from `at` to `end`.
struct Overlap {
    Overlap(const HeldSegment& held, const Segment& segment, uint32_t at, uint32_t end) {
        at = seq_max(at, held.seq);
        end = seq_min(end, held.end());
        offset = at - held.seq;
        skip = at - segment.seq;
        if (offset < held.data.size() && skip < segment.captured)
            size = std::min<uint64_t>({end - at, held.data.size() - offset, segment.captured - skip});
    }
    uint64_t offset = 0, skip = 0;  // in the held one, and in the other
    uint64_t size = 0;
};

// Of what the snap length cut nobody knows.
bool not_right(const HeldSegment& held) {
    return held.checksum == Checksum::invalid || held.checksum == Checksum::unfinished;
}

// Whether what is held and may be forged makes room for this segment. (One right checksum in 65,536 looks unfinished.)
bool gives_way(const HeldSegment& held, const Segment& segment, bool untrusted) {
    const bool better = held.checksum == Checksum::invalid && segment.checksum == Checksum::unfinished;
    return held.untrusted && (!untrusted || better);
}

}  // namespace

void TcpStream::discard(TcpContext& context, HeldSegment& segment) {
    context.budget.give(sizeof(HeldSegment));
    segment.data.clear(context.arena);
}

void TcpStream::release(TcpContext& context) {
    while (!held.empty()) discard(context, *take_held());
    history_.clear(context.arena);
}

std::unique_ptr<HeldSegment> TcpStream::take_held(size_t place) {
    std::unique_ptr<HeldSegment> taken = held.take(place);
    held_memory_ -= memory_of(*taken);
    return taken;
}

void TcpStream::drop_before_next(TcpContext& context) {
    while (!held.empty() && !seq_less(next, held.front().end())) discard(context, *take_held());
}

HeldSegment* TcpStream::insert(TcpContext& context, size_t place, const Segment& segment, uint32_t from, uint32_t to) {
    auto node = std::make_unique<HeldSegment>();
    uint32_t skip = from - segment.seq;
    node->seq = from;
    node->ack = segment.ack;
    node->has_ack = segment.has(kAck);
    node->length = to - from;
    node->time = segment.time;
    node->number = segment.number;
    node->checksum = segment.checksum;
    node->segment_start = skip == 0;
    context.budget.force(sizeof(HeldSegment));
    const uint32_t size = skip < segment.captured ? std::min(segment.captured - skip, node->length) : 0;
    if (size > 0 && node->data.append(context.arena, &context.relief, segment.data + skip, size) < size) {
        discard(context, *node);
        return nullptr;
    }
    held_memory_ += memory_of(*node);
    held.insert(place, std::move(node));
    return &held[place];
}

bool TcpStream::hold(TcpContext& context, const Segment& segment, uint32_t seq, bool untrusted) {
    const uint32_t end = segment.seq + segment.length;
    // Bytes with a valid checksum take the place of those with another one; else the first stay.
    bool conflicting = false;  // with what gave way to this one
    size_t place = held.place_of(seq);
    for (uint32_t at = seq; seq_less(at, end);) {
        HeldSegment* other = place < held.size() ? &held[place] : nullptr;
        if (other && !seq_less(at, other->end())) {
            ++place;
        } else if (other && seq_less(other->seq, end) && gives_way(*other, segment, untrusted)) {
            const bool differs = compare(context, *other, segment, at, end);
            conflicting |= differs;
            if (differs || other->checksum == Checksum::invalid)
                discard(context, *take_held(place));
            else
                other->untrusted = untrusted;
        } else if (!other || seq_less(at, other->seq)) {
            const uint32_t to = other ? seq_min(end, other->seq) : end;
            HeldSegment* added = insert(context, place, segment, at, to);
            if (!added) return false;
            added->untrusted = untrusted;
            added->conflicting = conflicting;
            at = to;
            ++place;
        } else {
            const bool differs = compare(context, *other, segment, at, end);
            other->conflicting |= differs;
            if (segment.checksum == Checksum::valid && not_right(*other)) {
                if (differs) note_contradicted();
                conflicting |= differs;
                if (!cut_out(context, place, at, end)) return false;
            } else {
                at = seq_min(end, other->end());
                ++place;
            }
        }
    }
    return !holds_too_much(context);
}

// Whether a held segment has other bytes than this one for any place that both have from `at` on.
bool TcpStream::compare(TcpContext& context, const HeldSegment& other, const Segment& segment, uint32_t at,
                        uint32_t end) {
    const Overlap both(other, segment, at, end);
    if (both.size == 0 || same_bytes(other.data, both.offset, segment.data + both.skip, both.size)) return false;
    context.ledger.streams.conflicts.add();
    return true;
}

// Makes room for what has a valid checksum: what is held at this place keeps the bytes before `at` and from `end` on.
bool TcpStream::cut_out(TcpContext& context, size_t place, uint32_t at, uint32_t end) {
    std::unique_ptr<HeldSegment> whole = take_held(place);
    const bool tail = !seq_less(end, whole->end()) || keep_part(context, place, *whole, end, whole->end());
    const bool head = !seq_less(whole->seq, at) || keep_part(context, place, *whole, whole->seq, at);
    discard(context, *whole);
    return head && tail;
}

// Holds a part of a held segment that was taken out. False where there is no room.
bool TcpStream::keep_part(TcpContext& context, size_t place, const HeldSegment& whole, uint32_t from, uint32_t to) {
    auto part = std::make_unique<HeldSegment>();
    part->seq = from;
    part->length = to - from;
    part->ack = whole.ack;
    part->has_ack = whole.has_ack;
    part->time = whole.time;
    part->number = whole.number;
    part->checksum = whole.checksum;
    part->segment_start = whole.segment_start && from == whole.seq;
    part->conflicting = whole.conflicting;
    part->untrusted = whole.untrusted;
    const uint64_t skip = from - whole.seq;
    const uint64_t size = skip < whole.data.size() ? std::min<uint64_t>(whole.data.size() - skip, part->length) : 0;
    uint64_t taken = 0;
    walk(whole.data, skip, size, [&](const char* from_chain, uint64_t, uint64_t n) {
        taken += part->data.append(context.arena, &context.relief, from_chain, n);
    });
    context.budget.force(sizeof(HeldSegment));
    if (taken < size) return discard(context, *part), false;
    held_memory_ += memory_of(*part);
    held.insert(place, std::move(part));
    return true;
}

void TcpStream::remember(TcpContext& context, const void* data, uint32_t size) {
    const uint64_t most = context.arena.scarce() ? std::min(kHistoryLimit, context.budget.share()) : kHistoryLimit;
    if (history_.size() + size > most) history_.clear(context.arena);
    // What there is no room for is forgotten: it costs a comparison, never a message.
    if (size > most || history_.append(context.arena, data, size) < size) history_.clear(context.arena);
}

void TcpStream::forget(TcpContext& context) { history_.clear(context.arena); }

void TcpStream::forget_acknowledged(TcpContext& context) {
    if (!history_.empty() && acked_known && !seq_less(acked, next)) forget(context);
}

bool TcpStream::differs_from_history(const Segment& segment, uint32_t seq) const {
    if (history_.empty() || segment.captured <= 1) return false;  // one old byte: a keep-alive (RFC 9293 3.8.4)
    uint32_t oldest = next - static_cast<uint32_t>(history_.size());
    uint32_t from = seq_max(seq, oldest), to = seq_min(segment.seq + segment.captured, next);
    if (!seq_less(from, to)) return false;
    return !same_bytes(history_, from - oldest, segment.data + (from - segment.seq), to - from);
}

}  // namespace sniffer
