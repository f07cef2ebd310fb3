// Writes the chunks to the files, in a thread of its own: what the disk does holds up nobody.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <thread>

#include "ledger.h"
#include "packet_chunk.h"
#include "recording_folder.h"
#include "recording_guard.h"
#include "recording_index.h"

namespace sniffer {

// A time during which the folder takes packets: it ends with the first fault.
struct RecordingSession {
    uint64_t number = 0;    // 0: it takes none now
    uint64_t sequence = 0;  // of the session's first file
    uint64_t rotate_bytes = 0;
};

class RecordingWriter {
 public:
    RecordingWriter(const RecordingConfig& config, RecordingFormat format, Ledger& ledger, Events& events);
    ~RecordingWriter();

    // The first attempt to open the folder is made before this returns.
    void start();
    // Writes what is there, and ends.
    void stop();
    uint64_t session_number() const { return number_.load(std::memory_order_acquire); }
    RecordingSession session();
    void push(SharedChunk chunk) { queue_.push(std::move(chunk)); }

 private:
    void run();
    void look_after();
    void try_open();
    void take_over_leftover();
    void begin_file(uint64_t sequence);
    void end_file();
    void take(const PacketChunk& chunk);
    void write(const PacketChunk& chunk);
    void pause(const std::string& reason);
    void not_written(const PacketChunk& chunk);
    FileFacts drops() const;

    const RecordingConfig& config_;
    const RecordingFormat format_;
    Ledger& ledger_;
    Events& events_;
    RecordingFolder folder_;
    RecordingIndex index_;
    ChunkQueue queue_;
    std::atomic<uint64_t> number_{0};
    std::mutex mutex_;
    RecordingSession session_;
    uint64_t sessions_ = 0;
    uint64_t lost_in_ = 0;  // the highest number of a file that packets were lost of: records name it
    int file_ = -1;
    RecordingGuard guard_;
    FileFacts facts_, before_;
    std::string buffer_, said_;
    Nanos retry_at_ = 0, checked_at_ = 0;  // steady
    std::thread thread_;
};

}  // namespace sniffer
