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
        visit(const_cast<char*>(chunk->data) + offset, done, n);
        done += n;
        offset = 0;
    }
}

bool same_bytes(const Chain& chain, uint64_t offset, const uint8_t* data, uint64_t size) {
    bool same = true;
    walk(chain, offset, size,
         [&](char* bytes, uint64_t at, uint64_t n) { same = same && std::memcmp(bytes, data + at, n) == 0; });
    return same;
}

}  // namespace

void TcpStream::discard(TcpContext& context, HeldSegment& segment) {
    context.budget.give(sizeof(HeldSegment));
    segment.data.clear(context.arena);
}

void TcpStream::release(TcpContext& context) {
    while (held) discard(context, *take_held());
    history_.clear(context.arena);
}

std::unique_ptr<HeldSegment> TcpStream::take_held() {
    std::unique_ptr<HeldSegment> first = std::move(held);
    held = std::move(first->next);
    if (!held) last_held_ = nullptr;
    held_memory_ -= memory_of(*first);
    return first;
}

void TcpStream::drop_before_next(TcpContext& context) {
    while (held && !seq_less(next, held->end())) discard(context, *take_held());
}

void TcpStream::insert(TcpContext& context, std::unique_ptr<HeldSegment>& place, const Segment& segment, uint32_t from,
                       uint32_t to, bool untrusted, bool& kept) {
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
    node->untrusted = untrusted;
    context.budget.force(sizeof(HeldSegment));
    if (skip < segment.captured) {
        uint32_t size = std::min(segment.captured - skip, node->length);
        size_t done = 0;
        while (true) {
            size_t appended = 0;
            if (node->data.append(context.arena, segment.data + skip + done, size - done, &appended)) break;
            done += appended;
            if (!context.relief.relieve()) {
                node->data.clear(context.arena);
                context.budget.give(sizeof(HeldSegment));
                kept = false;
                return;
            }
        }
    }
    held_memory_ += memory_of(*node);
    node->next = std::move(place);
    if (!node->next) last_held_ = node.get();
    place = std::move(node);
}

bool TcpStream::hold(TcpContext& context, const Segment& segment, uint32_t seq, bool untrusted) {
    bool kept = true;
    uint32_t at = seq, end = segment.seq + segment.length;
    std::unique_ptr<HeldSegment>* place = &held;
    // Behind everything that is held: the common case of a hole with data after it.
    if (last_held_ && !seq_less(at, last_held_->end())) place = &last_held_->next;
    while (*place && !seq_less(at, (*place)->end())) place = &(*place)->next;
    while (seq_less(at, end) && kept) {
        HeldSegment* other = place->get();
        if (!other || !seq_less(other->seq, end)) {
            insert(context, *place, segment, at, end, untrusted, kept);
            break;
        }
        if (seq_less(at, other->seq)) {
            insert(context, *place, segment, at, other->seq, untrusted, kept);
            at = other->seq;
            if (kept) place = &(*place)->next;
            continue;
        }
        uint32_t upto = seq_min(end, other->end());
        uint64_t offset = at - other->seq, skip = at - segment.seq;
        if (offset < other->data.size() && skip < segment.captured) {
            uint64_t n = std::min<uint64_t>({upto - at, other->data.size() - offset, segment.captured - skip});
            if (!same_bytes(other->data, offset, segment.data + skip, n)) {
                other->conflicting = true;
                context.ledger.streams.conflicts.add();
                if (segment.checksum == Checksum::valid && other->checksum != Checksum::valid)
                    walk(other->data, offset, n, [&](char* old, uint64_t position, uint64_t size) {
                        std::memcpy(old, segment.data + skip + position, size);
                    });
            }
            if (!untrusted) other->untrusted = false;
        }
        at = upto;
        place = &(*place)->next;
    }
    return kept && held_memory_ <= context.reorder_limit;
}

void TcpStream::remember(TcpContext& context, const void* data, uint32_t size) {
    if (history_.size() + size > kHistoryLimit) history_.clear(context.arena);
    // What does not fit is forgotten: it costs a comparison, never a message.
    if (size > kHistoryLimit || !history_.append(context.arena, data, size)) history_.clear(context.arena);
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
