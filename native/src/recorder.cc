#include "recorder.h"

#include <unistd.h>

#include "cursor.h"
#include "error.h"
#include "link.h"
#include "recording_trigger.h"

namespace sniffer {
namespace {

constexpr Nanos kFlushEvery = 300 * kMillisecond;  // with the kernel's delay well below the promised second

RecordingOrigin origin_of(const RecordingConfig& recording, const Capture& capture, const std::string& filter) {
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    return {file_link_type(capture.link_type()), recording.snaplen, capture.interface_name(), host, filter};
}

std::unique_ptr<FilterProgram> recording_program(const Config& config, const Capture& capture) {
    const PcapHandle dead(pcap_open_dead(capture.link_type(), 262144));
    return std::make_unique<FilterProgram>(dead.get(), config, FilterFor::recording);
}

}  // namespace

Recorder::Recorder(const Config& config, const Capture& capture, uint64_t memory, Ledger& ledger, Events& events)
    : recording_(config.recording),
      ledger_(ledger.recording),
      link_type_(capture.link_type()),
      format_(recording_.pcapng, {}),
      filter_(recording_program(config, capture)),
      pool_(std::make_shared<ChunkPool>(memory)),
      writer_(recording_, RecordingFormat(recording_.pcapng, origin_of(recording_, capture, filter_->text())), ledger,
              events) {
    ledger_.on = true;
    if (!recording_.anonymize_key.empty())
        anonymizer_ = std::make_unique<Anonymizer>(recording_.anonymize_key,
                                                   recording_.ports.empty() ? config.ports : recording_.ports);
    if (!recording_.stream_listen.empty())
        stream_ = std::make_unique<RecordingStream>(
            recording_.stream_listen, RecordingFormat(true, origin_of(recording_, capture, filter_->text())), ledger_,
            events);
}

Recorder::~Recorder() = default;

void Recorder::start() {
    writer_.start();
    if (stream_) stream_->start();
}

bool Recorder::wanted(const pcap_pkthdr& header, const uint8_t* packet) const {
    if (!filter_->matches(header, packet)) return false;
    if (link_type_ != DLT_LINUX_SLL2 && link_type_ != DLT_LINUX_SLL) return true;
    Cursor frame(packet, header.caplen, header.len);  // on `any`, packets of `lo` come twice
    return strip_link(link_type_, frame) != Link::loopback_copy;
}

uint64_t Recorder::accept(const pcap_pkthdr& header, const uint8_t* packet, Nanos time) {
    if (!wanted(header, packet)) return 0;
    ledger_.offered.add();
    if (!writable() && !stream_) {
        ledger_.paused.add();
        return 0;
    }
    const uint32_t captured = std::min(header.caplen, recording_.snaplen);
    const uint64_t in_file = format_.size(captured);
    if (!recording_.on_match && file_is_full(in_file, time)) begin_file(time);
    if (chunk_ && !chunk_->has_room(captured)) close_chunk();
    if (!chunk_ && !open_chunk(time)) {
        ledger_.buffer_full.add();
        return 0;
    }
    const PcapRecord record{static_cast<uint32_t>(time / kSecond), static_cast<uint32_t>(time % kSecond), captured,
                            header.len};
    char* bytes = chunk_->add(record, packet, in_file);
    if (anonymizer_) anonymizer_->rewrite(link_type_, reinterpret_cast<uint8_t*>(bytes), captured, header.len);
    if (chunk_->packets == 1) chunk_->first = time;
    chunk_->last = time;
    ++accepted_;
    if (!recording_.on_match && session_.number != 0) {
        file_bytes_ += in_file;
        index_.add(sequence_, accepted_, 1, ++frames_);
    }
    return accepted_;
}

// Follows the writer, which begins a new session after each fault.
bool Recorder::writable() {
    if (writer_.session_number() == session_.number) return session_.number != 0;
    close_chunk();
    session_ = writer_.session();
    sequence_ = session_.sequence;
    file_bytes_ = frames_ = 0;
    file_began_ = 0;
    return session_.number != 0;
}

bool Recorder::file_is_full(uint64_t more, Nanos time) const {
    if (frames_ == 0 || session_.number == 0) return false;
    return file_bytes_ + more > session_.rotate_bytes || time - file_began_ >= recording_.rotate_seconds * kSecond;
}

void Recorder::begin_file(Nanos time) {
    close_chunk();
    ++sequence_;
    file_bytes_ = frames_ = 0;
    file_began_ = time;
}

bool Recorder::open_chunk(Nanos time) {
    if (recording_.on_match && !ring_.empty() && ring_.size() + 2 >= pool_->limit() * 3 / 4) {
        ledger_.pre_trigger.add(ring_.front()->packets);
        ring_.pop_front();
    }
    chunk_ = pool_->get();
    if (!chunk_) return false;
    chunk_->session = session_.number;
    chunk_->sequence = sequence_;
    chunk_->first_id = accepted_ + 1;
    chunk_opened_ = steady_;
    if (frames_ == 0) file_began_ = time;
    return true;
}

void Recorder::close_chunk() {
    if (!chunk_ || chunk_->packets == 0) return;
    if (stream_) stream_->push(chunk_);
    if (recording_.on_match) return keep_in_ring(std::move(chunk_));
    writer_.push(std::move(chunk_));
}

void Recorder::tick(Nanos now, Nanos steady) {
    steady_ = steady;
    writable();
    if (chunk_ && steady - chunk_opened_ >= kFlushEvery) close_chunk();
    if (recording_.on_match) drop_from_ring(now);
}

void Recorder::stop() {
    close_chunk();
    for (const SharedChunk& chunk : ring_) ledger_.pre_trigger.add(chunk->packets);
    ring_.clear();
    if (stream_) stream_->stop();
    writer_.stop();
}

// --- what waits for a match ---

void Recorder::keep_in_ring(SharedChunk chunk) {
    drop_from_ring(chunk->last);
    ring_.push_back(std::move(chunk));
}

void Recorder::drop_from_ring(Nanos now) {
    while (!ring_.empty() && ring_.front()->last < now - recording_.pre_trigger_seconds * kSecond) {
        ledger_.pre_trigger.add(ring_.front()->packets);
        ring_.pop_front();
    }
}

void Recorder::on_message(const Message& message) {
    if (recording_.on_match && triggers(recording_, message)) release_ring();
}

// Only now the packets get their places in the files.
void Recorder::release_ring() {
    close_chunk();
    const bool possible = writable();
    for (SharedChunk& chunk : ring_) {
        if (!possible) {
            ledger_.paused.add(chunk->packets);
            continue;
        }
        if (file_is_full(chunk->file_bytes, chunk->last)) begin_file(chunk->first);
        if (frames_ == 0) file_began_ = chunk->first;
        chunk->session = session_.number;
        chunk->sequence = sequence_;
        index_.add(sequence_, chunk->first_id, chunk->packets, frames_ + 1);
        file_bytes_ += chunk->file_bytes;
        frames_ += chunk->packets;
        writer_.push(std::move(chunk));
    }
    ring_.clear();
}

}  // namespace sniffer
