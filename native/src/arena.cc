#include "arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <memory>

namespace sniffer {

namespace {
// Mapped rather than allocated: every page is touched as it is cut into chunks, so the resident
// memory is what the budget counts.
constexpr size_t kSlab = 256 << 10, kChunks = kSlab / Chunk::kSize;
}  // namespace

Arena::~Arena() {
    for (SlabList* list : {&open_, &full_, &empty_})
        while (list->oldest()) unmap(*list, list->oldest());
}

Slab* Arena::open_another() {
    Slab* slab = empty_.newest();
    if (slab) {
        empty_.remove(slab);
        unused_ = std::min(unused_, --empty_count_);
    } else {
        slab = map();
    }
    if (slab) open_.add(slab);
    return slab;
}

Slab* Arena::map() {
    if (!budget_.take(kSlab)) return nullptr;
    auto slab = std::make_unique<Slab>();
    void* memory = mmap(nullptr, kSlab, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        budget_.give(kSlab);
        return nullptr;
    }
    slab->memory = static_cast<Chunk*>(memory);
    for (size_t i = kChunks; i-- > 0;) {  // the lowest address comes out first
        Chunk* chunk = slab->memory + i;
        chunk->next = slab->free;
        chunk->slab = slab.get();
        slab->free = chunk;
    }
    ++all_;
    idle_ += kSlab;
    return slab.release();
}

void Arena::set_aside(Slab* slab) {
    open_.remove(slab);
    empty_.add(slab);
    ++empty_count_;
}

// What comes and goes again and again is not mapped again and again.
void Arena::trim() {
    for (; unused_ > 0; --unused_, --empty_count_) unmap(empty_, empty_.oldest());
    unused_ = empty_count_;
}

bool Arena::release() {
    if (Slab* slab = open_.oldest(); slab && slab->used == 0) set_aside(slab);
    unused_ = empty_count_;
    const bool any = unused_ > 0;
    trim();
    return any;
}

void Arena::unmap(SlabList& list, Slab* slab) {
    list.remove(slab);
    --all_;
    idle_ -= kSlab;
    munmap(slab->memory, kSlab);
    delete slab;
    budget_.give(kSlab);
}

uint64_t Arena::in_use() const { return all_ * kSlab - idle_; }

// The usual case: what one chunk holds.
size_t Chain::begin(Arena& arena, const void* data, size_t size) {
    Chunk* chunk = arena.get();
    if (!chunk) return 0;
    std::memcpy(chunk->data, data, size);
    chunk->size = static_cast<uint32_t>(size);
    head_ = tail_ = chunk;
    size_ = size;
    return size;
}

size_t Chain::append_chunks(Arena& arena, const void* data, size_t size) {
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
    return size - left;
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
