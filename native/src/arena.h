// Memory under one ceiling: chunks of one size for everything that packets make us keep.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace sniffer {

// Counts what all parts hold together. `limit` is maxMemory.
class Budget {
 public:
    explicit Budget(uint64_t limit) : limit_(limit) {}
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

 private:
    uint64_t limit_, used_ = 0, peak_ = 0;
};

struct Chunk {
    static constexpr uint32_t kSize = 2048, kRoom = kSize - 16;
    Chunk* next;
    uint32_t size;
    char data[kRoom];
};

// Chunks come from slabs; free ones are reused last in, first out, so that they are warm. Slabs
// go back to the system when the arena goes.
class Arena {
 public:
    explicit Arena(Budget& budget) : budget_(budget) {}
    ~Arena();
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    Chunk* get();  // nullptr at the ceiling
    void put(Chunk* chunk) {
        chunk->next = free_;
        free_ = chunk;
        ++free_count_;
    }
    // Less than a quarter is left: bodies are cut, so that heads and reordering still find room.
    bool scarce() const { return free_ == nullptr && budget_.used() > budget_.limit() / 4 * 3; }
    uint64_t in_use() const { return (total_count_ - free_count_) * Chunk::kSize; }

 private:
    bool grow();
    Budget& budget_;
    Chunk* free_ = nullptr;
    uint64_t free_count_ = 0, total_count_ = 0;
    std::vector<void*> slabs_;
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
    // False at the ceiling: then a part may have been appended; `appended` says how much.
    bool append(Arena& arena, const void* data, size_t size, size_t* appended = nullptr) {
        if (!tail_ || size > Chunk::kRoom - tail_->size) return append_chunks(arena, data, size, appended);
        std::memcpy(tail_->data + tail_->size, data, size);
        tail_->size += static_cast<uint32_t>(size);
        size_ += size;
        if (appended) *appended = size;
        return true;
    }
    void clear(Arena& arena);
    uint64_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    const Chunk* first() const { return head_; }
    void copy_to(char* out) const;

 private:
    bool append_chunks(Arena& arena, const void* data, size_t size, size_t* appended);
    void swap(Chain& other) noexcept {
        std::swap(head_, other.head_);
        std::swap(tail_, other.tail_);
        std::swap(size_, other.size_);
    }
    Chunk *head_ = nullptr, *tail_ = nullptr;
    uint64_t size_ = 0;
};

}  // namespace sniffer
