#include "arena.h"

#include <sys/mman.h>

#include <algorithm>

namespace sniffer {

namespace {
// Mapped rather than allocated: every page is touched as it is cut into chunks, so the resident
// memory is what the budget counts.
constexpr size_t kSlab = 256 << 10;
}  // namespace

Arena::~Arena() {
    for (void* slab : slabs_) munmap(slab, kSlab);
    budget_.give(slabs_.size() * kSlab);
}

Chunk* Arena::get() {
    if (!free_ && !grow()) return nullptr;
    Chunk* chunk = free_;
    free_ = chunk->next;
    --free_count_;
    chunk->next = nullptr;
    chunk->size = 0;
    return chunk;
}

bool Arena::grow() {
    if (!budget_.take(kSlab)) return false;
    void* slab = mmap(nullptr, kSlab, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (slab == MAP_FAILED) {
        budget_.give(kSlab);
        return false;
    }
    slabs_.push_back(slab);
    constexpr size_t count = kSlab / Chunk::kSize;
    auto* chunks = static_cast<Chunk*>(slab);
    total_count_ += count;
    for (size_t i = count; i-- > 0;) put(chunks + i);  // the lowest address comes out first
    return true;
}

bool Chain::append_chunks(Arena& arena, const void* data, size_t size, size_t* appended) {
    const char* from = static_cast<const char*>(data);
    size_t left = size;
    while (left > 0) {
        if (!tail_ || tail_->size == Chunk::kRoom) {
            Chunk* chunk = arena.get();
            if (!chunk) break;
            (tail_ ? tail_->next : head_) = chunk;
            tail_ = chunk;
        }
        const size_t part = std::min<size_t>(left, Chunk::kRoom - tail_->size);
        std::memcpy(tail_->data + tail_->size, from, part);
        tail_->size += static_cast<uint32_t>(part);
        from += part;
        left -= part;
    }
    size_ += size - left;
    if (appended) *appended = size - left;
    return left == 0;
}

void Chain::clear(Arena& arena) {
    while (head_) {
        Chunk* next = head_->next;
        arena.put(head_);
        head_ = next;
    }
    tail_ = nullptr;
    size_ = 0;
}

void Chain::copy_to(char* out) const {
    for (const Chunk* chunk = head_; chunk; chunk = chunk->next) {
        std::memcpy(out, chunk->data, chunk->size);
        out += chunk->size;
    }
}

}  // namespace sniffer
