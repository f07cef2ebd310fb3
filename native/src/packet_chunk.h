// Packets on their way to the recording's files, by the quarter of a megabyte: the capture thread
// fills a chunk, the others only read it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "recording_format.h"
#include "types.h"

namespace sniffer {

struct PacketChunk {
    // A packet of the longest snap length fits, with its header.
    static constexpr size_t kCapacity = (256 << 10) + 4096;

    std::unique_ptr<char[]> data{new char[kCapacity]};
    size_t size = 0;
    uint64_t file_bytes = 0;  // what its packets take in the file
    uint64_t packets = 0, first_id = 0;
    uint64_t session = 0, sequence = 0;  // of the file it belongs to
    Nanos first = 0, last = 0;

    std::string_view records() const { return {data.get(), size}; }
    bool has_room(size_t captured) const { return size + sizeof(PcapRecord) + captured <= kCapacity; }
    // Returns where the packet's bytes are now.
    char* add(const PcapRecord& record, const void* bytes, uint64_t in_file) {
        char* to = data.get() + size;
        std::memcpy(to, &record, sizeof record);
        std::memcpy(to + sizeof record, bytes, record.captured);
        size += sizeof record + record.captured;
        file_bytes += in_file;
        ++packets;
        return to + sizeof record;
    }
    void reset() { size = file_bytes = packets = first_id = session = sequence = 0; }
};
using SharedChunk = std::shared_ptr<PacketChunk>;

// The chunks that there may be, used again and again.
class ChunkPool : public std::enable_shared_from_this<ChunkPool> {
 public:
    explicit ChunkPool(uint64_t bytes) : limit_(std::max<uint64_t>(bytes / PacketChunk::kCapacity, 4)) {}

    uint64_t limit() const { return limit_; }
    // nullptr where all are in use.
    SharedChunk get() {
        std::unique_ptr<PacketChunk> chunk;
        {
            std::lock_guard lock(mutex_);
            if (free_.empty() && made_ == limit_) return nullptr;
            if (free_.empty()) {
                ++made_;
            } else {
                chunk = std::move(free_.back());
                free_.pop_back();
            }
        }
        if (!chunk) chunk = std::make_unique<PacketChunk>();
        chunk->reset();
        return SharedChunk(chunk.release(), [pool = shared_from_this()](PacketChunk* used) { pool->put(used); });
    }

 private:
    void put(PacketChunk* chunk) {
        std::lock_guard lock(mutex_);
        free_.emplace_back(chunk);
    }
    const uint64_t limit_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<PacketChunk>> free_;
    uint64_t made_ = 0;
};

// From one thread to another; bounded by the pool that the chunks are from.
class ChunkQueue {
 public:
    void push(SharedChunk chunk) {
        {
            std::lock_guard lock(mutex_);
            chunks_.push_back(std::move(chunk));
        }
        changed_.notify_one();
    }
    // The oldest; nullptr when none came in time, or the queue is closed and empty.
    template <typename Duration>
    SharedChunk pop(Duration patience) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, patience, [this] { return !chunks_.empty() || closed_; });
        if (chunks_.empty()) return nullptr;
        SharedChunk chunk = std::move(chunks_.front());
        chunks_.pop_front();
        return chunk;
    }
    void close() {
        {
            std::lock_guard lock(mutex_);
            closed_ = true;
        }
        changed_.notify_all();
    }
    bool done() {
        std::lock_guard lock(mutex_);
        return closed_ && chunks_.empty();
    }

 private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<SharedChunk> chunks_;
    bool closed_ = false;
};

}  // namespace sniffer
