// What becomes of a file once it has its number: it is compressed, hashed and entered in index.jsonl.
// A thread of its own, so that none of it holds up the writing.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "events.h"
#include "recording_folder.h"
#include "recording_format.h"

namespace sniffer {

// What the index says of a file.
struct FileFacts {
    uint64_t sequence = 0, packets = 0, bytes = 0;
    Nanos first = 0, last = 0;
    uint64_t kernel_dropped = 0, interface_dropped = 0, buffer_full = 0;  // while it was written
    uint64_t lost = 0;       // packets that were meant for it and could not be written
    bool recovered = false;  // an earlier process wrote it: packets and times are read from it
    uint64_t cut = 0;        // bytes of a packet that was not whole, cut off
};

class RecordingIndex {
 public:
    RecordingIndex(const RecordingConfig& config, RecordingFolder& folder, const RecordingFormat& format,
                   Events& events);
    ~RecordingIndex();

    void start();
    void add(const FileFacts& facts);
    // Files were deleted: their lines go too, now and then.
    void forget(size_t files);
    // Does what is left, but compresses no more. An index that another process keeps locked is waited for a second.
    void stop();

 private:
    void run();
    bool work_on(const FileFacts& next, bool forgets);
    void finish(FileFacts facts);
    void recover(FileFacts& facts, const std::string& name) const;
    bool compress(FileFacts& facts, std::string& name);
    void enter_lines();
    void compact();
    std::chrono::milliseconds patience() const;

    const RecordingConfig& config_;
    RecordingFolder& folder_;
    const RecordingFormat& format_;
    Events& events_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<FileFacts> jobs_;
    size_t deleted_ = 0;
    std::atomic<bool> stopping_{false};  // also read while a file is worked on
    std::string lines_, said_;           // that wait to be entered; the last error, while it lasts
    std::thread thread_;
};

}  // namespace sniffer
