// Memory under one ceiling: chunks of one size for everything that packets make us keep.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "lru.h"

namespace sniffer {

// Counts what all parts hold together. `limit` is maxMemory. Up to three quarters of it whoever comes first takes what
// it needs; of the rest each connection has a share, so that none is in the way of another.
class Budget {
 public:
    explicit Budget(uint64_t limit) : limit_(limit), common_(limit / 4 * 3) {}
    bool take(uint64_t bytes) {
        if (used_ + bytes > limit_) return false;
        used_ += bytes;
        if (used_ > peak_) peak_ = used_;
        return true;
    }
    void give(uint64_t bytes) { used_ -= bytes; }
    // For what must be kept whatever comes (a connection's own state): may pass the limit.
    void force(uint64_t bytes) {
        used_ += bytes;
        if (used_ > peak_) peak_ = used_;
    }
    uint64_t used() const { return used_; }
    uint64_t left() const { return limit_ - std::min(limit_, used_); }
    uint64_t peak() const { return peak_; }
    uint64_t limit() const { return limit_; }
    void share_among(uint64_t connections) { connections_ = connections; }
    // What one connection's messages may hold where memory is scarce; what waits for a gap's end, as much in each
    // direction.
    uint64_t share() const { return std::max(kLeastShare, limit_ / 8 / std::max<uint64_t>(1, connections_)); }
    // `unused`: bytes of the used ones that wait for use.
    bool scarce(uint64_t unused = 0) const { return used_ - unused > common_; }

 private:
    static constexpr uint64_t kLeastShare = 4096;
    uint64_t limit_, common_, used_ = 0, peak_ = 0, connections_ = 0;
};

// Called when the memory ceiling is reached: frees what others hold.
class MemoryRelief {
 public:
    virtual ~MemoryRelief() = default;
    // False when there is nothing left to free.
    virtual bool relieve() = 0;
};

struct Slab;

// Its bytes are a whole number of the blocks that escape_json() reads, so that only the last chunk has a rest.
struct Chunk {
    static constexpr uint32_t kSize = 2048, kBlock = 32, kRoom = kSize - kBlock;
    Chunk* next;
    Slab* slab;
    uint32_t size;
    alignas(kBlock) char data[kRoom];
};
static_assert(sizeof(Chunk) == Chunk::kSize);

// Chunks that were mapped together.
struct Slab {
    Chunk* memory = nullptr;
    Chunk* free = nullptr;
    uint32_t used = 0;
    Links<Slab> links;
};

// Chunks come from slabs. The slab that was full last serves first: its chunks are warm, and the others fall empty when
// a burst is over. Those that stay so go back to the system.
class Arena {
 public:
    explicit Arena(Budget& budget) : budget_(budget) {}
    ~Arena();
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    Chunk* get() {  // nullptr at the ceiling
        Slab* slab = open_.newest();
        if (!slab) slab = open_another();
        if (!slab) return nullptr;
        Chunk* chunk = slab->free;
        slab->free = chunk->next;
        ++slab->used;
        idle_ -= Chunk::kSize;
        if (!slab->free) {
            open_.remove(slab);
            full_.add(slab);
        }
        chunk->next = nullptr;
        chunk->size = 0;
        return chunk;
    }
    void put(Chunk* chunk) {
        Slab* slab = chunk->slab;
        chunk->next = slab->free;
        slab->free = chunk;
        idle_ += Chunk::kSize;
        if (!chunk->next) {
            full_.remove(slab);
            open_.add(slab);
        }
        if (--slab->used == 0 && slab != open_.oldest()) set_aside(slab);
    }
    // Gives back the slabs that were not used since the last call.
    void trim();
    // Gives back all that hold nothing. False where there is none.
    bool release();
    bool scarce() const { return budget_.scarce(idle_); }
    uint64_t in_use() const;  // bytes of chunks that are out

 private:
    using SlabList = LruList<Slab, &Slab::links>;
    Slab* open_another();
    Slab* map();
    void set_aside(Slab* slab);
    void unmap(SlabList& list, Slab* slab);

    Budget& budget_;
    // With a free chunk; without one; with nothing but free ones (the oldest open one may be so too).
    SlabList open_, full_, empty_;
    uint64_t all_ = 0, empty_count_ = 0;
    uint64_t idle_ = 0;    // bytes of chunks that are free
    uint64_t unused_ = 0;  // the least of empty_count_ since the last trim()
};

// Bytes in a chain of chunks. Holds nothing while it is empty.
class Chain {
 public:
    Chain() = default;
    Chain(Chain&& other) noexcept { swap(other); }
    Chain& operator=(Chain&& other) noexcept {
        swap(other);
        return *this;
    }
    // The owner calls clear(): a chain does not know its arena.
    // How many bytes it took: at the ceiling not all.
    size_t append(Arena& arena, const void* data, size_t size) {
        if (!tail_ && size > 0 && size <= Chunk::kRoom) return begin(arena, data, size);
        if (!tail_ || size > Chunk::kRoom - tail_->size) return append_chunks(arena, data, size);
        std::memcpy(tail_->data + tail_->size, data, size);
        tail_->size += static_cast<uint32_t>(size);
        size_ += size;
        return size;
    }
    // The same, and others make room.
    size_t append(Arena& arena, MemoryRelief* relief, const void* data, size_t size) {
        size_t taken = append(arena, data, size);
        while (taken < size && relief && relief->relieve())
            taken += append(arena, static_cast<const char*>(data) + taken, size - taken);
        return taken;
    }
    void clear(Arena& arena);
    uint64_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    const Chunk* first() const { return head_; }
    void copy_to(char* out) const;

 private:
    size_t begin(Arena& arena, const void* data, size_t size);
    size_t append_chunks(Arena& arena, const void* data, size_t size);
    void swap(Chain& other) noexcept {
        std::swap(head_, other.head_);
        std::swap(tail_, other.tail_);
        std::swap(size_, other.size_);
    }
    Chunk *head_ = nullptr, *tail_ = nullptr;
    uint64_t size_ = 0;
};

}  // namespace sniffer
