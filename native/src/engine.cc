#include "engine.h"

#include <algorithm>
#include <exception>
#include <limits>

#include "clock.h"
#include "confine.h"
#include "error.h"
#include "protocol.h"

namespace sniffer {
namespace {

constexpr Nanos kFlushEvery = 50 * kMillisecond;     // how long a record may wait for others
constexpr Nanos kRefreshEvery = 200 * kMillisecond;  // the kernel's counters
constexpr Nanos kDrainSlack = 30 * kMillisecond;     // beyond the kernel's delay
constexpr Nanos kLongestDrain = 1 * kSecond;
constexpr Nanos kNever = std::numeric_limits<Nanos>::max();
constexpr Nanos kClockWasSet = 2 * kSecond;  // so far ahead of time is no packet
constexpr uint64_t kReplayRing = 8 << 20;

// The queue's share of maxMemory: a quarter, and up to three eighths where the largest record needs it
// and a recording leaves it. A replay waits for its reader, and small batches stay in the cache.
uint64_t ring_limit(const Config& config) {
    const uint64_t quarter = config.max_memory / 4;
    if (config.replay()) return std::min(quarter, kReplayRing);
    const uint64_t usual = std::min(quarter, std::max<uint64_t>(64 << 20, 2 * config.max_record));
    const uint64_t most = config.recording.on_match ? quarter : quarter + quarter / 2;
    return std::clamp(config.max_record + Ring::kBesideTheLargest, usual, most);
}

uint64_t fragment_limit(const Config& config) { return std::min<uint64_t>(config.max_memory / 16, 4 << 20); }

// The recording's share: for what waits to be written, and what waits for a match.
uint64_t recording_memory(const Config& config) {
    if (!config.recording.enabled) return 0;
    if (config.recording.on_match) return config.max_memory / 2;
    return std::min<uint64_t>(config.max_memory / 4, 16 << 20);
}

std::unique_ptr<FilterProgram> message_filter(const Config& config, const Capture& capture) {
    if (!config.recording.enabled || !config.reassemble) return nullptr;
    const PcapHandle dead(pcap_open_dead(capture.link_type(), 262144));
    return std::make_unique<FilterProgram>(dead.get(), config, FilterFor::messages);
}

std::string hex(std::string_view bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string out;
    for (unsigned char c : bytes) (out += digits[c >> 4]) += digits[c & 15];
    return out;
}

uint32_t delivery_flag(bool self_delivery) { return self_delivery ? SNIFFER_RECORD_SELF_DELIVERY : 0; }

}  // namespace

Engine::Engine(Config config)
    : config_(std::move(config)),
      capture_(config_.replay() ? open_files(config_) : open_live(config_)),
      exchanges_(capture_->addresses()),
      decoder_(capture_->link_type()),
      ring_(ring_limit(config_), config_.max_record, config_.replay()),
      budget_(config_.max_memory - ring_limit(config_) - recording_memory(config_) - fragment_limit(config_)),
      http_{config_, encoder_, arena_, budget_, ledger_, *this, {}, {}, {}, 0},
      tracker_(config_, ledger_, events_, arena_, budget_, http_, *this) {
    decoder_.limit_fragments(fragment_limit(config_));
    tracker_.set_local(capture_->addresses());
    if (!config_.recording.enabled) return;
    recorder_ = std::make_unique<Recorder>(config_, *capture_, recording_memory(config_), ledger_, events_);
    message_filter_ = message_filter(config_, *capture_);
}

Engine::~Engine() {
    stop();
    ring_.set_lossless(false);
    if (thread_.joinable()) thread_.join();
}

void Engine::start() {
    if (thread_.joinable()) throw EngineError(SNIFFER_STATE, "the capture was started before");
    thread_ = std::thread([this] { run(); });
}

void Engine::stop() {
    if (stop_.exchange(true)) return;
    capture_->wake();
}

void Engine::run() {
    try {
        if (!config_.replay()) confine();
        if (recorder_) recorder_->start();
        config_.replay() ? replay() : capture_live();
        finish();
    } catch (const EngineError& error) {
        status_ = error.status();
        reason_ = error.what();
        finish();
    } catch (const std::exception& error) {
        status_ = SNIFFER_INTERNAL;
        reason_ = error.what();
    }
    if (recorder_) recorder_->stop();
    tracker_.publish();
    ring_.flush();
    finished_.store(true, std::memory_order_release);
    ring_.notify();
}

// The capture is open: from here on no thread of it needs more than it has in its hands.
void Engine::confine() {
    if (const std::string error = confine_thread(); !error.empty())
        events_.add(Events::Line("not_confined").text("error", error));
}

void Engine::replay() {
    while (!stop_.load(std::memory_order_relaxed)) {
        int packets = capture_->dispatch(*this, 100);
        if (packets < 0) return;
        if (config_.replay_speed > 0) ring_.flush();
        tracker_.publish();
    }
}

// After a stop, what the kernel had captured by then is still read.
void Engine::capture_live() {
    while (true) {
        if (live_clock_.known()) tracker_.limit_time(live_clock_.at(steady_time()) + kClockWasSet);
        int packets = capture_->dispatch(*this, ring_.open() || tracker_.waiting() ? 20 : 250);
        const Nanos now = steady_time();
        after_dispatch(packets, now);
        if (!stop_.load(std::memory_order_relaxed)) continue;
        if (stopped_ == 0) {
            stopped_ = now;
            last_packet_ = live_clock_.known() ? live_clock_.at(now) + kKernelDelayMs * kMillisecond : kNever;
        }
        bool drained = packets == 0 && now - stopped_ > kKernelDelayMs * kMillisecond + kDrainSlack;
        if (drained || tracker_.clock().now() > last_packet_ || now - stopped_ > kLongestDrain) return;
    }
}

void Engine::after_dispatch(int packets, Nanos now) {
    if (recorder_) recorder_->tick(wall_time(), now);
    if (packets > 0 && tracker_.clock().now() > 0)
        live_clock_.saw(tracker_.clock().now(), now);
    else if (live_clock_
                 .known())  // One may still wait in the kernel: only what is older than that is sure to be silent.
        tracker_.on_time(live_clock_.at(now) - (kKernelDelayMs + 10) * kMillisecond);
    // Not beside one that the reader has not taken yet: a batch counts as a whole, however little is in it.
    if (now - last_flush_ > kFlushEvery && ring_.queued() == 0) {
        ring_.flush();
        last_flush_ = now;
    }
    if (now - last_refresh_ > kRefreshEvery) {
        refresh_counters();
        last_refresh_ = now;
    }
    tracker_.publish();
}

void Engine::refresh_counters() {
    CaptureCounters counters = capture_->counters();
    ledger_.capture.kernel_received.set(counters.received);
    ledger_.capture.kernel_dropped.set(counters.kernel_dropped);
    ledger_.capture.interface_dropped.set(counters.interface_dropped);
}

// What is open comes out whole: here the queue is waited for, live too.
void Engine::finish() {
    ring_.set_lossless(true);
    tracker_.finish();
    if (!config_.replay()) refresh_counters();
}

void Engine::on_packet(const pcap_pkthdr& header, const uint8_t* packet, Nanos time) {
    Ledger::Packets& packets = ledger_.packets;
    packets.received.add();
    if (recorder_) {
        segment_.number = recorder_->accept(header, packet, time);
        if (!config_.reassemble || !message_filter_->matches(header, packet)) return packets.recorded_only.add();
    }
    switch (decoder_.decode(header, packet, time, segment_)) {
        case Verdict::tcp:
            return tracker_.on_segment(segment_);
        case Verdict::not_ip:
            return packets.not_ip.add();
        case Verdict::not_tcp:
            return packets.not_tcp.add();
        case Verdict::malformed:
            return packets.malformed.add();
        case Verdict::fragment:
            return packets.fragment.add();
        case Verdict::fragment_lost:
            return packets.fragment_lost.add();
        case Verdict::loopback_copy:
            return packets.loopback_copy.add();
    }
}

void Engine::on_link_type(int link_type) { decoder_.set_link_type(link_type); }

void Engine::on_idle() {
    ring_.flush();
    tracker_.publish();
}

void Engine::push(uint32_t flags) {
    (ring_.push(line_, flags) ? ledger_.messages.delivered : ledger_.messages.queue_full).add();
    ledger_.gauges.queued_bytes.set(ring_.queued());
}

void Engine::on_message(const Message& message, bool self_delivery) {
    ring_.lend_room(line_);
    if (recorder_ && message.last_packet > 0) {
        recorder_->on_message(message);
        Message named = message;
        const std::string frames = recorder_->frames(message.first_packet, message.last_packet);
        named.pcap_json = frames;
        encoder_.encode(named, line_);
    } else {
        encoder_.encode(message, line_);
    }
    push((message.request ? 0 : SNIFFER_RECORD_RESPONSE) | delivery_flag(self_delivery));
}

void Engine::on_exchange(const Endpoint& receiver, const Endpoint& destination, const Exchange& exchange) {
    exchanges_.add(receiver, destination, exchange);
}

void Engine::on_connection_end(const ConnectionEnd& connection) {
    ledger_.messages.produced.add();
    ring_.lend_room(line_);
    encoder_.encode(connection, line_);
    push(SNIFFER_RECORD_CONNECTION | delivery_flag(connection.self_delivery));
}

void Engine::on_not_http(const Endpoint& receiver, const Endpoint& destination, std::string_view bytes) {
    if (events_.withhold("not_http")) return;
    Protocol protocol = identify(bytes);
    Events::Line line("not_http");
    line.ends(receiver, destination).text("protocol", protocol.name).text("firstBytes", hex(bytes.substr(0, 4)));
    if (!protocol.sni.empty()) line.text("sni", protocol.sni);
    if (!protocol.alpn.empty()) line.text("alpn", protocol.alpn);
    if (config_.log_samples) line.text("sample", bytes.substr(0, 32));
    events_.add(line);
}

void Engine::on_tunnel(const Endpoint& receiver, const Endpoint& destination, std::string_view how) {
    if (events_.withhold("tunnel")) return;
    events_.add(Events::Line("tunnel").ends(receiver, destination).text("by", how));
}

void Engine::on_missing(const Endpoint& receiver, const Endpoint& destination, bool request, uint64_t bytes) {
    if (events_.withhold("gap")) return;
    events_.add(Events::Line("gap")
                    .ends(receiver, destination)
                    .text("direction", request ? "request" : "response")
                    .number("bytes", bytes));
}

void Engine::on_lost_sync(const Endpoint& receiver, const Endpoint& destination, bool request) {
    if (events_.withhold("lost_sync")) return;
    events_.add(
        Events::Line("lost_sync").ends(receiver, destination).text("direction", request ? "request" : "response"));
}

const Ledger& Engine::ledger() { return ledger_; }

std::string Engine::describe() const {
    std::string out = "{\"interface\":\"" + capture_->interface_name() + "\",\"loopback\":";
    out += capture_->loopback() ? "true" : "false";
    out += ",\"linkType\":" + std::to_string(capture_->link_type()) + ",\"addresses\":[";
    const char* comma = "";
    for (const Address& address : capture_->addresses()) {
        out.append(comma).append("\"").append(to_string(address)).append("\"");
        comma = ",";
    }
    out += "],\"filter\":\"";
    for (char c : capture_->filter()) {
        if (c == '"' || c == '\\') out += '\\';
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
    return out + "\",\"bufferSize\":" + std::to_string(capture_->buffer_size()) + "}";
}

}  // namespace sniffer
