#include "arena.h"

#include <sys/mman.h>

#include <algorithm>

namespace sniffer {

namespace {
// Mapped rather than allocated: every page is touched as it is cut into chunks, so the resident
// memory is what the budget counts.
constexpr size_t kSlab = 256 << 10, kChunks = kSlab / Chunk::kSize;
}  // namespace

Arena::~Arena() {
    for (SlabList* list : {&open_, &full_})
        while (list->oldest()) unmap(*list, list->oldest());
}

bool Arena::grow() {
    if (!budget_.take(kSlab)) return false;
    void* memory = mmap(nullptr, kSlab, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        budget_.give(kSlab);
        return false;
    }
    auto* slab = new Slab;
    slab->memory = static_cast<Chunk*>(memory);
    for (size_t i = kChunks; i-- > 0;) {  // the lowest address comes out first
        Chunk* chunk = slab->memory + i;
        chunk->next = slab->free;
        chunk->slab = slab;
        slab->free = chunk;
    }
    open_.add(slab);
    ++empty_;
    ++all_;
    return true;
}

// Nothing of it is out any longer. How many may stay so follows from how many are in use: what comes and goes again and
// again shall not be mapped again and again.
void Arena::rest(Slab* slab) {
    ++empty_;
    if (slab != open_.oldest()) {
        open_.remove(slab);
        open_.add_oldest(slab);
    }
    while (empty_ > 1 + (all_ - empty_) / 4) {
        --empty_;
        unmap(open_, open_.oldest());
    }
}

void Arena::unmap(SlabList& list, Slab* slab) {
    list.remove(slab);
    --all_;
    munmap(slab->memory, kSlab);
    delete slab;
    budget_.give(kSlab);
}

uint64_t Arena::in_use() const {
    uint64_t free = 0;
    for (const Slab* slab = open_.oldest(); slab; slab = slab->links.after) free += kChunks - slab->used;
    return (all_ * kChunks - free) * Chunk::kSize;
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
