// The bounded queue between the capture thread and the reader: batches of whole records.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "sniffer.h"
#include "text.h"

namespace sniffer {

// One run of records. Its memory comes from mmap, so that freeing it gives it back.
class Batch {
 public:
    explicit Batch(size_t capacity);
    ~Batch();
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    bool fits(size_t bytes) const { return size_ + bytes <= capacity_; }
    // A line that was written at tail() is taken as it lies, another one is copied.
    void append(std::string_view line, uint32_t flags);
    char* tail() { return data_ + size_; }
    size_t room() const { return capacity_ - size_; }
    void clear();
    bool empty() const { return records_.empty(); }
    size_t size() const { return size_; }
    size_t capacity() const { return capacity_; }
    void describe(sniffer_batch& out);

 private:
    char* data_;
    size_t size_ = 0, capacity_;
    uint32_t flags_ = 0;
    std::vector<sniffer_record> records_;
};

class Ring {
 public:
    // What a limit holds beside the largest record at least: the batches that the reader has, and the one before it.
    static constexpr uint64_t kBesideTheLargest = 512 << 10;

    // `limit`: bytes of all batches, those that the reader holds included. `largest`: bytes of a record at most.
    // `lossless`: push() waits for room instead of refusing (replay).
    Ring(uint64_t limit, uint64_t largest, bool lossless);
    ~Ring();

    // From the capture thread: lets the next record be written where it will lie, when there is room
    // enough for most.
    void lend_room(Text& line);
    // False when the queue is full: the record is not kept.
    bool push(std::string_view line, uint32_t flags);
    // Makes what was pushed readable, and the event fd too.
    void flush();
    void notify();
    // Whether push() waits for room. Turning it off ends a wait: what does not fit is refused.
    void set_lossless(bool lossless);
    bool open() const { return open_ != nullptr; }

    // From the reader.
    std::unique_ptr<Batch> pop();
    void release(std::unique_ptr<Batch> batch);
    int event_fd() const { return event_fd_; }
    uint64_t queued() const { return queued_.load(std::memory_order_relaxed); }

 private:
    std::unique_ptr<Batch> take_batch(size_t bytes);
    bool make_room(size_t capacity);  // with mutex_ held; spare batches of another size give way
    void close_batch();

    const uint64_t limit_;
    const size_t batch_size_;
    bool lossless_;
    int event_fd_;
    std::unique_ptr<Batch> open_;  // the capture thread's own
    std::mutex mutex_;
    std::condition_variable room_;
    std::deque<std::unique_ptr<Batch>> ready_;
    std::vector<std::unique_ptr<Batch>> spare_;
    uint64_t memory_ = 0;  // of all batches, the spare ones too
    std::atomic<uint64_t> queued_{0};
};

}  // namespace sniffer
