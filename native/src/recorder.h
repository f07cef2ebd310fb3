// The recording as the capture thread sees it: packets in, chunks out to the writer and the stream.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "anonymizer.h"
#include "frame_index.h"
#include "ledger.h"
#include "packet_chunk.h"
#include "pcap_handle.h"
#include "record.h"
#include "recording_stream.h"
#include "recording_writer.h"

namespace sniffer {

class Recorder {
 public:
    // `memory`: bytes for packets on their way, and for those that wait for a match.
    Recorder(const Config& config, const Capture& capture, uint64_t memory, Ledger& ledger, Events& events);
    ~Recorder();

    void start();
    // A packet's number, by which frames() finds it again; 0 where it is not recorded.
    uint64_t accept(const pcap_pkthdr& header, const uint8_t* packet, Nanos time);
    // Passes on what waits long enough. `now` is the wall clock's.
    void tick(Nanos now, Nanos steady);
    // Does the rule for this message hold? Then what waits in memory is written.
    void on_message(const Message& message);
    // A record's `pcap` member; empty where its packets are not recorded.
    std::string frames(uint64_t first, uint64_t last) const { return index_.json(first, last); }
    // Everything that was accepted is written, or counted as not recorded.
    void stop();

 private:
    bool wanted(const pcap_pkthdr& header, const uint8_t* packet) const;
    bool writable();
    void begin_file(Nanos time);
    bool file_is_full(uint64_t more, Nanos time) const;
    bool open_chunk(Nanos time);
    void close_chunk();
    void keep_in_ring(SharedChunk chunk);
    void drop_from_ring(Nanos now);
    void release_ring();

    const RecordingConfig& recording_;
    Ledger::Recording& ledger_;
    const int link_type_;
    RecordingFormat format_;
    std::unique_ptr<FilterProgram> filter_;
    std::unique_ptr<Anonymizer> anonymizer_;
    std::shared_ptr<ChunkPool> pool_;
    RecordingWriter writer_;
    std::unique_ptr<RecordingStream> stream_;
    RecordingSession session_;
    FrameIndex index_;
    uint64_t accepted_ = 0;  // packets, so the last one's number
    uint64_t sequence_ = 0, file_bytes_ = 0, frames_ = 0;
    Nanos file_began_ = 0, chunk_opened_ = 0, steady_ = 0;
    SharedChunk chunk_;
    std::deque<SharedChunk> ring_;  // waits for a match, oldest first
};

}  // namespace sniffer
